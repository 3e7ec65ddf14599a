import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasSystemCode, messageOf } from '../util/errors.js';

/** Why a file can't be read and written, if it is there; null: it can, or isn't there. */
export async function whyNotPlainFile(path: string): Promise<string | null> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return 'it is a folder';
    if (!found.isFile()) return 'it is no plain file';
    await access(path, constants.R_OK | constants.W_OK);
    return null;
  } catch (error) {
    return hasSystemCode(error, 'ENOENT') ? null : messageOf(error);
  }
}

/** Why a folder can't be written; one that is missing will be made below the nearest that is there, unless it must be there. */
export async function whyNotWritable(folder: string, mustExist = false): Promise<string | null> {
  try {
    if (!(await stat(folder)).isDirectory()) return `${folder} is no folder`;
    await access(folder, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const parent = dirname(folder);
    if (!hasSystemCode(error, 'ENOENT') || parent === folder) return messageOf(error);
    return mustExist ? `there is no folder ${folder}` : whyNotWritable(parent);
  }
}

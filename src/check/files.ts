import { dirname } from 'node:path';
import { runtime } from '../runtime/runtime.js';
import { hasSystemCode, messageOf } from '../util/errors.js';

/** Why a file can't be read and written, if it is there; null: it can, or isn't there. */
export async function whyNotPlainFile(path: string): Promise<string | null> {
  try {
    const { disk } = runtime();
    const { kind } = await disk.status(path);
    if (kind === 'folder') return 'it is a folder';
    if (kind !== 'file') return 'it is not a regular file';
    await disk.requireAccess(path, 'change-file');
    return null;
  } catch (error) {
    return hasSystemCode(error, 'ENOENT') ? null : messageOf(error);
  }
}

/** Why a folder can't be written; one that is missing will be made below the nearest that is there, unless it must be there. */
export async function whyNotWritable(folder: string, mustExist = false): Promise<string | null> {
  try {
    const { disk } = runtime();
    if ((await disk.status(folder)).kind !== 'folder') return `${folder} is not a folder`;
    await disk.requireAccess(folder, 'change-folder');
    return null;
  } catch (error) {
    const parent = dirname(folder);
    if (!hasSystemCode(error, 'ENOENT') || parent === folder) return messageOf(error);
    return mustExist ? `there is no folder ${folder}` : whyNotWritable(parent);
  }
}

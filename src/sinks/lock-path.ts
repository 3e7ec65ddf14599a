import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hasSystemCode } from '../util/errors.js';

/**
 * The lock file of a sink's file: beside the file itself, so that two links to it share one lock.
 * @throws the system's error when its folder is not there.
 */
export async function lockPathOf(path: string): Promise<string> {
  try {
    return `${await realpath(path)}.lock`;
  } catch (error) {
    if (!hasSystemCode(error, 'ENOENT')) throw error;
    return `${join(await realpath(dirname(path)), basename(path))}.lock`;
  }
}

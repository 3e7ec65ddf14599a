import { basename, dirname, join, resolve } from 'node:path';

import { runtime } from '../runtime/runtime.js';
import { renameDurably, withFile } from '../util/durable.js';
import { hasSystemCode } from '../util/errors.js';
import type { Fencing } from '../util/fencing.js';
import { acquireProcessLock, type ProcessLock } from '../util/process-lock.js';
import { type FileIdentity, sameFile, statusAt } from './audit-file.js';
import { FileNotes } from './file-note.js';

/** The file that a path leads to, whether it is there or not: two links to it share one lock. */
export async function realPathOf(path: string): Promise<string> {
  const { disk } = runtime();
  try {
    return await disk.realPath(path);
  } catch (error) {
    if (!hasSystemCode(error, 'ENOENT')) throw error;
    const folder = await disk.realPath(dirname(path));
    const link = await disk.readLink(path).catch(() => null);
    return link === null ? join(folder, basename(path)) : realPathOf(resolve(folder, link));
  }
}

/**
 * The lock of the file that a path leads to.
 * @throws the system's error when its folder is not there.
 */
export async function lockPathOf(path: string): Promise<string> {
  return lockBeside(await realPathOf(path));
}

function lockBeside(realPath: string): string {
  return `${realPath}.lock`;
}

/** A lock on the file, and where to look for the file if a frozen writer's had to be replaced by a copy. */
export type FileLock = {
  readonly lock: ProcessLock;
  /** The copy that stands in the place of a file which had been renamed; null: there is none. */
  readonly copy: string | null;
};

/**
 * Takes the lock of a file, `PATH.lock`. An earlier leader that is frozen in the middle of a write keeps the file, and
 * we get a copy under the same name.
 * @param path the real path.
 * @param name the path as it is configured, for messages.
 */
export async function lockFile(path: string, name: string, fencing: Fencing | undefined): Promise<FileLock> {
  let copy: string | null = null;
  const detach = async (): Promise<void> => {
    copy = await replaceByCopies(path);
  };
  const lock = await acquireProcessLock(lockBeside(path), {
    code: 'sink',
    subject: `the file ${name}`,
    ...(fencing === undefined ? {} : { fencing }),
    detach,
  });
  return { lock, copy };
}

/** The name of a file in a folder, by its identity; null when it has none there. */
export async function nameOf(folder: string, wanted: FileIdentity): Promise<string | null> {
  for (const { name, kind } of await runtime().disk.list(folder)) {
    if (kind !== 'file') continue;
    const path = join(folder, name);
    if (sameFile(await statusAt(path), wanted)) return path;
  }
  return null;
}

/** Of the file itself and, where it has been renamed and its writer has not gone on yet, of that one. */
async function replaceByCopies(path: string): Promise<string | null> {
  const present = await statusAt(path);
  if (present !== null) await replaceByCopy(path);
  const written = await new FileNotes(path, 0).read();
  if (written === null || sameFile(present, written)) return null;
  const renamed = await nameOf(dirname(path), written);
  if (renamed !== null) await replaceByCopy(renamed);
  return renamed;
}

/** Puts a copy in a file's place: who has the old one open writes into what nobody sees any more. */
async function replaceByCopy(path: string): Promise<void> {
  const copy = `${path}.copy`;
  const { disk } = runtime();
  await disk.copyFile(path, copy);
  await withFile(await disk.open(copy, 'change'), (file) => file.sync());
  await renameDurably(copy, path);
}

import { basename, dirname, join, resolve } from 'node:path';

import { runtime } from '../runtime/runtime.js';
import { renameDurably, withFile } from '../util/durable.js';
import { hasSystemCode } from '../util/errors.js';
import type { Fencing } from '../util/fencing.js';
import { acquireProcessLock, type ProcessLock } from '../util/process-lock.js';
import { type FileIdentity, sameFile, statusAt } from './audit-file.js';
import { FileNotes } from './file-note.js';

/** Returns the file that a path leads to, whether it exists or not. So two links to it share one lock. */
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
 * Returns the path of the lock of the file that a path leads to.
 * @throws the system's error if the folder doesn't exist.
 */
export async function lockPathOf(path: string): Promise<string> {
  return lockBeside(await realPathOf(path));
}

function lockBeside(realPath: string): string {
  return `${realPath}.lock`;
}

/**
 * A lock on the file. If a frozen writer's file had to be replaced by a copy, it also says where that copy
 * is.
 */
export type FileLock = {
  readonly lock: ProcessLock;
  /** The path of the copy, if the file had been renamed before. Null if there is none. */
  readonly copy: string | null;
};

/**
 * Takes the lock of a file, `PATH.lock`. If an earlier leader is frozen in the middle of a write, it keeps
 * the file, and we get a copy under the same name.
 * @param path the real path.
 * @param name the path as configured, for messages.
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

/** Returns the path of a file in a folder, found by its identity. Null if it isn't there. */
export async function nameOf(folder: string, wanted: FileIdentity): Promise<string | null> {
  for (const { name, kind } of await runtime().disk.list(folder)) {
    if (kind !== 'file') continue;
    const path = join(folder, name);
    if (sameFile(await statusAt(path), wanted)) return path;
  }
  return null;
}

/**
 * Replaces the file by a copy. If it was renamed and its writer hasn't begun a new one yet, the renamed file
 * too. Returns the path of the copy if it isn't under the file's own name.
 */
async function replaceByCopies(path: string): Promise<string | null> {
  const present = await statusAt(path);
  const copied = present === null ? null : await replaceByCopy(path, present);
  const elsewhere = copied === path ? null : copied;
  const written = await new FileNotes(path, 0).read();
  if (written === null || sameFile(present, written)) return elsewhere;
  const renamed = await nameOf(dirname(path), written);
  return renamed === null ? elsewhere : replaceByCopy(renamed, written);
}

/**
 * Replaces a file by its copy. Whoever has the old one open writes to a file without a name. The file may be renamed
 * at any moment, and another one may be created under its old name. So the copy follows it: else its content would
 * be there twice, or lost. Returns the path of the copy. Null if the file is no longer in its folder.
 */
async function replaceByCopy(path: string, file: FileIdentity): Promise<string | null> {
  const copy = `${path}.copy`;
  const { disk } = runtime();
  const isThere = await disk.copyFile(path, copy).then(
    () => true,
    (error: unknown) => {
      if (hasSystemCode(error, 'ENOENT')) return false;
      throw error;
    },
  );
  if (isThere && sameFile(await statusAt(path), file)) {
    await withFile(await disk.open(copy, 'change'), (copied) => copied.sync());
    await renameDurably(copy, path);
    const renamed = await nameOf(dirname(path), file);
    if (renamed === null) return path;
    await renameDurably(path, renamed);
    return renamed;
  }
  if (isThere) await disk.unlink(copy);
  const renamed = await nameOf(dirname(path), file);
  return renamed === null ? null : replaceByCopy(renamed, file);
}

import { dirname } from 'node:path';
import type { OpenFile } from '../runtime/disk.js';
import { runtime } from '../runtime/runtime.js';

/** Passes an open file to `action`, and closes it whatever happens. */
export async function withFile<T>(file: OpenFile, action: (file: OpenFile) => Promise<T>): Promise<T> {
  try {
    return await action(file);
  } finally {
    await file.close();
  }
}

/**
 * Creates a file and syncs its content to the disk.
 * @throws the system's error, also if the file exists.
 */
export async function writeSynced(path: string, bytes: Buffer | string): Promise<void> {
  await withFile(await runtime().disk.open(path, 'create', 0o600), async (file) => {
    await file.writeFile(bytes);
    await file.sync();
  });
}

/** Puts a synced file in the place of another one, in one step, and syncs the new name to the disk. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await runtime().disk.rename(from, to);
  await syncFolder(dirname(to));
}

/**
 * Syncs a folder, so that the names in it are durable. Otherwise a name may mean the old file after a power failure.
 */
export async function syncFolder(path: string): Promise<void> {
  // Windows can't open a folder, and doesn't need to sync it.
  if (process.platform === 'win32') return;
  await withFile(await runtime().disk.open(path, 'read'), (folder) => folder.sync());
}

import { dirname } from 'node:path';
import type { OpenFile } from '../runtime/disk.js';
import { runtime } from '../runtime/runtime.js';

/** Works with an open file and closes it, whatever happens. */
export async function withFile<T>(file: OpenFile, action: (file: OpenFile) => Promise<T>): Promise<T> {
  try {
    return await action(file);
  } finally {
    await file.close();
  }
}

/** Writes a new file and has the disk keep it. @throws the system's error, also when there is one of that name. */
export async function writeSynced(path: string, bytes: Buffer | string): Promise<void> {
  await withFile(await runtime().disk.open(path, 'create', 0o600), async (file) => {
    await file.writeFile(bytes);
    await file.sync();
  });
}

/** Puts a synced file in another's place in one step, and has the disk keep that. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await runtime().disk.rename(from, to);
  await syncFolder(dirname(to));
}

/** Makes the names in a folder durable: without it, after a power failure, a name may still mean the old file. */
export async function syncFolder(path: string): Promise<void> {
  // Windows can't open a folder, and needs no sync of it.
  if (process.platform === 'win32') return;
  await withFile(await runtime().disk.open(path, 'read'), (folder) => folder.sync());
}

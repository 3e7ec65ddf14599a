import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acquit, entrust } from './reaper.js';

/** A private folder that ends with the run. Short, because a socket's path may have 107 bytes. */
export async function makeRunFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'waymark-test-'));
  entrust('folder', folder);
  return folder;
}

/** Removes such a folder before the end of the run. */
export async function removeRunFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  acquit('folder', folder);
}

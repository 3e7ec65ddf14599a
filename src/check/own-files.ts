import { basename, dirname, join } from 'node:path';
import { recordFiles } from '../checkpoint/file-store.js';
import type { Config } from '../config/schema.js';
import { runtime } from '../runtime/runtime.js';
import { lockPathOf } from '../sinks/file-lock.js';
import { WaymarkError } from '../util/errors.js';

/** A file that a stream writes, and what it is to it. */
type OwnFile = { readonly what: string; readonly path: string; readonly identity: string };

/**
 * Two files of streams that are one, by whatever names they go; null: there are none. What is there is told by its device
 * and its inode, what isn't by its name in its folder.
 */
export async function oneFileOfTwo(
  streams: readonly Pick<Config, 'stream' | 'sink' | 'checkpoint'>[],
): Promise<readonly [OwnFile, OwnFile] | null> {
  const several = streams.length > 1;
  const files = (await Promise.all(streams.map((stream) => filesOf(stream, several)))).flat();
  const known = new Map<string, OwnFile>();
  for (const file of files) {
    const other = known.get(file.identity);
    if (other !== undefined) return [other, file];
    known.set(file.identity, file);
  }
  return null;
}

/** @throws WaymarkError `config` when two files of an agent's streams are one. */
export async function requireOwnFiles(configs: readonly Config[]): Promise<void> {
  const pair = await oneFileOfTwo(configs);
  if (pair === null) return;
  const [first, second] = pair;
  throw new WaymarkError(
    'config',
    `${first.what} (${first.path}) and ${second.what} (${second.path}) are the same file: give each its own`,
    { details: { files: [first.path, second.path] } },
  );
}

async function filesOf(
  { stream, sink, checkpoint }: Pick<Config, 'stream' | 'sink' | 'checkpoint'>,
  several: boolean,
): Promise<OwnFile[]> {
  const of = several ? ` of the stream "${stream}"` : '';
  const files: { what: string; path: string }[] = [];
  if (sink.type === 'file') {
    files.push({ what: `the audit file${of}`, path: sink.path });
    // Where its folder is missing that is told by another condition.
    const lock = await lockPathOf(sink.path).catch(() => null);
    if (lock !== null) files.push({ what: `the audit file's lock${of}`, path: lock });
  }
  if (checkpoint.store === 'file') {
    const { record, layouts, lock } = recordFiles({ path: checkpoint.path, stream });
    files.push(
      { what: `the checkpoint${of}`, path: record },
      { what: `the checkpoint's layouts${of}`, path: layouts },
      { what: `the checkpoint's lock${of}`, path: lock },
    );
  }
  return Promise.all(files.map(async (file) => ({ ...file, identity: await identityOf(file.path) })));
}

async function identityOf(path: string): Promise<string> {
  try {
    const { device, inode } = await runtime().disk.status(path);
    return `${device}:${inode}`;
  } catch {
    return realPath(path);
  }
}

/** A path without links in it, as far as it is there. */
export async function realPath(path: string): Promise<string> {
  try {
    return await runtime().disk.realPath(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(await realPath(parent), basename(path));
  }
}

import { mkdtemp, open, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { Disk } from '../../../src/runtime/disk.js';
import { nodeDisk } from '../../../src/runtime/node-disk.js';
import { nodeRuntime } from '../../../src/runtime/node.js';
import { runIn } from '../../../src/runtime/runtime.js';
import { lockFile } from '../../../src/sinks/file-lock.js';

let folder: string;
let path: string;
let renamed: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waymark-file-lock-'));
  path = join(folder, 'audit.ndjson');
  renamed = `${path}.1`;
  await writeFile(path, 'records\n');
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Has a holder on another machine, which has not been heard of for long enough: it may only be frozen. */
async function holdElsewhere(): Promise<void> {
  await lockFile(path, path, undefined);
  const lock = `${path}.lock`;
  const holder = JSON.parse(await readFile(lock, 'utf8')) as Record<string, unknown>;
  await writeFile(lock, JSON.stringify({ ...holder, place: 'elsewhere', host: 'far' }));
  const old = new Date(Date.now() - 31_000);
  await utimes(lock, old, old);
}

/** The files of records in the folder, by name. */
async function contents(): Promise<Record<string, string>> {
  const names = (await readdir(folder)).filter((name) => !name.endsWith('.lock'));
  const texts = await Promise.all(
    names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')]),
  );
  return Object.fromEntries(texts) as Record<string, string>;
}

/** The moments at which logrotate may rename the file while its copy is made. */
const moments: Record<string, Partial<Disk>> = {
  'before it is copied': {
    async copyFile(from, to) {
      await renameOnce();
      await nodeDisk.copyFile(from, to);
    },
  },
  'before it is copied, with a new file in its place': {
    async copyFile(from, to) {
      if (await renameOnce()) await writeFile(path, '');
      await nodeDisk.copyFile(from, to);
    },
  },
  'behind the copying': {
    async copyFile(from, to) {
      await nodeDisk.copyFile(from, to);
      await renameOnce();
    },
  },
  'right before the copy takes its place': {
    async rename(from, to) {
      if (from.endsWith('.copy')) await renameOnce();
      await nodeDisk.rename(from, to);
    },
  },
};

async function renameOnce(): Promise<boolean> {
  if ((await readdir(folder)).includes('audit.ndjson.1')) return false;
  await rename(path, renamed);
  return true;
}

describe('what a holder has open that may only be frozen', () => {
  test('is replaced by a copy under the same name', async () => {
    await holdElsewhere();
    const held = await open(path, 'r+');
    const { copy } = await lockFile(path, path, undefined);
    expect(copy).toBeNull();
    await held.appendFile('late\n');
    await held.close();
    expect(await contents()).toEqual({ 'audit.ndjson': 'records\n' });
  });

  test.each(Object.entries(moments))('is there once, also when it is renamed %s', async (_name, hooks) => {
    await holdElsewhere();
    const held = await open(path, 'r+');
    const disk = { ...nodeDisk, ...hooks };
    const { copy } = await runIn({ ...nodeRuntime, disk }, () => lockFile(path, path, undefined));
    await held.writeFile('late\n');
    await held.close();
    const { 'audit.ndjson': inPlace = '', ...others } = await contents();
    expect([inPlace, others, copy]).toEqual(['', { 'audit.ndjson.1': 'records\n' }, renamed]);
  });
});

import { mkdtemp, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeDisk } from '../../../src/runtime/node-disk.js';
import { behavesAsDisk } from './disk-contract.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waymark-disk-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

behavesAsDisk(() => ({ disk: nodeDisk, folder }));

test('what it makes has the permissions that it was told', async () => {
  const [file, written, made] = ['file', 'written', 'made'].map((name) => join(folder, name));
  await (await nodeDisk.open(file!, 'create', 0o640)).close();
  await nodeDisk.writeNewFile(written!, '', 0o600);
  await nodeDisk.makeFolder(made!, 0o700);
  const modes = await Promise.all(
    [file, written, made].map(async (path) => (await stat(path!)).mode & 0o777),
  );
  expect(modes).toEqual([0o640, 0o600, 0o700]);
});

test('links are followed, and told', async () => {
  await nodeDisk.writeNewFile(join(folder, 'file'), 'one', 0o600);
  await symlink('file', join(folder, 'link'));
  expect(await nodeDisk.readLink(join(folder, 'link'))).toBe('file');
  expect(await nodeDisk.realPath(join(folder, 'link'))).toBe(join(await nodeDisk.realPath(folder), 'file'));
  expect(await nodeDisk.status(join(folder, 'link'))).toMatchObject({ kind: 'file', size: 3, links: 1 });
  expect(await nodeDisk.list(folder)).toContainEqual({ name: 'link', kind: 'other' });
});

test('it tells whose a file is', async () => {
  await nodeDisk.writeNewFile(join(folder, 'file'), '', 0o600);
  expect((await nodeDisk.status(join(folder, 'file'))).owner).toBe((await stat(join(folder, 'file'))).uid);
});

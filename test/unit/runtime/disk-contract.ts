import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Disk, OpenFile } from '../../../src/runtime/disk.js';

/** A disk to be held against the contract, and an empty folder on it. */
export type DiskUnderTest = { readonly disk: Disk; readonly folder: string };

/** What each disk must do, the real one and the simulated one: defines the tests. */
export function behavesAsDisk(given: () => DiskUnderTest): void {
  const at = (name: string): string => join(given().folder, name);
  const code = (error: string): object => expect.objectContaining({ code: error }) as object;

  async function write(name: string, text: string): Promise<OpenFile> {
    const file = await given().disk.open(at(name), 'create', 0o600);
    await file.writeFile(text);
    return file;
  }

  async function text(name: string): Promise<string> {
    return String(await given().disk.readFile(at(name)));
  }

  test('what is missing is ENOENT, whatever is wanted of it', async () => {
    const { disk } = given();
    const missing = at('missing');
    await expect(disk.open(missing, 'read')).rejects.toEqual(code('ENOENT'));
    await expect(disk.open(missing, 'change')).rejects.toEqual(code('ENOENT'));
    await expect(disk.open(missing, 'append')).rejects.toEqual(code('ENOENT'));
    await expect(disk.open(join(missing, 'file'), 'create')).rejects.toEqual(code('ENOENT'));
    await expect(disk.readFile(missing)).rejects.toEqual(code('ENOENT'));
    await expect(disk.rename(missing, at('other'))).rejects.toEqual(code('ENOENT'));
    await expect(disk.link(missing, at('other'))).rejects.toEqual(code('ENOENT'));
    await expect(disk.unlink(missing)).rejects.toEqual(code('ENOENT'));
    await expect(disk.copyFile(missing, at('other'))).rejects.toEqual(code('ENOENT'));
    await expect(disk.list(missing)).rejects.toEqual(code('ENOENT'));
    await expect(disk.status(missing)).rejects.toEqual(code('ENOENT'));
    await expect(disk.requireAccess(missing, 'change-file')).rejects.toEqual(code('ENOENT'));
    await expect(disk.realPath(missing)).rejects.toEqual(code('ENOENT'));
    await expect(disk.readLink(missing)).rejects.toEqual(code('ENOENT'));
    await expect(disk.touch(missing, 0)).rejects.toEqual(code('ENOENT'));
  });

  test('what must be new is EEXIST where there is something, and that stays as it is', async () => {
    const { disk } = given();
    await (await write('file', 'old')).close();
    await (await write('other', 'other')).close();
    await expect(disk.open(at('file'), 'create')).rejects.toEqual(code('EEXIST'));
    await expect(disk.writeNewFile(at('file'), 'new', 0o600)).rejects.toEqual(code('EEXIST'));
    await expect(disk.link(at('other'), at('file'))).rejects.toEqual(code('EEXIST'));
    expect(await text('file')).toBe('old');
    await disk.writeNewFile(at('new'), 'new', 0o600);
    expect(await text('new')).toBe('new');
  });

  test('it reads and writes where it is told, and says how much', async () => {
    const { disk } = given();
    const file = await write('file', '0123456789');
    expect(await file.write(Buffer.from('abcd'), 1, 2, 4)).toMatchObject({ bytesWritten: 2 });
    const buffer = Buffer.alloc(8, '-');
    expect(await file.read(buffer, 2, 4, 3)).toMatchObject({ bytesRead: 4 });
    expect(String(buffer)).toBe('--3bc6--');
    expect(await file.read(buffer, 0, 8, 8)).toMatchObject({ bytesRead: 2 });
    expect(await file.read(buffer, 0, 8, 10)).toMatchObject({ bytesRead: 0 });
    await file.truncate(3);
    await file.sync();
    await file.datasync();
    expect(await file.status()).toMatchObject({ size: 3 });
    await file.close();
    const again = await disk.open(at('file'), 'read');
    expect(String(await again.readFile())).toBe('012');
    await expect(again.write(Buffer.from('x'), 0, 1)).rejects.toEqual(code('EBADF'));
    await again.close();
  });

  test('without a position it writes behind what it wrote before', async () => {
    const { disk } = given();
    const file = await disk.open(at('file'), 'create', 0o600);
    await file.write(Buffer.from('one'), 0, 3);
    await file.write(Buffer.from('two'), 0, 3);
    await file.close();
    expect(await text('file')).toBe('onetwo');
  });

  test('what is opened for appending is written at its end, wherever that is by then', async () => {
    const { disk } = given();
    const first = await disk.open(at('file'), 'append-or-create', 0o600);
    await first.write(Buffer.from('123'), 0, 3);
    const second = await disk.open(at('file'), 'append');
    await second.write(Buffer.from('456'), 0, 3);
    await first.write(Buffer.from('789'), 0, 3);
    expect(await text('file')).toBe('123456789');
    await second.truncate(1);
    await first.write(Buffer.from('b'), 0, 1);
    await Promise.all([first.close(), second.close()]);
    expect(await text('file')).toBe('1b');
  });

  test('a file stays the one that it is when it is renamed, and when it has no name any more', async () => {
    const { disk } = given();
    const file = await write('file', 'one');
    const before = await file.status();
    await (await write('next', 'two')).close();
    await disk.rename(at('file'), at('renamed'));
    await disk.rename(at('next'), at('file'));
    expect(await disk.status(at('renamed'))).toMatchObject({ device: before.device, inode: before.inode });
    expect((await disk.status(at('file'))).inode).not.toBe(before.inode);
    await disk.link(at('renamed'), at('second'));
    expect(await file.status()).toMatchObject({ links: 2 });
    await disk.unlink(at('renamed'));
    // One file takes the place of another.
    await disk.rename(at('file'), at('second'));
    expect(await file.status()).toMatchObject({ links: 0, size: 3, inode: before.inode });
    const bytes = Buffer.alloc(3);
    await file.read(bytes, 0, 3, 0);
    expect([String(bytes), await text('second')]).toEqual(['one', 'two']);
    await file.close();
  });

  test('a copy is another file', async () => {
    const { disk } = given();
    const file = await write('file', 'one');
    await disk.copyFile(at('file'), at('copy'));
    await file.write(Buffer.from('X'), 0, 1, 0);
    await file.close();
    expect([await text('file'), await text('copy')]).toEqual(['Xne', 'one']);
    const copy = await disk.open(at('copy'), 'change');
    await copy.sync();
    await copy.close();
  });

  test('folders are made with those above, listed, and synced', async () => {
    const { disk } = given();
    await disk.makeFolder(at('a/b'), 0o700);
    await disk.makeFolder(at('a/b'), 0o700);
    await disk.writeNewFile(at('a/file'), '', 0o600);
    const listed = (await disk.list(at('a'))).toSorted((one, other) => (one.name < other.name ? -1 : 1));
    expect(listed).toEqual([
      { name: 'b', kind: 'folder' },
      { name: 'file', kind: 'file' },
    ]);
    expect(await disk.status(at('a'))).toMatchObject({ kind: 'folder' });
    const folder = await disk.open(at('a'), 'read');
    await folder.sync();
    await folder.close();
    await expect(disk.readFile(at('a'))).rejects.toEqual(code('EISDIR'));
    await expect(disk.list(at('a/file'))).rejects.toEqual(code('ENOTDIR'));
    await disk.requireAccess(at('a'), 'change-folder');
    await disk.requireAccess(at('a/file'), 'change-file');
  });

  test('it knows when a file was changed, or said to be', async () => {
    const { disk } = given();
    await (await write('file', 'one')).close();
    await disk.touch(at('file'), 1_600_000_000_000);
    expect(await disk.status(at('file'))).toMatchObject({ kind: 'file', changedMs: 1_600_000_000_000 });
  });

  test('the path of what is there is its real path', async () => {
    const { disk, folder } = given();
    await (await write('file', 'one')).close();
    expect(await disk.realPath(join(folder, '.', 'file'))).toBe(join(await disk.realPath(folder), 'file'));
    await expect(disk.readLink(at('file'))).rejects.toEqual(code('EINVAL'));
  });
}

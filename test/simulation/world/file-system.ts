import { tmpdir } from 'node:os';
import { posix } from 'node:path';
import type { Entry, FileStatus, OpenMode } from '../../../src/runtime/disk.js';
import type { Draws } from './draws.js';
import { FileContent } from './file-content.js';
import { systemError } from './system-error.js';

/** A file: its content, and how many names and open handles it has. */
export type FileNode = {
  readonly kind: 'file';
  readonly inode: number;
  readonly content: FileContent;
  changedMs: number;
  links: number;
  handles: number;
};

/** A folder: the names in it, and those that the disk has. */
export type FolderNode = {
  readonly kind: 'folder';
  readonly inode: number;
  names: Map<string, FileSystemNode>;
  readonly kept: Map<string, FileSystemNode>;
};

export type FileSystemNode = FileNode | FolderNode;

/** A name in a folder that means something else now; null: nothing. */
type NameChange = {
  readonly folder: FolderNode;
  readonly name: string;
  readonly node: FileSystemNode | null;
};

/**
 * The file system of a machine, in memory: what processes see, and what is on the disk. What was written to a file is
 * there when the file has been synced; a name when its folder has been. Changes of names come to the disk in their order,
 * as a journal has them, and those of one call together.
 */
export class FileSystem {
  /** How much fits. A disk that is full takes nothing more, as long as this isn't raised. */
  capacityBytes = Infinity;
  /** How long a call takes, and one that syncs: milliseconds, on average. */
  meanMs = 0.05;
  syncMeanMs = 0.5;
  /** How probable it is that a sync fails. */
  syncFailures = 0;
  readonly #draws: Draws;
  readonly #epochMs: () => number;
  readonly #root: FolderNode;
  #usedBytes = 0;
  #lastInode = 1;
  /** Inodes of files that are gone: another file may have them. */
  readonly #freeInodes: number[] = [];
  /** The changes of names that the disk doesn't have yet, those of one call together. */
  #journal: (readonly NameChange[])[] = [];

  /** @param epochMs the machine's wall clock. */
  constructor(draws: Draws, epochMs: () => number) {
    this.#draws = draws;
    this.#epochMs = epochMs;
    this.#root = this.#newFolder();
    // What is there before anybody writes: where Node puts what nobody else is to see.
    this.makeFolder(tmpdir());
    this.#commit(this.#journal.length);
  }

  /** Bytes in files that have a name or are open. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** What a path leads to, opened. */
  open(path: string, mode: OpenMode): FileSystemNode {
    const found = this.#find(path);
    if (mode === 'create' && found !== null) throw systemError('EEXIST', 'open', path);
    if (found !== null) {
      if (found.kind === 'folder' && mode !== 'read') throw systemError('EISDIR', 'open', path);
      if (found.kind === 'file') found.handles += 1;
      return found;
    }
    if (mode !== 'create' && mode !== 'append-or-create') throw systemError('ENOENT', 'open', path);
    const { folder, name } = this.#placeOf(path, 'open');
    const file: FileNode = {
      kind: 'file',
      inode: this.#newInode(),
      content: new FileContent(),
      changedMs: this.#epochMs(),
      links: 1,
      handles: 1,
    };
    this.#rename([{ folder, name, node: file }]);
    return file;
  }

  /** A handle is given back. */
  close(node: FileSystemNode): void {
    if (node.kind === 'folder') return;
    node.handles -= 1;
    this.#forgetIfUnused(node);
  }

  /** Writes as much as there is room for, at least a byte; how much. */
  write(file: FileNode, position: number, bytes: Uint8Array): number {
    const grows = Math.max(position + bytes.length - file.content.size, 0);
    const room = Math.max(this.capacityBytes - this.#usedBytes, 0);
    const fits = bytes.length - Math.max(grows - room, 0);
    if (fits <= 0 && bytes.length > 0) throw systemError('ENOSPC', 'write');
    this.#change(file, () => {
      file.content.write(position, bytes.subarray(0, fits));
    });
    return fits;
  }

  truncate(file: FileNode, size: number): void {
    if (size - file.content.size > this.capacityBytes - this.#usedBytes)
      throw systemError('ENOSPC', 'ftruncate');
    this.#change(file, () => {
      file.content.cut(size);
    });
  }

  /** Has the disk keep a file's content, or the names in a folder. */
  sync(node: FileSystemNode): void {
    if (this.#draws.chance(this.syncFailures)) {
      if (node.kind === 'file') node.content.refuse();
      throw systemError('EIO', 'fsync');
    }
    if (node.kind === 'file') node.content.sync();
    else
      this.#commit(
        this.#journal.findLastIndex((changes) => changes.some(({ folder }) => folder === node)) + 1,
      );
  }

  rename(from: string, to: string): void {
    const node = this.#existing(from, 'rename');
    const source = this.#placeOf(from, 'rename');
    const target = this.#placeOf(to, 'rename');
    const replaced = target.folder.names.get(target.name);
    // Two names of one file: nothing happens (rename(2)).
    if (replaced === node) return;
    if (replaced?.kind === 'folder') throw systemError('EISDIR', 'rename', to);
    this.#rename([
      { ...target, node },
      { ...source, node: null },
    ]);
    if (replaced !== undefined) this.#loseName(replaced);
  }

  link(path: string, name: string): void {
    const node = this.#existingFile(path, 'link');
    if (this.#find(name) !== null) throw systemError('EEXIST', 'link', name);
    node.links += 1;
    this.#rename([{ ...this.#placeOf(name, 'link'), node }]);
  }

  unlink(path: string): void {
    const node = this.#existingFile(path, 'unlink');
    this.#rename([{ ...this.#placeOf(path, 'unlink'), node: null }]);
    this.#loseName(node);
  }

  /** Makes a folder, and those that it is in. */
  makeFolder(path: string): void {
    let folder = this.#root;
    for (const name of partsOf(path)) {
      let next = folder.names.get(name);
      if (next === undefined) {
        next = this.#newFolder();
        this.#rename([{ folder, name, node: next }]);
      }
      if (next.kind === 'file') throw systemError('EEXIST', 'mkdir', path);
      folder = next;
    }
  }

  /** What is in a folder, in any order. */
  list(path: string): Entry[] {
    const node = this.#existing(path, 'scandir');
    if (node.kind === 'file') throw systemError('ENOTDIR', 'scandir', path);
    return this.#draws.shuffled([...node.names]).map(([name, { kind }]) => ({ name, kind }));
  }

  status(path: string): FileStatus {
    return this.statusOf(this.#existing(path, 'stat'));
  }

  statusOf(node: FileSystemNode): FileStatus {
    const { kind, inode } = node;
    const shared = { kind, inode: String(inode), device: '1', owner: 0 };
    return node.kind === 'file'
      ? { ...shared, size: node.content.size, links: node.links, changedMs: node.changedMs }
      : { ...shared, size: 0, links: 1, changedMs: 0 };
  }

  /** All of a file. */
  content(path: string): Buffer {
    const node = this.#existing(path, 'open');
    if (node.kind === 'folder') throw systemError('EISDIR', 'read', path);
    const bytes = Buffer.alloc(node.content.size);
    node.content.read(0, bytes);
    return bytes;
  }

  touch(path: string, epochMs: number): void {
    this.#existingFile(path, 'utime').changedMs = epochMs;
  }

  /** The path without what leads nowhere in it. There are no symbolic links. */
  realPath(path: string): string {
    this.#existing(path, 'realpath');
    return absolute(path);
  }

  /** Power is lost: the disk has what was synced, and of the rest what the seed decides. */
  losePower(): void {
    this.#commit(this.#draws.integer(0, this.#journal.length));
    this.#journal = [];
    const files = new Set<FileNode>();
    this.#restore(this.#root, files);
    for (const file of files) file.content.losePower(this.#draws);
    this.#usedBytes = [...files].reduce((bytes, { content }) => bytes + content.size, 0);
  }

  /** Sees what the disk has, from a folder on. */
  #restore(folder: FolderNode, files: Set<FileNode>): void {
    folder.names = new Map(folder.kept);
    for (const node of folder.names.values()) {
      if (node.kind === 'folder') {
        this.#restore(node, files);
        continue;
      }
      if (!files.has(node)) Object.assign(node, { links: 0, handles: 0 });
      node.links += 1;
      files.add(node);
    }
  }

  #rename(changes: readonly NameChange[]): void {
    for (const { folder, name, node } of changes) put(folder.names, name, node);
    this.#journal.push(changes);
  }

  /** The disk has so many of the changes. */
  #commit(count: number): void {
    for (const { folder, name, node } of this.#journal.splice(0, count).flat()) put(folder.kept, name, node);
  }

  #change(file: FileNode, change: () => void): void {
    const before = file.content.size;
    change();
    this.#usedBytes += file.content.size - before;
    file.changedMs = this.#epochMs();
  }

  #loseName(node: FileSystemNode): void {
    if (node.kind === 'folder') return;
    node.links -= 1;
    this.#forgetIfUnused(node);
  }

  #forgetIfUnused(file: FileNode): void {
    if (file.links > 0 || file.handles > 0) return;
    this.#usedBytes -= file.content.size;
    this.#freeInodes.push(file.inode);
  }

  #newFolder(): FolderNode {
    return { kind: 'folder', inode: this.#newInode(), names: new Map(), kept: new Map() };
  }

  #newInode(): number {
    const free = this.#draws.chance(0.5) ? this.#freeInodes.pop() : undefined;
    if (free !== undefined) return free;
    this.#lastInode += 1;
    return this.#lastInode;
  }

  #existing(path: string, syscall: string): FileSystemNode {
    const node = this.#find(path);
    if (node === null) throw systemError('ENOENT', syscall, path);
    return node;
  }

  #existingFile(path: string, syscall: string): FileNode {
    const node = this.#existing(path, syscall);
    if (node.kind === 'folder') throw systemError('EISDIR', syscall, path);
    return node;
  }

  #find(path: string): FileSystemNode | null {
    let node: FileSystemNode = this.#root;
    for (const name of partsOf(path)) {
      const next: FileSystemNode | undefined = node.kind === 'folder' ? node.names.get(name) : undefined;
      if (next === undefined) return null;
      node = next;
    }
    return node;
  }

  /** The folder that a path's last name is in, or would be. */
  #placeOf(path: string, syscall: string): { readonly folder: FolderNode; readonly name: string } {
    const folder = this.#find(posix.dirname(absolute(path)));
    if (folder === null) throw systemError('ENOENT', syscall, path);
    if (folder.kind === 'file') throw systemError('ENOTDIR', syscall, path);
    return { folder, name: posix.basename(path) };
  }
}

function absolute(path: string): string {
  return posix.resolve('/', path);
}

function partsOf(path: string): string[] {
  return absolute(path)
    .split('/')
    .filter((part) => part !== '');
}

function put(names: Map<string, FileSystemNode>, name: string, node: FileSystemNode | null): void {
  if (node === null) names.delete(name);
  else names.set(name, node);
}

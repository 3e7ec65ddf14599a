import type { Disk, Entry, FileStatus, OpenFile, OpenMode } from '../../../src/runtime/disk.js';
import type { FileNode, FileSystem, FileSystemNode } from './file-system.js';
import { systemError } from './system-error.js';

/** Has a call take its time, and its effect at one moment of it. */
export type DiskCall = <T>(what: string, effect: () => T, syncs?: boolean) => Promise<T>;

/** Whose disk it is. */
export type DiskOptions = {
  readonly files: FileSystem;
  readonly call: DiskCall;
  /** The boot of its machine, and when a process of it was started; null: there is no such process. */
  readonly bootId: () => string;
  readonly startedAtTick: (pid: number) => number | null;
  /** Calls back when the process is killed; gives what calls that off. */
  readonly onKill: (closed: () => void) => () => void;
};

/**
 * The disk as a process has it. Each call has its effect at one moment: before it, and behind it, the process may stand
 * still or die. The few files of /proc that tell processes apart are there.
 */
export class ProcessDisk implements Disk {
  readonly #options: DiskOptions;
  readonly #files: FileSystem;
  readonly #call: DiskCall;

  constructor(options: DiskOptions) {
    this.#options = options;
    this.#files = options.files;
    this.#call = options.call;
  }

  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    return this.#call(`opens ${path}`, () => {
      const node = this.#files.open(path, mode);
      return new SimulatedFile(this.#options, node, mode, (what, effect, syncs) =>
        this.#call(`${what} ${path}`, effect, syncs),
      );
    });
  }

  readFile(path: string): Promise<Buffer> {
    return this.#call(`reads ${path}`, () => this.#ofProc(path) ?? this.#files.content(path));
  }

  async writeNewFile(path: string, content: string): Promise<void> {
    const file = await this.open(path, 'create');
    try {
      await file.writeFile(content);
    } finally {
      await file.close();
    }
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call(`renames ${from} to ${to}`, () => {
      this.#files.rename(from, to);
    });
  }

  link(path: string, name: string): Promise<void> {
    return this.#call(`links ${path} as ${name}`, () => {
      this.#files.link(path, name);
    });
  }

  unlink(path: string): Promise<void> {
    return this.#call(`unlinks ${path}`, () => {
      this.#files.unlink(path);
    });
  }

  async copyFile(from: string, to: string): Promise<void> {
    const original = await this.open(from, 'read');
    const copy = await this.open(to, 'append-or-create');
    try {
      await copy.truncate(0);
      await copy.writeFile(await original.readFile());
    } finally {
      await original.close();
      await copy.close();
    }
  }

  makeFolder(path: string): Promise<void> {
    return this.#call(`makes ${path}`, () => {
      this.#files.makeFolder(path);
    });
  }

  list(path: string): Promise<readonly Entry[]> {
    return this.#call(`lists ${path}`, () => this.#files.list(path));
  }

  status(path: string): Promise<FileStatus> {
    return this.#call(`looks at ${path}`, () => this.#files.status(path));
  }

  /** Whatever is there may be written. */
  requireAccess(path: string): Promise<void> {
    return this.#call(`looks at ${path}`, () => {
      this.#files.status(path);
    });
  }

  realPath(path: string): Promise<string> {
    return this.#call(`looks at ${path}`, () => this.#files.realPath(path));
  }

  readLink(path: string): Promise<string> {
    return this.#call(`looks at ${path}`, () => {
      if (path === '/proc/self/ns/pid') return 'pid:[1]';
      this.#files.status(path);
      throw systemError('EINVAL', 'readlink', path);
    });
  }

  touch(path: string, epochMs: number): Promise<void> {
    return this.#call(`touches ${path}`, () => {
      this.#files.touch(path, epochMs);
    });
  }

  /** What Linux tells of this boot and of a process: proc_pid_stat(5). */
  #ofProc(path: string): Buffer | null {
    const { bootId, startedAtTick } = this.#options;
    if (path === '/proc/sys/kernel/random/boot_id') return Buffer.from(`${bootId()}\n`);
    const pid = Number(/^\/proc\/(\d+)\/stat$/.exec(path)?.[1]);
    const tick = startedAtTick(pid);
    if (tick === null) return null;
    const between = Array.from({ length: 18 }, () => '0').join(' ');
    return Buffer.from(`${String(pid)} (node) S ${between} ${String(tick)} 0\n`);
  }
}

/** A file that a process has open, or a folder. */
class SimulatedFile implements OpenFile {
  readonly #files: FileSystem;
  readonly #node: FileSystemNode;
  readonly #mode: OpenMode;
  readonly #call: DiskCall;
  /** Undone when it is closed, or its process has ended. */
  readonly #giveUp: () => void;
  #isOpen = true;
  #position = 0;

  constructor({ files, onKill }: DiskOptions, node: FileSystemNode, mode: OpenMode, call: DiskCall) {
    this.#files = files;
    this.#node = node;
    this.#mode = mode;
    this.#call = call;
    const unwatch = onKill(() => {
      this.#giveUp();
    });
    this.#giveUp = () => {
      unwatch();
      this.#isOpen = false;
      files.close(node);
    };
  }

  status(): Promise<FileStatus> {
    return this.#call('looks at', () => this.#files.statusOf(this.#opened()));
  }

  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }> {
    return this.#call('reads', () => {
      const target = buffer.subarray(offset, offset + length);
      const bytesRead = this.#openedFile('read').content.read(position, target);
      return { bytesRead };
    });
  }

  write(
    buffer: Buffer,
    offset: number,
    length: number,
    position?: number,
  ): Promise<{ bytesWritten: number }> {
    return this.#call('writes', () => ({
      bytesWritten: this.#put(buffer.subarray(offset, offset + length), position),
    }));
  }

  readFile(): Promise<Buffer> {
    return this.#call('reads', () => {
      const { content } = this.#openedFile('read');
      const bytes = Buffer.alloc(content.size);
      content.read(0, bytes);
      return bytes;
    });
  }

  async writeFile(content: Buffer | string): Promise<void> {
    const bytes = Buffer.from(content);
    for (let from = 0; from < bytes.length;) {
      const { bytesWritten } = await this.write(bytes, from, bytes.length - from);
      from += bytesWritten;
    }
  }

  truncate(bytes: number): Promise<void> {
    return this.#call('cuts', () => {
      this.#files.truncate(this.#openedFile('ftruncate'), bytes);
    });
  }

  sync(): Promise<void> {
    const effect = (): void => {
      this.#files.sync(this.#opened());
    };
    return this.#call('syncs', effect, true);
  }

  datasync(): Promise<void> {
    return this.sync();
  }

  close(): Promise<void> {
    return this.#call('closes', () => {
      this.#opened();
      this.#giveUp();
    });
  }

  #put(bytes: Buffer, position: number | undefined): number {
    const file = this.#openedFile('write');
    if (this.#mode === 'read') throw systemError('EBADF', 'write');
    const at = this.#mode.startsWith('append') ? file.content.size : (position ?? this.#position);
    const written = this.#files.write(file, at, bytes);
    if (position === undefined) this.#position = at + written;
    return written;
  }

  #opened(): FileSystemNode {
    if (!this.#isOpen) throw systemError('EBADF', 'file handle');
    return this.#node;
  }

  #openedFile(syscall: string): FileNode {
    const node = this.#opened();
    if (node.kind === 'folder') throw systemError('EISDIR', syscall);
    return node;
  }
}

import type { Disk, Entry, FileStatus, OpenFile, OpenMode } from '../../../src/runtime/disk.js';
import type { Draws } from './draws.js';
import type { FileNode, FileSystem, FileSystemNode } from './file-system.js';
import type { SimulatedProcess } from './process.js';
import { systemError } from './system-error.js';

/**
 * The disk as a process has it. Each call takes some time, has its effect at one moment of it, and answers later: between
 * the two the process may stand still or die. The few files of /proc that tell processes apart are there.
 */
export class ProcessDisk implements Disk {
  readonly #process: SimulatedProcess;
  readonly #draws: Draws;

  constructor(process: SimulatedProcess, draws: Draws) {
    this.#process = process;
    this.#draws = draws;
  }

  get #files(): FileSystem {
    return this.#process.machine.fileSystem;
  }

  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    return this.#call(`opens ${path}`, () => {
      const node = this.#files.open(path, mode);
      return new SimulatedFile(this.#process, node, mode, (what, effect, syncs) =>
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
    const { machine } = this.#process;
    if (path === '/proc/sys/kernel/random/boot_id') return Buffer.from(`${machine.bootId}\n`);
    const pid = /^\/proc\/(\d+)\/stat$/.exec(path)?.[1];
    const process = machine.processes.get(Number(pid));
    if (process === undefined) return null;
    const between = Array.from({ length: 18 }, () => '0').join(' ');
    return Buffer.from(`${String(process.pid)} (node) S ${between} ${String(process.startedAtTick)} 0\n`);
  }

  #call<T>(what: string, effect: () => T, syncs = false): Promise<T> {
    const { meanMs, syncMeanMs } = this.#files;
    const takesMs = this.#draws.exponential(syncs ? syncMeanMs : meanMs);
    return new Promise((resolve, reject) => {
      this.#process.after(takesMs, 'arrival', what, () => {
        const answer = outcomeOf(effect);
        this.#process.after(this.#draws.exponential(meanMs), 'arrival', `${what}: done`, () => {
          if ('error' in answer) reject(answer.error);
          else resolve(answer.value);
        });
      });
    });
  }
}

type Call = <T>(what: string, effect: () => T, syncs?: boolean) => Promise<T>;

/** A file that a process has open, or a folder. */
class SimulatedFile implements OpenFile {
  readonly #process: SimulatedProcess;
  readonly #node: FileSystemNode;
  readonly #mode: OpenMode;
  readonly #call: Call;
  /** Undone when it is closed, or its process has ended. */
  readonly #giveUp: () => void;
  #isOpen = true;
  #position = 0;

  constructor(process: SimulatedProcess, node: FileSystemNode, mode: OpenMode, call: Call) {
    this.#process = process;
    this.#node = node;
    this.#mode = mode;
    this.#call = call;
    const unwatch = process.onEnd((how) => {
      // What had it open is forgotten with everything else when power is lost.
      if (how === 'killed') this.#giveUp();
    });
    this.#giveUp = () => {
      unwatch();
      this.#isOpen = false;
      process.machine.fileSystem.close(node);
    };
  }

  status(): Promise<FileStatus> {
    return this.#call('looks at', () => this.#files.statusOf(this.#opened()));
  }

  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }> {
    return this.#call('reads', () => {
      const target = buffer.subarray(offset, offset + length);
      return { bytesRead: this.#openedFile('read').content.read(position, target) };
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

  get #files(): FileSystem {
    return this.#process.machine.fileSystem;
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

function outcomeOf<T>(effect: () => T): { readonly value: T } | { readonly error: Error } {
  try {
    return { value: effect() };
  } catch (error) {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }
}

import { type BigIntStats, constants, type Dirent } from 'node:fs';
import {
  access,
  copyFile,
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  stat,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import type { Access, Disk, FileKind, FileStatus, OpenFile, OpenMode } from './disk.js';

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, R_OK, W_OK, X_OK } = constants;

const openFlags: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY,
  change: O_RDWR,
  create: O_RDWR | O_CREAT | O_EXCL,
  append: O_RDWR | O_APPEND,
  'append-or-create': O_RDWR | O_APPEND | O_CREAT,
};

const accessFlags: Readonly<Record<Access, number>> = {
  'change-file': R_OK | W_OK,
  'change-folder': W_OK | X_OK,
};

/** The file system of this machine. */
export const nodeDisk: Disk = {
  open: async (path, mode, permissions) => new NodeFile(await open(path, openFlags[mode], permissions)),
  readFile: (path) => readFile(path),
  writeNewFile: (path, content, permissions) => writeFile(path, content, { flag: 'wx', mode: permissions }),
  rename,
  link,
  unlink,
  copyFile: (from, to) => copyFile(from, to, constants.COPYFILE_FICLONE),
  async makeFolder(path, permissions) {
    await mkdir(path, { recursive: true, mode: permissions });
  },
  async list(path) {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
  },
  status: async (path) => statusOf(await stat(path, { bigint: true })),
  requireAccess: (path, wanted) => access(path, accessFlags[wanted]),
  realPath: (path) => realpath(path),
  readLink: (path) => readlink(path),
  touch: (path, epochMs) => utimes(path, epochMs / 1000, epochMs / 1000),
};

class NodeFile implements OpenFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async status(): Promise<FileStatus> {
    return statusOf(await this.#handle.stat({ bigint: true }));
  }

  read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }> {
    return this.#handle.read(buffer, offset, length, position);
  }

  write(
    buffer: Buffer,
    offset: number,
    length: number,
    position?: number,
  ): Promise<{ readonly bytesWritten: number }> {
    return this.#handle.write(buffer, offset, length, position);
  }

  readFile(): Promise<Buffer> {
    return this.#handle.readFile();
  }

  writeFile(content: Buffer | string): Promise<void> {
    return this.#handle.writeFile(content);
  }

  truncate(bytes: number): Promise<void> {
    return this.#handle.truncate(bytes);
  }

  sync(): Promise<void> {
    return this.#handle.sync();
  }

  datasync(): Promise<void> {
    return this.#handle.datasync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

function statusOf(stats: BigIntStats): FileStatus {
  return {
    kind: kindOf(stats),
    device: String(stats.dev),
    inode: String(stats.ino),
    size: Number(stats.size),
    links: Number(stats.nlink),
    owner: Number(stats.uid),
    changedMs: Number(stats.mtimeMs),
  };
}

function kindOf(stats: BigIntStats | Dirent): FileKind {
  if (stats.isFile()) return 'file';
  return stats.isDirectory() ? 'folder' : 'other';
}

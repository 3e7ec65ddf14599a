import { dirname } from 'node:path';

import type { FileStatus, OpenFile, OpenMode } from '../runtime/disk.js';
import { runtime } from '../runtime/runtime.js';
import { syncFolder } from '../util/durable.js';
import { hasSystemCode, WaymarkError } from '../util/errors.js';
import { markBytes, markOf } from './file-position.js';
import type { FileSight } from './file-sight.js';

/** Which file it is, whatever its name. */
export type FileIdentity = { readonly device: string; readonly inode: string };

/** How far a file has been written. */
export type FileState = {
  readonly offset: number;
  readonly transactionStart: number;
  readonly lastBytes: Buffer;
  readonly startBytes: Buffer;
};

/** Whether two identities are one file's. */
export function sameFile(a: FileIdentity | null, b: FileIdentity | null): boolean {
  return a !== null && b !== null && a.device === b.device && a.inode === b.inode;
}

/** What stands under a name; null when nothing does. Its identity is among it. */
export async function statusAt(path: string): Promise<FileStatus | null> {
  try {
    return await runtime().disk.status(path);
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/**
 * The error of a file with several names; null: it has one. The lock is beside a file's name, and each name would have
 * its own: a second agent could write into it by another name.
 */
export function whySeveralNames(path: string, { links }: Pick<FileStatus, 'links'>): WaymarkError | null {
  if (links <= 1) return null;
  return new WaymarkError(
    'sink',
    `the file ${path} has ${String(links)} names (hard links), and an agent could write into it by each. Leave it one: ` +
      `find -samefile ${path} shows the others; where it was to be kept, put a copy in its place`,
    { details: { path, links } },
  );
}

/**
 * A file of records that is open: the only place that opens one, writes it, and cuts it.
 *
 * It is opened for appending (O_APPEND, see open(2)): should somebody cut it between our look at it and our write, what
 * we write stands at its end, and not behind a hole of zero bytes.
 */
export class AuditFile {
  /** Its name when it was opened. */
  readonly path: string;
  readonly identity: FileIdentity;
  readonly handle: OpenFile;
  #offset = 0;
  #transactionStart = 0;
  /** Our last bytes, up to {@link markBytes}. */
  #lastBytes: Buffer = Buffer.alloc(0);
  /** The same, up to {@link transactionStart}. */
  #startBytes: Buffer = Buffer.alloc(0);

  private constructor(path: string, handle: OpenFile, identity: FileIdentity) {
    this.path = path;
    this.handle = handle;
    this.identity = identity;
  }

  /** Opens the file that is there; null when there is none. @throws the system's error, or when it is no file. */
  static async openExisting(path: string): Promise<AuditFile | null> {
    try {
      return await AuditFile.#open(path, 'append');
    } catch (error) {
      if (hasSystemCode(error, 'ENOENT')) return null;
      throw error;
    }
  }

  /** Opens the file, made if need be; the disk has its name then. */
  static async openOrCreate(path: string): Promise<AuditFile> {
    const file = await AuditFile.#open(path, 'append-or-create');
    await syncFolder(dirname(path));
    return file;
  }

  static async #open(path: string, mode: OpenMode): Promise<AuditFile> {
    const handle = await runtime().disk.open(path, mode, 0o640);
    try {
      const { kind, device, inode } = await handle.status();
      if (kind !== 'file') throw new Error('it is not a regular file');
      return new AuditFile(path, handle, { device, inode });
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** @throws WaymarkError `sink` when it has more names than this one. */
  async requireOneName(): Promise<void> {
    const refusal = whySeveralNames(this.path, await this.handle.status());
    if (refusal !== null) throw refusal;
  }

  /** Its length, as we know it. */
  get offset(): number {
    return this.#offset;
  }

  /** Offset behind the last complete transaction. */
  get transactionStart(): number {
    return this.#transactionStart;
  }

  /** Whether nothing of an unfinished transaction is in it. */
  get endsBetweenTransactions(): boolean {
    return this.#offset === this.#transactionStart;
  }

  /** Goes on from its end, which lies between two transactions. */
  async goOnAt(end: number): Promise<void> {
    this.#offset = this.#transactionStart = end;
    this.#lastBytes = this.#startBytes = await this.#bytesBefore(end);
  }

  /** Cuts off what stands behind a place. */
  async cut(end: number): Promise<void> {
    await this.handle.truncate(end);
    await this.goOnAt(end);
  }

  /**
   * Writes behind what is there; when that fails, cuts off again what was written, so that readers meet whole lines.
   * @param lastEnd bytes up to the end of the last transaction that ends in them; null when none does.
   * @throws the system's error.
   */
  async append(bytes: Buffer, lastEnd: number | null): Promise<void> {
    try {
      await writeFully(this.handle, bytes);
    } catch (error) {
      // If this fails as well, the next open does it.
      await this.handle.truncate(this.#offset).catch(() => undefined);
      throw error;
    }
    if (lastEnd !== null) {
      this.#transactionStart = this.#offset + lastEnd;
      this.#startBytes = lastOf(this.#lastBytes, bytes.subarray(0, lastEnd));
    }
    this.#offset += bytes.length;
    this.#lastBytes = lastOf(this.#lastBytes, bytes);
  }

  /** How it stands now, for {@link takeBack}. */
  get state(): FileState {
    return {
      offset: this.#offset,
      transactionStart: this.#transactionStart,
      lastBytes: this.#lastBytes,
      startBytes: this.#startBytes,
    };
  }

  /** Cuts off what was written since, as far as that can be done: if not, the next open does it. */
  async takeBack(state: FileState): Promise<void> {
    if (state.offset === this.#offset) return;
    await this.handle.truncate(state.offset).catch(() => undefined);
    this.#offset = state.offset;
    this.#transactionStart = state.transactionStart;
    this.#lastBytes = state.lastBytes;
    this.#startBytes = state.startBytes;
  }

  /** The mark of {@link transactionStart}, by what we wrote: on the disk somebody may have cut it by now. */
  get mark(): number {
    return markOf(this.#startBytes);
  }

  /** The mark of a place in it, as it is on the disk. */
  async markAt(offset: number): Promise<number> {
    return markOf(await this.#bytesBefore(offset));
  }

  /** What it looks like from outside, by its name and by our handle. @param closely our last bytes, too. */
  async sight(name: string, closely: boolean): Promise<FileSight> {
    const named = await statusAt(name);
    const isOurs = sameFile(named, this.identity);
    const own = named !== null && isOurs ? named : await this.handle.status();
    return {
      size: own.size,
      links: own.links,
      endIsOurs:
        !closely ||
        own.size < this.#offset ||
        (await this.#bytesBefore(this.#offset)).equals(this.#lastBytes),
      named: named && {
        isOurs,
        isEmptyFile: named.kind === 'file' && named.size === 0,
      },
    };
  }

  async sync(): Promise<void> {
    await this.handle.datasync();
  }

  async close(): Promise<void> {
    // Whatever it could complain of, syncing has found already.
    await this.handle.close().catch(() => undefined);
  }

  async #bytesBefore(offset: number): Promise<Buffer> {
    const bytes = Buffer.alloc(Math.min(markBytes, offset));
    let read = 0;
    while (read < bytes.length) {
      const at = offset - bytes.length + read;
      const { bytesRead } = await this.handle.read(bytes, read, bytes.length - read, at);
      if (bytesRead === 0) break;
      read += bytesRead;
    }
    return bytes.subarray(0, read);
  }
}

/** The last bytes, up to {@link markBytes}, of some that end with others. */
function lastOf(before: Buffer, bytes: Buffer): Buffer {
  // A copy: what is written belongs to somebody else.
  return Buffer.concat([before, bytes.subarray(-markBytes)]).subarray(-markBytes);
}

/** Writes all of the bytes: at a position, or behind what was written before. @throws the system's error. */
export async function writeFully(handle: OpenFile, bytes: Buffer, position?: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    // The system may take less than it is given; the error, if there is one, comes with the next attempt.
    const at = position === undefined ? undefined : position + written;
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, at);
    written += bytesWritten;
  }
}

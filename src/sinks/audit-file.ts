import { dirname } from 'node:path';

import type { FileStatus, OpenFile, OpenMode } from '../runtime/disk.js';
import { runtime } from '../runtime/runtime.js';
import { syncFolder } from '../util/durable.js';
import { hasSystemCode, WaymarkError } from '../util/errors.js';
import { markBytes, markOf } from './file-position.js';
import type { FileFacts } from './file-situation.js';

/** Which file it is, whatever its name. */
export type FileIdentity = { readonly device: string; readonly inode: string };

/** How far a file has been written. */
export type FileState = {
  readonly offset: number;
  readonly transactionStart: number;
  readonly lastBytes: Buffer;
  readonly startBytes: Buffer;
};

/** Returns whether two identities belong to one file. */
export function sameFile(a: FileIdentity | null, b: FileIdentity | null): boolean {
  return a !== null && b !== null && a.device === b.device && a.inode === b.inode;
}

/** Returns the status of the file with this name, identity included. Null if there is none. */
export async function statusAt(path: string): Promise<FileStatus | null> {
  try {
    return await runtime().disk.status(path);
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/**
 * Returns the error of a file with several names. Null if it has one.
 *
 * The lock is beside the file's name, so each name would have its own lock. A second agent could write to the
 * file under another name.
 */
export function whySeveralNames(path: string, { links }: Pick<FileStatus, 'links'>): WaymarkError | null {
  if (links <= 1) return null;
  return new WaymarkError(
    'sink',
    `the file ${path} has ${String(links)} names (hard links). A second agent could write to it under another one. Leave it ` +
      `one name: find -samefile ${path} shows the others. If you need them, replace them by copies`,
    { details: { path, links } },
  );
}

/**
 * An open file of records. Nothing else opens, writes or cuts such a file.
 *
 * It is opened with O_APPEND (see open(2)). If somebody truncates it between our check and our write, the
 * bytes go to its new end, not behind a hole of zero bytes.
 */
export class AuditFile {
  /** Its name when it was opened. */
  readonly path: string;
  readonly identity: FileIdentity;
  readonly handle: OpenFile;
  #offset = 0;
  #transactionStart = 0;
  /** The last bytes that we wrote, up to {@link markBytes}. */
  #lastBytes: Buffer = Buffer.alloc(0);
  /** The same, up to {@link transactionStart}. */
  #startBytes: Buffer = Buffer.alloc(0);

  private constructor(path: string, handle: OpenFile, identity: FileIdentity) {
    this.path = path;
    this.handle = handle;
    this.identity = identity;
  }

  /**
   * Opens an existing file. Null if there is none.
   * @throws the system's error, or an error if it isn't a regular file.
   */
  static async openExisting(path: string): Promise<AuditFile | null> {
    try {
      return await AuditFile.#open(path, 'append');
    } catch (error) {
      if (hasSystemCode(error, 'ENOENT')) return null;
      throw error;
    }
  }

  /** Opens the file, and creates it if needed. Then the disk has its name. */
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

  /** @throws WaymarkError `sink` if the file has more than one name. */
  async requireOneName(): Promise<void> {
    const refusal = whySeveralNames(this.path, await this.handle.status());
    if (refusal !== null) throw refusal;
  }

  /** Its length, as far as we know. */
  get offset(): number {
    return this.#offset;
  }

  /** The offset after the last complete transaction. */
  get transactionStart(): number {
    return this.#transactionStart;
  }

  /** Whether it ends with a complete transaction. */
  get endsBetweenTransactions(): boolean {
    return this.#offset === this.#transactionStart;
  }

  /** Continues at its end, which is between two transactions. */
  async goOnAt(end: number): Promise<void> {
    this.#offset = this.#transactionStart = end;
    this.#lastBytes = this.#startBytes = await this.#bytesBefore(end);
  }

  /** Cuts off everything after an offset. */
  async cut(end: number): Promise<void> {
    await this.handle.truncate(end);
    await this.goOnAt(end);
  }

  /**
   * Appends bytes. If that fails, cuts off what was written, so that readers see whole lines.
   * @param lastEnd the bytes up to the end of the last transaction that ends in them. Null if none does.
   * @throws the system's error.
   */
  async append(bytes: Buffer, lastEnd: number | null): Promise<void> {
    try {
      await writeFully(this.handle, bytes);
    } catch (error) {
      // If this fails too, the next open cuts it off.
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

  /** Its present state, for {@link takeBack}. */
  get state(): FileState {
    return {
      offset: this.#offset,
      transactionStart: this.#transactionStart,
      lastBytes: this.#lastBytes,
      startBytes: this.#startBytes,
    };
  }

  /** Cuts off what was written since, as far as possible. If that fails, the next open cuts it off. */
  async takeBack(state: FileState): Promise<void> {
    if (state.offset === this.#offset) return;
    await this.handle.truncate(state.offset).catch(() => undefined);
    this.#offset = state.offset;
    this.#transactionStart = state.transactionStart;
    this.#lastBytes = state.lastBytes;
    this.#startBytes = state.startBytes;
  }

  /**
   * The mark of {@link transactionStart}, from the bytes that we wrote. On the disk, somebody may have cut
   * the file meanwhile.
   */
  get mark(): number {
    return markOf(this.#startBytes);
  }

  /** Returns the mark of an offset, from the bytes on the disk. */
  async markAt(offset: number): Promise<number> {
    return markOf(await this.#bytesBefore(offset));
  }

  /**
   * Looks at the file from outside, by its name and by our handle.
   * @param closely compare our last bytes, too.
   */
  async facts(name: string, closely: boolean): Promise<FileFacts> {
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
    // Syncing has already reported every error that matters.
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

/** Returns the last bytes of both together, up to {@link markBytes}. */
function lastOf(before: Buffer, bytes: Buffer): Buffer {
  // A copy: the caller reuses the bytes.
  return Buffer.concat([before, bytes.subarray(-markBytes)]).subarray(-markBytes);
}

/**
 * Writes all bytes, at a position or after what was written before.
 * @throws the system's error.
 */
export async function writeFully(handle: OpenFile, bytes: Buffer, position?: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    // The system may take fewer bytes than given. If there is an error, the next attempt reports it.
    const at = position === undefined ? undefined : position + written;
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, at);
    written += bytesWritten;
  }
}

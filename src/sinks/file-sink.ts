import { constants, copyFile, type FileHandle, open, realpath, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import type { SinkPosition } from '../checkpoint/checkpoint.js';
import { WaymarkError, messageOf, hasSystemCode } from '../util/errors.js';
import type { Fencing } from '../util/fencing.js';
import { type ProcessLock, acquireProcessLock } from '../util/process-lock.js';
import { type FilePosition, fromSinkPosition, markAt, toSinkPosition } from './file-position.js';
import { type RecoveredFile, readTransactions } from './file-recovery.js';
import { encodeRecords } from './ndjson.js';
import type { ChangeRecord } from './record.js';
import type { Sink, SinkRecovery } from './sink.js';

/**
 * Appends the records to a file, one JSON document per line, and remembers what it holds: after the agent's death
 * `open` finds the complete transactions behind the checkpoint and cuts off an unfinished one.
 *
 * `deliver` resolves when the operating system has the lines, `flush` when the disk has them. The file is locked
 * (`PATH.lock`) against a second agent. One that has been elected in this one's place takes it over: from then on not a
 * byte of this one comes into it, whatever it has slept through. All errors are WaymarkErrors `sink` that name the file,
 * or `not-leader` when it was taken over; after one the sink takes no more.
 */
export function fileSink(options: { readonly path: string }): Sink {
  return new FileSink(options.path);
}

/** An open file: `offset` is its length as this sink knows it. */
type OpenFile = {
  readonly handle: FileHandle;
  readonly lock: ProcessLock;
  offset: number;
  transactionStart: number;
};

class FileSink implements Sink {
  readonly #path: string;
  #file: OpenFile | null = null;
  #failure: WaymarkError | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  async open(
    acknowledged: SinkPosition | null,
    signal: AbortSignal,
    fencing?: Fencing,
  ): Promise<SinkRecovery> {
    signal.throwIfAborted();
    if (this.#file !== null) throw this.#error('is open already');
    const position = acknowledged === null ? null : fromSinkPosition(acknowledged, this.#path);
    const lock = await this.#lock(fencing);
    let handle: FileHandle | null = null;
    try {
      const opened = await openOrCreate(this.#path);
      handle = opened.handle;
      const found = opened.created ? null : await this.#recover(handle, lock, position, signal);
      this.#file = {
        handle,
        lock,
        offset: found?.completeEnd ?? 0,
        transactionStart: found?.completeEnd ?? 0,
      };
      this.#failure = null;
      return recoveryOf(this.#path, position, found);
    } catch (error) {
      await handle?.close();
      await lock.release();
      if (error instanceof WaymarkError || signal.aborted) throw error;
      throw this.#error(`cannot be opened: ${messageOf(error)}`, error);
    }
  }

  async deliver(records: readonly ChangeRecord[], signal: AbortSignal): Promise<void> {
    const file = this.#usable();
    signal.throwIfAborted();
    try {
      await file.lock.guard(() => this.#write(file, records));
    } catch (error) {
      if (!(error instanceof WaymarkError)) throw this.#fail(`cannot be written: ${messageOf(error)}`, error);
      throw (this.#failure = error);
    }
  }

  async #write(file: OpenFile, records: readonly ChangeRecord[]): Promise<void> {
    const before = file.offset;
    try {
      for (const { bytes, lastEnd } of encodeRecords(records)) {
        await writeFully(file.handle, bytes, file.offset);
        if (lastEnd !== null) file.transactionStart = file.offset + lastEnd;
        file.offset += bytes.length;
      }
    } catch (error) {
      // Readers of the file should not meet half a line. If this fails as well, the next open cuts it off.
      await file.handle.truncate(before).catch(() => undefined);
      throw this.#fail(`cannot be written: ${messageOf(error)}`, error);
    }
  }

  async flush(): Promise<SinkPosition> {
    const file = this.#usable();
    try {
      // Writes nothing, and takes long: it is not in anybody's way.
      await file.handle.datasync();
      return await file.lock.guard(() => this.#position(file));
    } catch (error) {
      if (error instanceof WaymarkError) throw error;
      // What the disk refused once may be gone from memory, too: a second attempt would succeed and prove nothing.
      throw this.#fail(`cannot be made durable: ${messageOf(error)}`, error);
    }
  }

  async #position(file: OpenFile): Promise<SinkPosition> {
    const { size } = await file.handle.stat();
    if (size !== file.offset) {
      throw this.#fail(
        `was changed by somebody else: it has ${String(size)} bytes, not the ${String(file.offset)} that this ` +
          'agent wrote. Nobody else may write it or cut it; to rotate it, stop the agent and rename it',
      );
    }
    const mark = await markAt(file.handle, file.transactionStart);
    return toSinkPosition({ offset: file.offset, transactionStart: file.transactionStart, mark });
  }

  async close(): Promise<void> {
    const file = this.#file;
    if (file === null) return;
    try {
      if (this.#failure === null) await this.flush();
    } finally {
      this.#file = null;
      // Whatever close could complain of, flush has found already.
      await file.handle.close().catch(() => undefined);
      await file.lock.release();
    }
  }

  async #lock(fencing: Fencing | undefined): Promise<ProcessLock> {
    try {
      // Beside the file itself, so that two links to it share one lock.
      const path = await realpath(this.#path).catch(async (error: unknown) => {
        if (!hasSystemCode(error, 'ENOENT')) throw error;
        return join(await realpath(dirname(this.#path)), basename(this.#path));
      });
      return await acquireProcessLock(`${path}.lock`, {
        code: 'sink',
        subject: `the file ${this.#path}`,
        ...(fencing === undefined ? {} : { fencing }),
        detach: () => replaceByCopy(path),
      });
    } catch (error) {
      if (error instanceof WaymarkError) throw error;
      throw this.#error(`cannot be opened: ${messageOf(error)}`, error);
    }
  }

  async #recover(
    handle: FileHandle,
    lock: ProcessLock,
    position: FilePosition | null,
    signal: AbortSignal,
  ): Promise<RecoveredFile> {
    const { size } = await handle.stat();
    if (position !== null) await this.#compare(handle, position, size);
    const found = await readTransactions(
      handle,
      {
        path: this.#path,
        from: position?.transactionStart ?? 0,
        known: position !== null,
      },
      signal,
    );
    if (found.completeEnd < found.end) {
      await lock.guard(() => handle.truncate(found.completeEnd));
      await handle.datasync();
    }
    return found;
  }

  async #compare(handle: FileHandle, position: FilePosition, size: number): Promise<void> {
    // Between the two places it may be shorter: an agent that died right after it had cut off the unfinished
    // transaction there has left it so. Whatever is missing behind transactionStart is delivered again.
    if (size < position.transactionStart) {
      throw this.#error(
        `has ${String(size)} bytes, but the checkpoint says that ${String(position.offset)} were written: somebody ` +
          'has cut or replaced it. Put the right file back, or move this one away and the agent begins a new one',
      );
    }
    if ((await markAt(handle, position.transactionStart)) !== position.mark) {
      throw this.#error(
        `is not the file that the checkpoint speaks of: what stands before byte ` +
          `${String(position.transactionStart)} differs. Put the right file back, or move this one away and the ` +
          'agent begins a new one',
      );
    }
  }

  #usable(): OpenFile {
    if (this.#failure !== null) throw this.#failure;
    if (this.#file === null) throw this.#error('is not open');
    return this.#file;
  }

  #fail(what: string, cause?: unknown): WaymarkError {
    return (this.#failure = this.#error(what, cause));
  }

  #error(what: string, cause?: unknown): WaymarkError {
    return new WaymarkError('sink', `the file ${this.#path} ${what}`, {
      ...(cause === undefined ? {} : { cause }),
      details: { path: this.#path },
    });
  }
}

function recoveryOf(path: string, position: FilePosition | null, found: RecoveredFile | null): SinkRecovery {
  const warnings: string[] = [];
  if (position !== null && found === null) {
    warnings.push(
      `the file ${path} is gone; the checkpoint says that ${String(position.offset)} bytes were written. A new one ` +
        'was begun: what the old one holds behind the checkpoint comes again, with the same ids',
    );
  }
  if (found !== null && found.zeroBytesAt !== null) {
    warnings.push(
      `the file ${path} had lost what was written behind byte ${String(found.completeEnd)} (zero bytes from ` +
        `${String(found.zeroBytesAt)} on, as after a power failure); it was cut there and is written again`,
    );
  }
  const bytes = found === null ? 0 : found.end - found.completeEnd;
  return {
    remembers: true,
    delivered: found?.delivered ?? [],
    endsBetweenTransactions: true,
    ...(found === null || bytes === 0 ? {} : { cutOff: { bytes, records: found.unfinishedRecords } }),
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

async function openOrCreate(path: string): Promise<{ handle: FileHandle; created: boolean }> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r+');
  } catch (error) {
    if (!hasSystemCode(error, 'ENOENT')) throw error;
    const created = await open(path, 'wx+', 0o640);
    await syncFolder(dirname(path));
    return { handle: created, created: true };
  }
  if ((await handle.stat()).isFile()) return { handle, created: false };
  await handle.close();
  throw new Error('it is not a regular file');
}

/** Puts a copy in a file's place: who has the old one open writes into what nobody sees any more. */
async function replaceByCopy(path: string): Promise<void> {
  const copy = `${path}.copy`;
  await copyFile(path, copy, constants.COPYFILE_FICLONE);
  const handle = await open(copy, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(copy, path);
  await syncFolder(dirname(path));
}

/** Makes a new file's name durable. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function writeFully(handle: FileHandle, bytes: Buffer, offset: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    // The system may take less than it is given; the error, if there is one, comes with the next attempt.
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, offset + written);
    written += bytesWritten;
  }
}

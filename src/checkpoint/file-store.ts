import { createHash } from 'node:crypto';
import { basename, join, resolve } from 'node:path';

import { runtime } from '../runtime/runtime.js';
import { syncFolder, writeSynced } from '../util/durable.js';
import { WaymarkError, messageOf, hasSystemCode } from '../util/errors.js';
import { type ProcessLock, acquireProcessLock } from '../util/process-lock.js';
import { randomHex } from '../util/random.js';
import { Serial } from '../util/serial.js';

import type { Checkpoint, CheckpointStore, StoredCheckpoint } from './checkpoint.js';
import { damagedRecord, decodeCheckpoint, encodeCheckpoint, recordLimitBytes } from './codec.js';
import { conflictError } from './conflict.js';
import { encodeStreamName } from './stream-name.js';
import { TokenGuard } from './token-guard.js';
import { UnsettledWrites } from './unsettled-writes.js';

/** More bytes than a record has, in this version or the next. */
const largestFileBytes = 16 * recordLimitBytes;

/** Where a file store keeps its record. */
export type FileStoreOptions = {
  /** A directory. If it is missing, it is created with mode 0700. */
  readonly path: string;
  readonly stream: string;
  /**
   * Set if there is no election. Then a second agent is refused when it opens the store, not at its first
   * save.
   */
  readonly alone?: boolean;
};

/**
 * Stores the record in a directory of this machine, as `STREAM.checkpoint`. The proved layouts are beside it
 * in `STREAM.layouts`. STREAM is the encoded name of the stream.
 *
 * - Whenever the process or the machine crashes, the old record or the new one is there. A new file is
 *   written beside the old one, synced, and renamed over it.
 * - One process writes a stream's record. The first save takes the lock `STREAM.lock` (if `alone`, opening
 *   does). While another process holds the lock, it rejects with `checkpoint-store` and names that process. A
 *   save with a later fencing token takes the lock over, and the other process's next save is refused
 *   (`not-leader`). Several streams may share a directory.
 * - The version is a hash of the record, read again from the file before each write.
 */
export function fileStore(options: FileStoreOptions): CheckpointStore {
  return new FileStore(options);
}

/** Returns the absolute paths of a stream's files and of their folder. */
export function recordFiles({ path, stream }: FileStoreOptions): {
  readonly folder: string;
  readonly record: string;
  readonly layouts: string;
  readonly lock: string;
} {
  const folder = resolve(path);
  const name = join(folder, encodeStreamName(stream));
  return { folder, record: `${name}.checkpoint`, layouts: `${name}.layouts`, lock: `${name}.lock` };
}

class FileStore implements CheckpointStore {
  readonly location: string;
  readonly layoutsLocation: string;
  droppedEntries = 0;
  readonly holderNote = null;
  readonly #stream: string;
  readonly #directory: string;
  readonly #fileName: string;
  readonly #lockFile: string;
  readonly #alone: boolean;
  readonly #serial = new Serial();
  readonly #tokens = new TokenGuard();
  readonly #unsettled = new UnsettledWrites();
  #isOpen = false;
  /**
   * The lock, with the token that it was taken under. Taken by the first save, or when the store is opened.
   */
  #lock: { readonly lock: ProcessLock; readonly token: number } | null = null;

  constructor(options: FileStoreOptions) {
    const { folder, record, layouts, lock } = recordFiles(options);
    this.#stream = options.stream;
    this.#directory = folder;
    this.#fileName = basename(record);
    this.#lockFile = lock;
    this.#alone = options.alone ?? false;
    this.location = record;
    this.layoutsLocation = layouts;
  }

  open(signal: AbortSignal): Promise<void> {
    return this.#serial.run(async () => {
      signal.throwIfAborted();
      await this.#guarded('open', () => runtime().disk.makeFolder(this.#directory, 0o700));
      if (this.#alone) await this.#lockUnder(0);
      this.#isOpen = true;
    });
  }

  load(signal: AbortSignal): Promise<StoredCheckpoint | null> {
    return this.#serial.run(async () => {
      signal.throwIfAborted();
      const bytes = await this.#read(this.location);
      return bytes === null ? null : this.#decode(bytes);
    });
  }

  loadLayouts(signal: AbortSignal): Promise<Buffer | null> {
    return this.#serial.run(() => {
      signal.throwIfAborted();
      return this.#read(this.layoutsLocation);
    });
  }

  saveLayouts(record: Buffer, fencingToken: number, signal: AbortSignal): Promise<void> {
    return this.#serial.run(async () => {
      signal.throwIfAborted();
      if (!this.#isOpen) throw this.#refused('write', 'it is not open');
      await this.#replace(await this.#lockUnder(fencingToken), this.layoutsLocation, record);
    });
  }

  save(checkpoint: Checkpoint, expected: string | null, signal: AbortSignal): Promise<string> {
    return this.#serial.run(async () => {
      signal.throwIfAborted();
      if (!this.#isOpen) throw this.#refused('write', 'it is not open');
      const lock = await this.#lockUnder(checkpoint.fencingToken);
      return this.#compareAndSet(lock, checkpoint, expected);
    });
  }

  close(): Promise<void> {
    return this.#serial.run(async () => {
      const held = this.#lock;
      this.#lock = null;
      this.#isOpen = false;
      await held?.lock.release();
    });
  }

  /**
   * Returns the lock that is held under this token or a later one, or takes it. If the token is older, the
   * record itself refuses the write.
   */
  async #lockUnder(token: number): Promise<ProcessLock> {
    if (this.#lock !== null && this.#lock.token >= token) return this.#lock.lock;
    const lock = await acquireProcessLock(this.#lockFile, {
      code: 'checkpoint-store',
      subject: `the checkpoint ${this.location}`,
      // There is nothing to detach. An earlier leader may still put its older record in place of ours. Then
      // the checkpoint is claimed again, and the sink knows what was delivered since.
      ...(token === 0 ? {} : { fencing: { stream: this.#stream, token } }),
      detach: () => Promise.resolve(),
    });
    await this.#lock?.lock.release();
    this.#lock = { lock, token };
    await this.#guarded('open', () => this.#removeLeftovers());
    return lock;
  }

  async #compareAndSet(lock: ProcessLock, checkpoint: Checkpoint, expected: string | null): Promise<string> {
    const stored = await this.#read(this.location);
    const version = stored === null ? null : versionOf(stored);
    const isOurs = stored !== null && this.#unsettled.explains(expected, stored);
    if (version !== expected && !isOurs) throw conflictError(this.location, expected, version);
    await this.#tokens.check(checkpoint, expected, this.location, () =>
      Promise.resolve(stored === null ? null : this.#decode(stored)),
    );
    const { bytes, droppedEntries } = encodeCheckpoint(checkpoint);
    // If the folder can't be synced, the record may be there all the same.
    this.#unsettled.begin(expected, bytes);
    await this.#replace(lock, this.location, bytes);
    this.#unsettled.clear();
    this.droppedEntries = droppedEntries;
    const written = versionOf(bytes);
    this.#tokens.note(written, checkpoint);
    return written;
  }

  #decode(bytes: Buffer): StoredCheckpoint {
    const checkpoint = decodeCheckpoint(bytes, { stream: this.#stream, location: this.location });
    const version = versionOf(bytes);
    this.#tokens.note(version, checkpoint);
    return { checkpoint, version };
  }

  async #read(path: string): Promise<Buffer | null> {
    const size = await this.#ifThere(async () => (await runtime().disk.status(path)).size);
    if (size === null) return null;
    // Whatever the file is, it must not fill the memory.
    if (size > largestFileBytes) {
      const where = { stream: this.#stream, location: path };
      throw damagedRecord(where, `has ${size} bytes, more than any record`);
    }
    return this.#ifThere(() => runtime().disk.readFile(path));
  }

  #ifThere<T>(action: () => Promise<T>): Promise<T | null> {
    return this.#guarded('read', async () => {
      try {
        return await action();
      } catch (error) {
        if (hasSystemCode(error, 'ENOENT')) return null;
        throw error;
      }
    });
  }

  async #replace(lock: ProcessLock, path: string, bytes: Buffer): Promise<void> {
    const { disk } = runtime();
    const draft = join(this.#directory, `${this.#fileName}.${randomHex(6)}.tmp`);
    try {
      await this.#guarded('write', () => writeSynced(draft, bytes));
      await lock.guard(() => this.#guarded('write', () => disk.rename(draft, path)));
    } catch (error) {
      await disk.unlink(draft).catch(() => undefined);
      throw error;
    }
    // Without this, the directory may name the old file again after a power failure.
    await this.#guarded('write', () => syncFolder(this.#directory));
  }

  /**
   * Removes the drafts that a killed process has left. Their names are this stream's, and nobody else writes
   * while we hold the lock.
   */
  async #removeLeftovers(): Promise<void> {
    const { disk } = runtime();
    const names = (await disk.list(this.#directory)).map(({ name }) => name);
    const drafts = names.filter((name) => name.startsWith(`${this.#fileName}.`) && name.endsWith('.tmp'));
    await Promise.all(drafts.map((name) => disk.unlink(join(this.#directory, name))));
  }

  async #guarded<T>(verb: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw this.#refused(verb, messageOf(error), error);
    }
  }

  #refused(verb: string, reason: string, cause?: unknown): WaymarkError {
    return new WaymarkError(
      'checkpoint-store',
      `Cannot ${verb} the checkpoint ${this.location}: ${reason}. The directory must be writable for this account, ` +
        'with room on its disk.',
      { details: { location: this.location }, ...(cause === undefined ? {} : { cause }) },
    );
  }
}

function versionOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32);
}

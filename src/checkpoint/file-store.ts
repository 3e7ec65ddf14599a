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

/** Roomier than any record of this version or the next. */
const largestFileBytes = 16 * recordLimitBytes;

/** Where a file store keeps its record. */
export type FileStoreOptions = {
  /** A directory; created with mode 0700 when it is missing. */
  readonly path: string;
  readonly stream: string;
  /** There is no election: a second agent is to be refused when it opens the store, not when it first saves. */
  readonly alone?: boolean;
};

/**
 * Keeps the record in a directory of this machine: `STREAM.checkpoint`, the stream's name encoded so that any will do; the
 * proved layouts beside it in `STREAM.layouts`.
 *
 * - A crash at any moment, the machine's included, leaves the old record or the new one: a new file is written beside
 *   the old one, synced, and put in its place in one step.
 * - One process writes a stream's record: the first save (the opening, where it is `alone`) takes the lock `STREAM.lock`
 *   and rejects with `checkpoint-store`, naming the other process, while that one lives. A save under a later fencing
 *   token takes the lock over, and the other's next save is refused (`not-leader`). Several streams may share a directory.
 * - The version is a hash of the record, read again from the file before each write.
 */
export function fileStore(options: FileStoreOptions): CheckpointStore {
  return new FileStore(options);
}

/** The files of a stream's record, and their folder: absolute paths. */
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
  #isOpen = false;
  /** Held from the first save on, or from the opening, with the token of that save's leadership. */
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

  /** The lock that is held under this token (or a later one: the record itself refuses then), or a new one. */
  async #lockUnder(token: number): Promise<ProcessLock> {
    if (this.#lock !== null && this.#lock.token >= token) return this.#lock.lock;
    const lock = await acquireProcessLock(this.#lockFile, {
      code: 'checkpoint-store',
      subject: `the checkpoint ${this.location}`,
      // A record that an earlier leader puts in place of ours after all is one of ours that went before: it is claimed
      // again, and what was delivered behind it is found in the sink.
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
    if (version !== expected) throw conflictError(this.location, expected, version);
    await this.#tokens.check(checkpoint, expected, this.location, () =>
      Promise.resolve(stored === null ? null : this.#decode(stored)),
    );
    const { bytes, droppedEntries } = encodeCheckpoint(checkpoint);
    await this.#replace(lock, this.location, bytes);
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
    // Whatever lies there, it shall not fill the memory.
    if (size > largestFileBytes) {
      const origin = { stream: this.#stream, location: path };
      throw damagedRecord(origin, `has ${size} bytes, more than any record`);
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
    // Without it the directory may still name the old file after a power failure.
    await this.#guarded('write', () => syncFolder(this.#directory));
  }

  /** Drafts that a killed process has left: ours by name, and nobody else writes while we hold the lock. */
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

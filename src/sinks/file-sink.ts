import type { Logger } from 'pino';

import type { SinkPosition } from '../checkpoint/checkpoint.js';
import { sleep } from '../util/async.js';
import { hasCode, messageOf, WaymarkError } from '../util/errors.js';
import type { Fencing } from '../util/fencing.js';
import type { ProcessLock } from '../util/process-lock.js';
import { Serial } from '../util/serial.js';
import type { RecordBatch } from '../records/record-batch.js';
import type { AuditFile } from './audit-file.js';
import { DiskRoom, isDiskFull } from './disk-room.js';
import { lockFile, realPathOf } from './file-lock.js';
import { type FileNote, FileNotes } from './file-note.js';
import { openAudit } from './file-opening.js';
import { type FilePosition, fromSinkPosition, toSinkPosition } from './file-position.js';
import { beginNext, heldForNextFile } from './file-rotation.js';
import { situationOf } from './file-situation.js';
import type { Sink, SinkRecovery } from './sink.js';

/** How a file sink works. */
export type FileSinkOptions = {
  readonly path: string;
  /** `matching.margin` of the configuration, in transactions. 1,024 unless given. */
  readonly margin?: number;
  /** Logs rotations. */
  readonly logger?: Logger;
};

/**
 * Returns a sink that appends the records to a file, one JSON document per line, and remembers what it holds.
 * After the agent's death, `open` finds the complete transactions after the checkpoint, and cuts off an
 * unfinished one.
 *
 * `deliver` resolves when the operating system has the lines, `flush` when the disk has them. If the file is
 * renamed, a new one follows after the next transaction's end. `PATH.position` says what earlier files held.
 * If others truncate, delete, replace or write the file, that is an error. It is noticed before each write,
 * at each flush, and by `watch` within a second. If the disk is full, the sink waits for a minute.
 *
 * A lock (`PATH.lock`) keeps a second agent out. An agent that was elected in this one's place takes the lock
 * over. From then on, this one can't write a byte to the file, however long it was frozen. All errors are
 * WaymarkErrors: `sink` names the file, `not-leader` says that the file was taken over (`close` says so once
 * more). After an error the sink takes nothing more.
 */
export function fileSink(options: FileSinkOptions): Sink {
  return new FileSink(options);
}

/** How often the file is checked while nothing is delivered. */
const lookMs = 500;

/** What is open. */
type Live = {
  file: AuditFile;
  note: FileNote;
  lock: ProcessLock;
  /** The path that the lock and the note are named after. */
  realPath: string;
  readonly fencing: Fencing | undefined;
};

class FileSink implements Sink {
  readonly #path: string;
  readonly #wanted: number;
  readonly #logger: Logger | undefined;
  readonly #serial = new Serial();
  readonly #room = new DiskRoom();
  #live: Live | null = null;
  #failure: WaymarkError | null = null;
  /** The position in the last checkpoint. */
  #acknowledged: FilePosition | null = null;
  /** Delivered transactions, counted as in {@link FilePosition.transactions}. */
  #transactions = 0;
  /** Why a rotation has to wait. */
  #rotationWaits: string | null = null;

  constructor({ path, margin = 1024, logger }: FileSinkOptions) {
    this.#path = path;
    this.#wanted = 2 * margin;
    this.#logger = logger;
  }

  get trouble(): string | null {
    return this.#room.trouble ?? this.#rotationWaits;
  }

  async open(
    acknowledged: SinkPosition | null,
    signal: AbortSignal,
    fencing?: Fencing,
  ): Promise<SinkRecovery> {
    signal.throwIfAborted();
    if (this.#live !== null) throw this.#error('is open already');
    const position = acknowledged === null ? null : fromSinkPosition(acknowledged, this.#path);
    let lock: ProcessLock | null = null;
    try {
      const realPath = await realPathOf(this.#path);
      const locked = await lockFile(realPath, this.#path, fencing);
      lock = locked.lock;
      const notes = new FileNotes(realPath, fencing?.token ?? 0);
      const { wanted, copy } = { wanted: this.#wanted, copy: locked.copy };
      const opened = await openAudit(
        { path: realPath, acknowledged: position, notes, lock, copy, wanted },
        signal,
      );
      this.#live = { file: opened.file, note: opened.note, lock, realPath, fencing };
      this.#failure = null;
      this.#acknowledged = opened.acknowledged;
      this.#transactions = (position?.transactions ?? 0) + opened.recovery.delivered.length;
      return opened.recovery;
    } catch (error) {
      await lock?.release();
      if (error instanceof WaymarkError || signal.aborted) throw error;
      throw this.#error(`cannot be opened: ${messageOf(error)}`, error);
    }
  }

  deliver({ lines, lastEnd, transactions }: RecordBatch, signal: AbortSignal): Promise<void> {
    return this.#serial.run(async () => {
      const live = this.#usable();
      signal.throwIfAborted();
      const before = { file: live.file, state: live.file.state, transactions: this.#transactions };
      try {
        await this.#append(live, lines, lastEnd === 0 ? null : lastEnd, signal);
        this.#transactions += transactions;
      } catch (error) {
        // Nobody relies on it: the whole batch is delivered again.
        if (live.file === before.file) {
          await live.file.takeBack(before.state);
          this.#transactions = before.transactions;
        }
        if (signal.aborted && !(error instanceof WaymarkError)) throw error;
        throw this.#fail('cannot be written', error);
      }
    });
  }

  flush(): Promise<SinkPosition> {
    return this.#serial.run(async () => {
      const live = this.#usable();
      const { file, note, lock } = live;
      try {
        // This writes nothing and takes long. So it runs without the lock's guard.
        await file.sync();
        await this.#look(live, true);
        const mark = await lock.guard(() => Promise.resolve(file.mark));
        const { offset, transactionStart, identity } = file;
        const transactions = this.#transactions;
        return toSinkPosition({ file: note.file, offset, transactionStart, mark, ...identity, transactions });
      } catch (error) {
        // After a refused sync, the bytes may be gone from memory, too. A second attempt would succeed and
        // prove nothing.
        throw this.#fail('cannot be made durable', error);
      }
    });
  }

  saved(position: SinkPosition): void {
    this.#acknowledged = fromSinkPosition(position, this.#path);
  }

  async watch(signal: AbortSignal): Promise<never> {
    for (;;) {
      await sleep(lookMs, signal);
      await this.#serial.run(() => this.#lookAfter(signal));
    }
  }

  rotate(): void {
    const { signal } = new AbortController();
    // Errors are reported by the next call, or by `watch`.
    void this.#serial
      .run(() => this.#lookAfter(signal))
      .then(
        (renamed) => {
          if (renamed || this.#live === null) return;
          const fields = { event: 'sink.not-rotated', path: this.#path };
          this.#logger?.warn(
            fields,
            `${this.#path} still has its name. Rename it first, then the agent begins a new file`,
          );
        },
        () => undefined,
      );
  }

  close(): Promise<void> {
    return this.#serial.run(async () => {
      const live = this.#live;
      if (live === null) return;
      try {
        if (this.#failure === null) await live.lock.guard(() => live.file.sync());
        // An agent that was stopped at the same moment hasn't heard of the takeover.
        else if (hasCode(this.#failure, 'not-leader')) throw this.#failure;
      } catch (error) {
        throw this.#fail('cannot be made durable', error);
      } finally {
        this.#live = null;
        await live.file.close();
        await live.lock.release();
      }
    });
  }

  /** Writes. If the file was renamed, what comes after the next transaction's end goes into a new file. */
  async #append(live: Live, bytes: Buffer, lastEnd: number | null, signal: AbortSignal): Promise<void> {
    let rest = bytes;
    let restEnd = lastEnd;
    if (await this.#look(live, false)) {
      if (!live.file.endsBetweenTransactions && lastEnd !== null) {
        await this.#write(live, bytes.subarray(0, lastEnd), lastEnd, signal);
        rest = bytes.subarray(lastEnd);
        restEnd = null;
      }
      if (live.file.endsBetweenTransactions) await this.#rotate(live, signal);
    }
    if (rest.length > 0) await this.#write(live, rest, restEnd, signal);
  }

  async #write(live: Live, bytes: Buffer, lastEnd: number | null, signal: AbortSignal): Promise<void> {
    await this.#room.wait(() => live.lock.guard(() => live.file.append(bytes, lastEnd)), signal);
  }

  /** Checks the file, and begins a new one if it is time. Returns whether the file was renamed. */
  async #lookAfter(signal: AbortSignal): Promise<boolean> {
    if (this.#live === null) return false;
    const live = this.#usable();
    try {
      const renamed = await this.#look(live, true);
      if (renamed && live.file.endsBetweenTransactions) await this.#rotate(live, signal);
      return renamed;
    } catch (error) {
      throw this.#fail('cannot be checked', error);
    }
  }

  /**
   * Returns whether the file was renamed.
   * @throws WaymarkError if somebody did something forbidden to it.
   */
  async #look({ file, lock }: Live, closely: boolean): Promise<boolean> {
    const situation = situationOf(await file.facts(this.#path, closely), file.offset);
    switch (situation.kind) {
      case 'in-place':
        return false;
      case 'renamed':
        return true;
      case 'damaged':
        // If another leader did it, that is the better error.
        await lock.guard(() => Promise.resolve());
        throw this.#error(situation.how);
    }
  }

  /** Begins a new file, unless that has to wait. */
  async #rotate(live: Live, signal: AbortSignal): Promise<void> {
    const { file, note } = live;
    const behind = this.#transactions - (this.#acknowledged?.transactions ?? this.#transactions);
    const earlier = await heldForNextFile(
      { file, note, acknowledged: this.#acknowledged, behind },
      this.#wanted,
      signal,
    );
    if (earlier === null) {
      this.#rotationWaits = `the rotation of ${this.#path} waits for a checkpoint: ${String(behind)} transactions came after the last one`;
      return;
    }
    const realPath = await realPathOf(this.#path);
    // A symbolic link may lead to another place now.
    const moves = realPath !== live.realPath;
    const lock = moves ? (await lockFile(realPath, this.#path, live.fencing)).lock : live.lock;
    try {
      const notes = new FileNotes(realPath, live.fencing?.token ?? 0);
      const next = await live.lock.guard(() => beginNext(live, earlier, realPath, notes));
      if (moves) await live.lock.release();
      Object.assign(live, { ...next, lock, realPath });
      this.#rotationWaits = null;
      await file.close();
    } catch (error) {
      if (moves) await lock.release();
      if (!isDiskFull(error)) throw error;
      // The stream goes on in the old file.
      this.#rotationWaits = `the rotation of ${this.#path} waits for room on the disk: ${messageOf(error)}`;
      return;
    }
    this.#logger?.info(
      { event: 'sink.rotated', path: this.#path, bytes: file.offset, file: live.note.file },
      `${this.#path} was renamed: the stream goes on in a new file`,
    );
  }

  #usable(): Live {
    if (this.#failure !== null) throw this.#failure;
    if (this.#live === null) throw this.#error('is not open');
    return this.#live;
  }

  #fail(what: string, cause: unknown): WaymarkError {
    const failure =
      cause instanceof WaymarkError ? cause : this.#error(`${what}: ${messageOf(cause)}`, cause);
    return (this.#failure = failure);
  }

  #error(what: string, cause?: unknown): WaymarkError {
    return new WaymarkError('sink', `the file ${this.#path} ${what}`, {
      ...(cause === undefined ? {} : { cause }),
      details: { path: this.#path },
    });
  }
}

import type { Logger } from 'pino';
import { formatCoordinates } from '../binlog/coordinates.js';
import type { Checkpoint, CheckpointStore, ServerIdentity } from '../checkpoint/checkpoint.js';
import { recordLimitBytes } from '../checkpoint/codec.js';
import { digestBytes } from '../checkpoint/trail-columns.js';
import type { Sink } from '../sinks/sink.js';
import { epochMs, monotonicMs } from '../util/clock.js';
import type { Progress } from './progress.js';
import { sleep } from '../util/async.js';
import { hasCode, messageOf } from '../util/errors.js';
import type { KeptLayouts, UnsavedLayouts } from './kept-layouts.js';

/** While there is progress, a checkpoint is saved at least this often. */
const intervalMs = 1000;

/** How long a store may be away before the log says so again. */
const complainEveryMs = 30_000;

/** What a checkpointer needs. */
export type CheckpointerOptions = {
  readonly stream: string;
  readonly store: CheckpointStore;
  readonly sink: Sink;
  /** Ends waiting for the sink. */
  readonly sinkSignal: AbortSignal;
  readonly progress: Progress;
  readonly layouts: KeptLayouts;
  readonly logger: Logger;
  /** The version of the record that was loaded. Null if there was none. */
  readonly version: string | null;
};

/** The checkpoint to write, and the layouts that it refers to if they must be written first. */
type Snapshot = {
  readonly checkpoint: Checkpoint;
  /** How many entries of the trail are older than the record could ever hold. */
  readonly olderEntries: number;
  readonly layouts: UnsavedLayouts | null;
};

/** A record takes the newest entries of the trail that fit. The digest alone takes eight bytes of each. */
const mostTransactions = recordLimitBytes / digestBytes;

/** Why a record is written. Regular records (`interval`, `hint`) are logged only at debug level. */
export type SaveReason = 'start' | 'interval' | 'hint' | 'switch' | 'stop';

/**
 * Saves the checkpoint, always after the sink has made durable what the checkpoint covers. While the store is away the
 * stream goes on, and the checkpoint is saved as soon as the store is back. If somebody else has written in between,
 * that is an error that ends the agent.
 */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  #version: string | null;
  #server: (ServerIdentity & { readonly keepsOrder: boolean }) | null = null;
  #running: Promise<void> | null = null;
  #error: Error | null = null;
  #lastSaveMs = Number.NEGATIVE_INFINITY;
  #savedAt: number | null = null;
  #complainedAtMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #failing: { readonly sinceMs: number; readonly reason: string } | null = null;
  #droppedEntries = 0;
  /** Why a record is to be saved with the next batch, whatever the time. Null if none is. */
  #due: SaveReason | null = null;
  /** The progress in the last record, in short. If it is unchanged, there is nothing to save. */
  #saved = '';

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#version = options.version;
  }

  /**
   * Sets the server that the coordinates in `progress` belong to from now on, and whether the trail is in its source's
   * order.
   */
  reading(server: ServerIdentity, keepsOrder: boolean): void {
    this.#server = { ...server, keepsOrder };
  }

  /** When the last record was written, in milliseconds since 1970. Null before the first. */
  get savedAt(): number | null {
    return this.#savedAt;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Since when saving has failed (by the monotonic clock), and why. Null if the last record was saved. */
  get failing(): { readonly sinceMs: number; readonly reason: string } | null {
    return this.#failing;
  }

  /** How many of the trail's oldest entries the last record had no room for. */
  get droppedEntries(): number {
    return this.#droppedEntries;
  }

  /**
   * Called between batches. Begins to save if it is time. Waits only for the sink: the store answers in the background.
   * @throws the sink's error, or the conflict of an earlier save.
   */
  async between(hint: boolean, signal: AbortSignal): Promise<void> {
    if (this.#error !== null) throw this.#error;
    if (this.#running !== null) return;
    const reason = this.#due ?? (hint ? 'hint' : 'interval');
    if (reason === 'interval' && monotonicMs() - this.#lastSaveMs < intervalMs) return;
    if (this.#due === null && this.#saved === this.#mark()) return;
    this.#due = null;
    await this.#saveInBackground(reason, signal);
  }

  /**
   * Called when reading from a server begins. Waits for a stream's very first record: without it, an agent that dies
   * begins anew, and what came meanwhile would be lost. Any later record is saved with the first batch, so that reading
   * doesn't wait for the sink's disk. Until then the record before it holds, as it does while the store is away.
   */
  async begin(reason: 'start' | 'switch', signal: AbortSignal): Promise<void> {
    if (this.#version === null) await this.saveNow(reason, signal);
    else this.#due = reason;
  }

  async #saveInBackground(reason: SaveReason, signal: AbortSignal): Promise<void> {
    const snapshot = await this.#snapshot(this.#options.sinkSignal);
    this.#lastSaveMs = monotonicMs();
    this.#running = this.#save(snapshot, reason, signal)
      .catch((error: unknown) => {
        // The agent is stopping, so this save was given up. The last save follows, and expects the same version.
        if (signal.aborted && error === signal.reason) this.#saved = '';
        else this.#noteFailure(error);
      })
      .finally(() => {
        this.#running = null;
      });
  }

  /** Saves now and waits until it is done. Tries again while the store is away, until the signal fires. */
  async saveNow(reason: SaveReason, signal: AbortSignal): Promise<void> {
    await this.#running;
    if (this.#error !== null) throw this.#error;
    const snapshot = await this.#snapshot(signal);
    for (;;) {
      try {
        await this.#save(snapshot, reason, signal);
        return;
      } catch (error) {
        if (!hasCode(error, 'checkpoint-store') || signal.aborted) throw error;
        this.#noteFailure(error);
        await sleep(intervalMs, signal);
      }
    }
  }

  #mark(): string {
    const { coordinates, partial } = this.#options.progress;
    return `${formatCoordinates(coordinates)} ${partial?.changes ?? 0}`;
  }

  async #snapshot(signal: AbortSignal): Promise<Snapshot> {
    const { progress, sink, stream, layouts } = this.#options;
    this.#saved = this.#mark();
    const position = await sink.flush(signal);
    if (this.#server === null) throw new Error('a checkpoint needs a server');
    const { keepsOrder, ...server } = this.#server;
    const { keeper, partial } = progress;
    const entries = keeper.newest(mostTransactions);
    const checkpoint = {
      stream,
      fencingToken: 0,
      server,
      keepsOrder,
      coordinates: progress.coordinates,
      sequence: keeper.sequence,
      numberedFrom: keeper.lastHint?.token ?? null,
      trail: { entries, partial },
      anchors: progress.anchors,
      gtidSet: progress.delivered?.toString() ?? null,
      sink: position,
      layouts: layouts.mark(progress.layoutVersion),
      savedAt: epochMs(),
    };
    return { checkpoint, olderEntries: keeper.length - entries.length, layouts: layouts.unsaved() };
  }

  async #save(
    { checkpoint, olderEntries, layouts }: Snapshot,
    reason: SaveReason,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, sink, logger, layouts: kept } = this.#options;
    if (layouts !== null) {
      await store.saveLayouts(layouts.record, checkpoint.fencingToken, signal);
      kept.written(layouts);
    }
    this.#version = await store.save(checkpoint, this.#version, signal);
    if (checkpoint.layouts !== null) kept.saved(checkpoint.layouts);
    if (checkpoint.sink !== null) sink.saved?.(checkpoint.sink);
    this.#savedAt = checkpoint.savedAt;
    this.#noteDropped(store.droppedEntries + olderEntries, checkpoint.trail.entries.length + olderEntries);
    this.#failing = null;
    this.#complainedAtMs = Number.NEGATIVE_INFINITY;
    const fields = { event: 'checkpoint.saved', reason, ...checkpoint.coordinates, store: store.location };
    if (reason === 'interval' || reason === 'hint') logger.debug(fields, 'Checkpoint saved');
    else logger.info(fields, 'Checkpoint saved');
  }

  /**
   * Logs when the record begins to lack entries of the trail, and when it has all of them again. With a shorter trail,
   * fewer servers can be matched.
   */
  #noteDropped(droppedEntries: number, entries: number): void {
    const { store, logger } = this.#options;
    const before = this.#droppedEntries;
    this.#droppedEntries = droppedEntries;
    if (droppedEntries > 0 === before > 0) return;
    const fields = { event: 'checkpoint.trail-cut', droppedEntries, entries, store: store.location };
    if (droppedEntries === 0) {
      logger.info(fields, 'The checkpoint holds the whole trail again');
      return;
    }
    logger.warn(
      fields,
      `The checkpoint has no room for the ${droppedEntries} oldest of the trail's ${entries} entries. An agent that ` +
        'begins from it can go on only on servers with the newer hints. Inject hints more often, or lower matching.margin',
    );
  }

  #noteFailure(error: unknown): void {
    this.#failures += 1;
    this.#failing = { sinceMs: this.#failing?.sinceMs ?? monotonicMs(), reason: messageOf(error) };
    this.#saved = '';
    if (!hasCode(error, 'checkpoint-store')) {
      this.#error = error instanceof Error ? error : new Error(String(error));
      return;
    }
    // Try again at the next batch instead of after the interval.
    this.#lastSaveMs = Number.NEGATIVE_INFINITY;
    if (monotonicMs() - this.#complainedAtMs < complainEveryMs) return;
    this.#complainedAtMs = monotonicMs();
    this.#options.logger.warn(
      { event: 'checkpoint.failed', store: this.#options.store.location, reason: messageOf(error) },
      `The checkpoint can't be saved. The stream goes on, and the checkpoint is saved as soon as the store is back: ${messageOf(error)}`,
    );
  }
}

import type { DeliveredTransaction } from '../records/ndjson.js';
import type { RecordBatch } from '../records/record-batch.js';
import type { RecordSource } from '../records/record.js';
import type { SinkPosition } from '../checkpoint/checkpoint.js';
import type { Fencing } from '../util/fencing.js';

/** The content of a sink's last record, which may be a gap. */
export type LastRecord = {
  readonly hint: string | null;
  readonly sequence: number;
  /** Where it was read. For a gap: where the stream was to go on. */
  readonly source: RecordSource;
  readonly isGap: boolean;
};

/**
 * The end of a sink's records. From there, the stream can go on without a checkpoint: the place is proved by
 * content, as with one.
 */
export type RecordsEnd =
  | {
      readonly kind: 'known';
      /**
       * The last transactions after the last gap, oldest first: two hint intervals and twice the margin of
       * the match, or all that there are.
       */
      readonly transactions: readonly DeliveredTransaction[];
      readonly last: LastRecord;
      /** Whether all of these were read from the same server. */
      readonly fromOneServer: boolean;
    }
  /** There were records, but their end is lost. `reason` is a sentence for the operator. */
  | { readonly kind: 'lost'; readonly reason: string };

/** What a sink found when it opened. */
export type SinkRecovery = {
  /**
   * Whether the sink knows what it holds. If not, after an agent's death everything since the last checkpoint
   * is delivered again, with the same ids.
   */
  readonly remembers: boolean;
  /** The transactions after the given position, oldest first. Only complete ones. */
  readonly delivered: readonly DeliveredTransaction[];
  /** Whether the sink ends with a complete transaction. It has cut off an unfinished one. */
  readonly endsBetweenTransactions: boolean;
  /**
   * The end of its records, if the checkpoint doesn't tell: there is no checkpoint, it has no position of
   * this sink, or there is a gap after that position. Then `delivered` is empty. Left out if the position is
   * valid, and by a sink that has no records or doesn't know them.
   */
  readonly ending?: RecordsEnd;
  /** What was cut off, if anything: part of a transaction that its writer didn't finish. */
  readonly cutOff?: { readonly bytes: number; readonly records: number };
  /** What the operator should know, one sentence each. */
  readonly warnings?: readonly string[];
};

/**
 * Takes the records. One agent calls it, one call at a time.
 *
 * The order of calls is open, then deliver and flush any number of times, then close. If the agent leads its
 * stream again, it begins again with open. Any rejection ends the stream. So a sink repairs what it can by
 * itself before it rejects: a full pipe, a short outage. The checkpoint covers exactly the batches for which
 * `deliver` has resolved.
 *
 * When a signal fires, the agent stops waiting, whether the sink obeys or not. What the sink accepts after
 * that may be delivered again, with the same ids. A sink that was being opened is closed in any case.
 *
 * If several agents stand by for each other, each has its own sink object, and all may write to the same
 * place. The fencing token tells them apart: a sink that has seen a token accepts nothing with a lower one.
 */
export interface Sink {
  /**
   * Opens the sink, and returns what it holds.
   * @param acknowledged the position in the last checkpoint. Null if there is no checkpoint, or it has no
   *   position.
   * @param fencing the leadership that begins. Left out without an election.
   */
  open(acknowledged: SinkPosition | null, signal: AbortSignal, fencing?: Fencing): Promise<SinkRecovery>;
  /**
   * Takes records in the order of the history. Resolves when they are accepted. While it waits, so does the
   * agent (backpressure). Until then, the batch's lines stay valid.
   * @param fencing the leadership that delivers them, the same as at open.
   */
  deliver(batch: RecordBatch, signal: AbortSignal, fencing?: Fencing): Promise<void>;
  /** Makes everything delivered durable. Returns the position for the checkpoint. */
  flush(signal: AbortSignal): Promise<SinkPosition | null>;
  /** A checkpoint with this position was saved. From now on, `open` gets this position or a later one. */
  saved?(position: SinkPosition): void;
  /**
   * Checks what was written while nothing is delivered. Rejects if it was changed, or with the signal's
   * reason. It may run during deliver and flush.
   */
  watch?(signal: AbortSignal): Promise<never>;
  /** The operator has moved the output away. Begin a new one. */
  rotate?(): void;
  /** Why the sink can't write while it tries again: `the disk is full …`. Null if nothing is wrong. */
  readonly trouble?: string | null;
  /** Flushes what was delivered, and releases everything. */
  close(): Promise<void>;
}

import type { DeliveredTransaction } from '../records/ndjson.js';
import type { RecordBatch } from '../records/record-batch.js';
import type { RecordSource } from '../records/record.js';
import type { SinkPosition } from '../checkpoint/checkpoint.js';
import type { Fencing } from '../util/fencing.js';

/** What a sink's last record says, a gap's included. */
export type LastRecord = {
  readonly hint: string | null;
  readonly sequence: number;
  /** Where it was read; of a gap, where the stream was to go on. */
  readonly source: RecordSource;
  readonly isGap: boolean;
};

/**
 * Where the records of a sink end, so that the stream can go on from there without a checkpoint: proved by content, as
 * with one.
 */
export type HeldEnding =
  | {
      readonly kind: 'known';
      /**
       * The last transactions, oldest first, behind the last gap: two hint intervals and twice the margin of the match,
       * or all that there are.
       */
      readonly transactions: readonly DeliveredTransaction[];
      readonly last: LastRecord;
      /** Whether all of these were read from one and the same server. */
      readonly fromOneServer: boolean;
    }
  /** There were records, and what they ended with can't be had any more: why, in a sentence for the operator. */
  | { readonly kind: 'lost'; readonly reason: string };

/** What a sink found when it opened. */
export type SinkRecovery = {
  /**
   * Whether the sink knows what it holds. If it doesn't, what was delivered behind the last checkpoint of an agent
   * that died is delivered again, with the same ids.
   */
  readonly remembers: boolean;
  /** Transactions held behind the given position, oldest first. Always complete ones. */
  readonly delivered: readonly DeliveredTransaction[];
  /** Whether the sink holds exactly what it was given up to a transaction's end (it cuts off an unfinished one). */
  readonly endsBetweenTransactions: boolean;
  /**
   * Where its records end, when the checkpoint doesn't say so: there is none, it has no position of this sink, or the
   * records have a gap behind that position. Then `delivered` is empty. Left out when the position holds, and by a sink
   * that has no records or doesn't know them.
   */
  readonly ending?: HeldEnding;
  /** What was cut off, if anything: the part of a transaction that its writer did not live to finish. */
  readonly cutOff?: { readonly bytes: number; readonly records: number };
  /** What the operator should know, one sentence each. */
  readonly warnings?: readonly string[];
};

/**
 * Takes the records. Called by one agent, never concurrently with itself.
 *
 * The order of calls: open, then deliver and flush any number of times, then close; and again from open on, when the
 * agent leads its stream another time. A rejected promise ends the stream, whatever it is rejected with: what a sink can
 * mend (a full pipe, a short outage) it mends itself before it answers. The checkpoint speaks of what `deliver` has
 * resolved for, and of nothing else.
 *
 * When a signal fires the agent stops waiting, whether the sink heeds it or not. What the sink takes after that may come
 * again, with the same ids. One that was being opened then is closed all the same.
 *
 * Where several agents stand by for each other, each of them has a sink, and what they write to may be one and the
 * same. The fencing token tells them apart: whoever has seen one takes nothing under a lower one any more.
 */
export interface Sink {
  /**
   * @param acknowledged the position in the last checkpoint; null when there is no checkpoint or it has none.
   * @param fencing the leadership that begins; left out where there is no election.
   */
  open(acknowledged: SinkPosition | null, signal: AbortSignal, fencing?: Fencing): Promise<SinkRecovery>;
  /**
   * Takes records in the order of the history; resolves when they are accepted. Waiting is backpressure. The batch's
   * lines are the sink's until then.
   * @param fencing the leadership under which they are delivered, the same as at open.
   */
  deliver(batch: RecordBatch, signal: AbortSignal, fencing?: Fencing): Promise<void>;
  /** Makes durable what was delivered; the position is kept in the checkpoint. */
  flush(signal: AbortSignal): Promise<SinkPosition | null>;
  /** A checkpoint with this position has been saved: it is the oldest that `open` may be called with from now on. */
  saved?(position: SinkPosition): void;
  /**
   * Looks after what was written while nothing is delivered; rejects when it is not what it was, or with the signal's
   * reason. May run beside deliver and flush.
   */
  watch?(signal: AbortSignal): Promise<never>;
  /** The operator has moved the output out of the way: go on in a new one. */
  rotate?(): void;
  /** What keeps it from writing, while it tries again: `the disk is full …`; null when nothing does. */
  readonly trouble?: string | null;
  /** Releases what the sink holds; what was delivered and not flushed is flushed first. */
  close(): Promise<void>;
}

import type { ChangeRecord } from './record.js';
import type { SinkPosition } from '../checkpoint/checkpoint.js';
import type { Fencing } from '../util/fencing.js';

/** A transaction that a sink holds completely: what its last record says. */
export type DeliveredTransaction = {
  /** The hint before it, without `asc:`; null when none had been seen. */
  readonly hint: string | null;
  readonly sequence: number;
  readonly gtid: string | null;
  /** Second of the transaction's first content event. */
  readonly second: number;
  readonly digest: bigint;
};

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
 * again, with the same ids.
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
   * Takes records in the order of the history; resolves when they are accepted. Waiting is backpressure.
   * @param fencing the leadership under which they are delivered, the same as at open.
   */
  deliver(records: readonly ChangeRecord[], signal: AbortSignal, fencing?: Fencing): Promise<void>;
  /** Makes durable what was delivered; the position is kept in the checkpoint. */
  flush(signal: AbortSignal): Promise<SinkPosition | null>;
  /** Releases what the sink holds; what was delivered and not flushed is flushed first. */
  close(): Promise<void>;
}

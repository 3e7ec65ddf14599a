import type { Coordinates } from '../binlog/coordinates.js';
import type { GtidPosition } from './gtid-position.js';
import { TrailKeeper } from '../matching/trail-keeper.js';
import type { PartialTransaction, Trail } from '../matching/trail.js';

/**
 * How far the stream has been delivered: the one mutable state of an agent's stream. The tail alone changes it, and
 * only between batches, when the sink has accepted everything it speaks of.
 */
export type Progress = {
  /** Right behind the last transaction that is over: delivered, passed over, or nothing to deliver. */
  coordinates: Coordinates;
  readonly keeper: TrailKeeper;
  /** Where the last hint was injected: the source of that time; null when it isn't known. */
  sourceServerId: number | null;
  /** The transaction under way, as far as it has been delivered. */
  partial: PartialTransaction | null;
  /** Records delivered since the agent began. */
  records: number;
  transactions: number;
  /** Transactions passed over because another server had delivered them. */
  passedOver: number;
  /** Transactions born on the replica itself and left out. */
  bornHere: number;
  /** Bytes that came from servers since the agent began. */
  bytes: number;
  /** When the last transaction that has been met was committed on the source, in seconds since 1970. */
  lastSecond: number | null;
  /** When the last bytes came from the server, in milliseconds of the monotonic clock; null before the first. */
  lastHeardAtMs: number | null;
  readonly gtidPosition: GtidPosition;
};

/**
 * What is delivered of a stream, before anything is.
 * @param margin in transactions: see TrailKeeper.
 */
export function newProgress(margin: number): Progress {
  return {
    coordinates: { file: '', position: 0 },
    keeper: new TrailKeeper(margin),
    sourceServerId: null,
    partial: null,
    records: 0,
    transactions: 0,
    passedOver: 0,
    bornHere: 0,
    bytes: 0,
    lastSecond: null,
    lastHeardAtMs: null,
    gtidPosition: new Map(),
  };
}

/** The trail with the transaction under way, for a checkpoint or a match. */
export function trailOf(progress: Progress): Trail {
  return { entries: progress.keeper.entries, partial: progress.partial };
}

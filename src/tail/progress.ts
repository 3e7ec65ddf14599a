import type { Coordinates } from '../binlog/coordinates.js';
import type { EndedTransaction } from '../transactions/transaction.js';
import type { Hint } from '../hints/hint.js';
import { TrailKeeper } from '../matching/trail-keeper.js';
import type { Identity, PartialTransaction } from '../matching/trail.js';
import { type GtidPosition, noteGtid } from './gtid-position.js';

/**
 * How far the stream has been delivered: the one mutable state of an agent's stream. The tail alone changes it while a
 * server is read, and only when the sink has accepted everything it speaks of (see ReadAhead).
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
  errant: number;
  /** Bytes that came from servers since the agent began. */
  bytes: number;
  /** When the last transaction that has been met was committed on the source, in seconds since 1970. */
  lastSecond: number | null;
  /** When the last bytes came from the server, in milliseconds of the monotonic clock; null before the first. */
  lastHeardAtMs: number | null;
  readonly gtidPosition: GtidPosition;
  /** Of the proved layouts (src/layouts), behind the last transaction that is over. */
  layoutVersion: number;
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
    errant: 0,
    bytes: 0,
    lastSecond: null,
    lastHeardAtMs: null,
    gtidPosition: new Map(),
    layoutVersion: 0,
  };
}

/** A transaction that is over, and what has become of it. */
export type Step = { readonly ended: EndedTransaction } & (
  | { readonly kind: 'hint'; readonly hint: Hint }
  | { readonly kind: 'delivered'; readonly identity: Identity }
  /** It was delivered from another server. */
  | { readonly kind: 'passed-over' }
  /** This server has it twice. */
  | { readonly kind: 'repeated' }
  /** Born on the replica itself. */
  | { readonly kind: 'errant' }
  /** Nothing of it is history. */
  | { readonly kind: 'empty' }
);

/** Takes a step: the sink has accepted what the transaction holds. */
export function advance(progress: Progress, step: Step): void {
  const { ended } = step;
  if (ended.identity !== null) progress.lastSecond = ended.identity.second;
  progress.coordinates = ended.end;
  if (step.kind !== 'errant') noteGtid(progress.gtidPosition, ended.gtid);
  switch (step.kind) {
    case 'hint':
      progress.keeper.hint(step.hint, ended.start);
      progress.sourceServerId = ended.serverId;
      return;
    case 'delivered':
      progress.keeper.transaction(step.identity);
      progress.transactions += 1;
      return;
    case 'passed-over':
      progress.keeper.passedOver();
      progress.passedOver += 1;
      return;
    case 'errant':
      progress.errant += 1;
      return;
    case 'repeated':
    case 'empty':
      return;
  }
}

import type { Coordinates } from '../binlog/coordinates.js';
import type { EndedTransaction } from '../transactions/transaction.js';
import type { Hint } from '../hints/hint.js';
import type { GtidState } from '../gtids/gtid-state.js';
import { TrailKeeper } from '../matching/trail-keeper.js';
import type { AnchorKind, Identity, PartialTransaction } from '../matching/trail.js';

/**
 * How far the stream has been delivered. It is the one mutable state of an agent's stream. While a server is read, only
 * the tail changes it, and only when the sink has accepted everything that it covers (see ReadAhead).
 */
export type Progress = {
  /** Right after the last ended transaction, whether it was delivered, passed over, or had nothing to deliver. */
  coordinates: Coordinates;
  readonly keeper: TrailKeeper;
  /** What anchors the trail, and what ids are made of. It stays the same from the stream's beginning on. */
  anchors: AnchorKind;
  /**
   * Everything that was delivered or came before the stream's beginning, by GTID. Null if GTIDs don't anchor the
   * stream, or if that isn't known.
   */
  delivered: GtidState | null;
  /** The server_id of the source on which the last hint was injected. Null if it isn't known. */
  sourceServerId: number | null;
  /** The delivered part of the transaction under way. */
  partial: PartialTransaction | null;
  /** Records delivered since the agent began. */
  records: number;
  transactions: number;
  /** Transactions passed over because they had been delivered from another server. */
  passedOver: number;
  /** Errant transactions that were left out. */
  errant: number;
  /** Bytes received from servers since the agent began. */
  bytes: number;
  /** When the last transaction that was read was committed on the source, in seconds since 1970. */
  lastSecond: number | null;
  /** When the last bytes came from the server, in milliseconds of the monotonic clock. Null before the first. */
  lastHeardAtMs: number | null;
  /** The version of the proved layouts (src/layouts) after the last ended transaction. */
  layoutVersion: number;
  /** Whether something was read that the sink hasn't accepted yet. */
  isDelivering: boolean;
};

/**
 * Returns the progress of a stream of which nothing has been delivered.
 * @param margin in transactions: see TrailKeeper.
 */
export function newProgress(margin: number): Progress {
  return {
    coordinates: { file: '', position: 0 },
    keeper: new TrailKeeper(margin),
    anchors: 'hint',
    delivered: null,
    sourceServerId: null,
    partial: null,
    records: 0,
    transactions: 0,
    passedOver: 0,
    errant: 0,
    bytes: 0,
    lastSecond: null,
    lastHeardAtMs: null,
    layoutVersion: 0,
    isDelivering: false,
  };
}

/** An ended transaction, and what became of it. */
export type Step = { readonly ended: EndedTransaction } & (
  | { readonly kind: 'hint'; readonly hint: Hint }
  | { readonly kind: 'delivered'; readonly identity: Identity }
  /** It had been delivered from another server. */
  | { readonly kind: 'passed-over' }
  /** This server has it twice. */
  | { readonly kind: 'repeated' }
  /** It was written directly on the replica. */
  | { readonly kind: 'errant' }
  /** Nothing of it is history. */
  | { readonly kind: 'empty' }
);

/** Moves the progress past a transaction. Call it when the sink has accepted what the transaction holds. */
export function advance(progress: Progress, step: Step): void {
  const { ended } = step;
  if (ended.identity !== null) progress.lastSecond = ended.identity.second;
  progress.coordinates = ended.end;
  if (step.kind !== 'errant') progress.delivered?.add(ended.gtid);
  const byGtid = progress.anchors === 'gtid';
  switch (step.kind) {
    case 'hint':
      if (!byGtid) progress.keeper.hint(step.hint, ended.start);
      progress.sourceServerId = ended.serverId;
      return;
    case 'delivered':
      if (ended.gtid !== null) {
        if (byGtid) progress.keeper.gtid(ended.gtid, ended.start);
        else progress.keeper.mayBegin(ended.gtid, ended.start);
      }
      progress.keeper.transaction(step.identity, ended.start);
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

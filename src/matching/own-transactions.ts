import type { Coordinates } from '../binlog/coordinates.js';
import type { GtidState } from '../gtids/gtid-state.js';

/** A transaction that a replica has in its log under its own server id. */
export type OwnTransaction = {
  /** Null if it has none. */
  readonly gtid: string | null;
  readonly start: Coordinates;
};

/**
 * Whether such a transaction is part of the history: the replica was the source when it wrote it. If not, it is errant.
 * `unchecked` says why nobody could be asked. Null: the replica's source was asked, and doesn't have it.
 */
export type OwnVerdict =
  { readonly kind: 'history' } | { readonly kind: 'errant'; readonly unchecked: string | null };

/** Tells what a replica wrote as the source from what it wrote as a replica. */
export type OwnHistory = {
  judge(own: OwnTransaction): Promise<OwnVerdict>;
  /** What the servers have that it replicates from, by GTID. Null if they can't be asked. */
  upstream(): Promise<GtidState | null>;
};

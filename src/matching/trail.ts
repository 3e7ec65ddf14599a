import type { Identity } from '../transactions/identity.js';
import type { Coordinates } from '../binlog/coordinates.js';
import type { Hint } from '../hints/hint.js';

export type { Identity };

/** One step of the history: a hint, or a transaction with content. Transactions without content are left out. */
export type TrailEntry =
  | {
      readonly kind: 'hint';
      readonly hint: Hint;
      /** Where the hint's transaction begins on the server that it was read from. It need not be the one read now. */
      readonly coordinates: Coordinates;
    }
  | {
      /** The next transaction of the trail has this GTID. */
      readonly kind: 'gtid';
      readonly gtid: string;
      /** Where that transaction begins, as for a hint. */
      readonly coordinates: Coordinates;
    }
  | {
      readonly kind: 'transaction';
      readonly identity: Identity;
      /** The other server may lack it. If it is there, it is met like any other. Never set in a reader's trail. */
      readonly optional?: true;
    };

/** An entry by which the trail's place is found on another server, and where comparing can begin. */
export type Anchor = Extract<TrailEntry, { readonly kind: 'hint' | 'gtid' }>;

/** What anchors a stream: hints that somebody injects, or the servers' own GTIDs. */
export type AnchorKind = Anchor['kind'];

/** With GTIDs, every transaction could be an anchor. One in so many is enough to cut a trail where it should be. */
export const transactionsBetweenGtids = 64;

/** Whether an entry of the trail is an anchor. */
export function isAnchor(entry: TrailEntry): entry is Anchor {
  return entry.kind !== 'transaction';
}

/** The text that tells an anchor from all others: the hint's token, or the GTID. */
export function nameOfAnchor(anchor: Anchor): string {
  return anchor.kind === 'hint' ? anchor.hint.token : anchor.gtid;
}

/** The GTIDs that anchor a trail, oldest first. */
export function gtidsOf(entries: readonly TrailEntry[]): readonly string[] {
  return entries.flatMap((entry) => (entry.kind === 'gtid' ? [entry.gtid] : []));
}

/** The trail's last anchor. Null if it has none. */
export function newestAnchor(entries: readonly TrailEntry[]): Anchor | null {
  return entries.findLast(isAnchor) ?? null;
}

/** A transaction that was delivered up to a place in its middle. */
export type PartialTransaction = {
  readonly second: number;
  readonly origin: string;
  /** Changes (rows and statements) delivered. */
  readonly changes: number;
  /** Bytes of canonical content of these changes, and their digest. */
  readonly contentBytes: number;
  readonly digest: bigint;
};

/** What was delivered lately, oldest first, and the transaction that is under way, if one is. */
export type Trail = {
  readonly entries: readonly TrailEntry[];
  readonly partial: PartialTransaction | null;
};

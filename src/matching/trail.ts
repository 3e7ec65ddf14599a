import type { Coordinates } from '../binlog/coordinates.js';
import type { Hint } from '../hints/hint.js';

/**
 * What tells a transaction from every other and is the same on every server that has it.
 *
 * `digest` covers the content; `second` is the one in the header of the first row event or statement; `origin` is
 * the strongest mark the server's log gives: MariaDB's GTID as `g:domain-server-sequence`, MySQL's original commit
 * time (8.0.1 and later, with and without GTIDs) as `c:microseconds`, or `''` where there is neither.
 */
export type Identity = {
  readonly digest: bigint;
  readonly second: number;
  readonly origin: string;
};

/** One step of the history: a hint, or a transaction with content. Transactions without content are left out. */
export type TrailEntry =
  | {
      readonly kind: 'hint';
      readonly hint: Hint;
      /** Where the hint's transaction begins on the server that the trail was read from. */
      readonly coordinates: Coordinates;
    }
  | { readonly kind: 'transaction'; readonly identity: Identity };

/** A transaction that was delivered up to a place in its middle. */
export type PartialTransaction = {
  readonly second: number;
  readonly origin: string;
  /** Changes (rows and statements) delivered. */
  readonly changes: number;
  /** Bytes of canonical content that these changes make, and the digest over just these. */
  readonly contentBytes: number;
  readonly digest: bigint;
};

/** What was delivered lately, oldest first, and the transaction that is under way, if one is. */
export type Trail = {
  readonly entries: readonly TrailEntry[];
  readonly partial: PartialTransaction | null;
};

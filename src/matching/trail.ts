import type { Identity } from '../binlog/identity.js';
import type { Coordinates } from '../binlog/coordinates.js';
import type { Hint } from '../hints/hint.js';

export type { Identity };

/** One step of the history: a hint, or a transaction with content. Transactions without content are left out. */
export type TrailEntry =
  | {
      readonly kind: 'hint';
      readonly hint: Hint;
      /** Where the hint's transaction begins on the server that the trail was read from. */
      readonly coordinates: Coordinates;
    }
  | {
      readonly kind: 'transaction';
      readonly identity: Identity;
      /** It need not be on the other server; where it is, it is met as any other. Never in a reader's trail. */
      readonly optional?: true;
    };

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

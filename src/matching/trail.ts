import type { Identity } from '../transactions/identity.js';
import type { Coordinates } from '../binlog/coordinates.js';
import type { Hint } from '../hints/hint.js';

export type { Identity };

/** One step of the history: a hint, or a transaction with content. Transactions without content are left out. */
export type TrailEntry =
  | {
      readonly kind: 'hint';
      readonly hint: Hint;
      /** Where the hint's transaction begins on the server that it was read from: of the newest, the one read now. */
      readonly coordinates: Coordinates;
    }
  | {
      readonly kind: 'transaction';
      readonly identity: Identity;
      /** The other server may lack it. If it is there, it is met like any other. Never set in a reader's trail. */
      readonly optional?: true;
    };

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

import type { Coordinates } from '../binlog/coordinates.js';
import type { GtidState } from '../gtids/gtid-state.js';
import type { Hint } from '../hints/hint.js';
import type { Identity, TrailEntry } from './trail.js';

/** How sure a match is (docs/concepts.md, Confidence). */
export type Confidence = 'exact' | 'reordered' | 'shape' | 'unverified';

/** A step of a candidate's log, in its order. Empty transactions are left out. */
export type HistoryStep =
  | {
      readonly kind: 'hint';
      readonly hint: Hint;
      readonly start: Coordinates;
      readonly end: Coordinates;
      /** Where it was injected. */
      readonly serverId: number;
    }
  | {
      /** The next transaction has this GTID, by which the trail is anchored. */
      readonly kind: 'gtid';
      readonly gtid: string;
      /** Where that transaction begins. */
      readonly start: Coordinates;
      /** The same: nothing has been read of it yet. */
      readonly end: Coordinates;
    }
  | {
      readonly kind: 'transaction';
      readonly identity: Identity;
      /** Null or left out if it has none. */
      readonly gtid?: string | null;
      readonly start: Coordinates;
      readonly end: Coordinates;
      /**
       * Errant: written on the candidate itself while it was a replica. Not part of the history, unless the trail has
       * it.
       */
      readonly errant: boolean;
      /** Whether anything in it would be delivered. If not, it doesn't matter whether the trail has it. */
      readonly deliverable: boolean;
    };

/**
 * A delivered transaction that is missing, described so that a person can look it up: by the hint before it, or by the
 * last GTID at or before it that anchors the trail. Sequence 0 is the hint itself, and 1 the transaction after it, or
 * that of the GTID.
 */
export type MissingTransaction = {
  readonly hint: string | null;
  readonly gtid: string | null;
  readonly sequence: number;
  readonly origin: string;
  readonly second: number;
  readonly digest: string;
};

/** A transaction to pass over, because it was delivered from another server. */
export type PassedOver = { readonly start: Coordinates; readonly identity: Identity };

/** Where reading goes on, and what to pass over from there. */
export type ResumePoint = {
  readonly coordinates: Coordinates;
  /** The trail in this server's order: up to the coordinates, and the part of it after them. */
  readonly trail: readonly TrailEntry[];
  /** The last hint before the coordinates and the number of transactions since. */
  readonly sequence: number;
  /** Where that hint was injected: the source of that time. Null if it isn't known. */
  readonly sourceServerId: number | null;
  /** Everything before the coordinates, by GTID. Only if it was read there anew. */
  readonly delivered?: GtidState | null;
  /** Delivered transactions after the coordinates: where each begins on this server. */
  readonly skip: readonly PassedOver[];
};

/** The evidence for a match. */
export type MatchEvidence = {
  readonly transactionsMatched: number;
  readonly hintsMatched: number;
  /** How many entries of the trail had to be met. */
  readonly required: number;
  /** New transactions between those of the trail. They are delivered. */
  readonly additional: number;
  /** Errant transactions. They are left out. */
  readonly errant: number;
};

export type MatchState =
  | { readonly status: 'reading'; readonly evidence: MatchEvidence }
  | {
      readonly status: 'complete';
      readonly confidence: Confidence;
      readonly resume: ResumePoint;
      readonly evidence: MatchEvidence;
    }
  | {
      readonly status: 'diverged';
      /** The first few of what is missing. */
      readonly missing: readonly MissingTransaction[];
      readonly missingCount: number;
      /** The transaction with the same origin but other content, if there is one. */
      readonly otherContent: MissingTransaction | null;
      readonly resume: ResumePoint;
      readonly evidence: MatchEvidence;
    };

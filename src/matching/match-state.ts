import type { Coordinates } from '../binlog/coordinates.js';
import type { Hint } from '../hints/hint.js';
import type { Identity, TrailEntry } from './trail.js';

/** How sure a match is (DESIGN.md, Words). */
export type Confidence = 'exact' | 'reordered' | 'shape' | 'unverified';

/** What a candidate's log holds, in its order. Transactions without content are left out. */
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
      readonly kind: 'transaction';
      readonly identity: Identity;
      readonly start: Coordinates;
      readonly end: Coordinates;
      /** Born on the candidate itself while it replicates: no part of the history, unless the trail has it. */
      readonly bornHere: boolean;
      /** Whether anything in it would be delivered; if not, it doesn't matter whether the trail has it. */
      readonly deliverable: boolean;
    };

/**
 * A transaction that was delivered and is not where it should be, told so that a person can look it up. Sequence 0
 * is the hint itself.
 */
export type MissingTransaction = {
  readonly hint: string | null;
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
  /** The trail as this server has it, up to the coordinates and with what of it stands behind them. */
  readonly trail: readonly TrailEntry[];
  /** The last hint before the coordinates and the number of transactions since. */
  readonly sequence: number;
  /** Where that hint was injected: the source of that time; null when it isn't known. */
  readonly sourceServerId: number | null;
  /** Delivered already, standing behind the coordinates: where each begins on this server. */
  readonly skip: readonly PassedOver[];
};

/** The evidence for a match. */
export type MatchEvidence = {
  readonly transactionsMatched: number;
  readonly hintsMatched: number;
  /** Of the trail, how many had to be met. */
  readonly required: number;
  /** Transactions between the trail's that the trail doesn't have: they are delivered. */
  readonly additional: number;
  /** Transactions born on the server itself: left out. */
  readonly bornHere: number;
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
      /** What stands there instead, when something with the same origin does: then the contents differ. */
      readonly otherContent: MissingTransaction | null;
      readonly resume: ResumePoint;
      readonly evidence: MatchEvidence;
    };

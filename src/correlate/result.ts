import { type Coordinates, formatCoordinates } from '../binlog/coordinates.js';
import type { HintFormat } from '../hints/hint.js';
import type { Instance } from '../mysql/instance.js';
import type { Inspection } from '../mysql/inspect.js';
import type { Confidence } from '../matching/match-state.js';

/** A living server, as a look at it has shown. */
export type InspectedServer = { readonly instance: Instance; readonly inspection: Inspection };

export type CorrelateOptions = {
  /** The server whose coordinates are known. */
  readonly from: InspectedServer;
  /** A place between two transactions there: the end of its log, for a replica that is to be moved. */
  readonly at: Coordinates;
  /** The server where the same place is looked for. */
  readonly to: InspectedServer;
  readonly format: HintFormat;
  readonly signal: AbortSignal;
  /** By how many transactions the order of the two servers may differ. 1,024 by default. */
  readonly margin?: number;
  readonly onProgress?: (progress: CorrelateProgress) => void;
};

/** How far a search for hints has come; each file that is probed counts from zero. */
export type CorrelateProgress = {
  readonly server: string;
  readonly file: string;
  readonly bytesScanned: number;
};

/** A transaction, described so that a person can look it up. */
export type NamedTransaction = {
  readonly server: string;
  readonly start: Coordinates;
  readonly end: Coordinates;
  /** {@link Identity.origin}: MariaDB's GTID as `g:…`, MySQL's commit time as `c:…`; '' where there is neither. */
  readonly origin: string;
  /** Seconds since 1970. */
  readonly second: number;
};

/** A server's errant transactions in the compared part that the other server lacks. */
export type OwnTransactions = {
  readonly count: number;
  /** The first few. */
  readonly first: readonly NamedTransaction[];
};

/** The same place on another server. */
export type Correlation = {
  /**
   * Right after the last transaction that both have: a place between transactions, usable for a dump and for CHANGE
   * MASTER TO. The transactions before it are exactly those that the first server has before its place.
   */
  readonly to: Coordinates;
  /** The newest hint before the place, which both servers have. Null if the place was found by GTID. */
  readonly hint: string | null;
  /** The newest GTID that was looked for. Null if the place was found by a hint. */
  readonly gtid: string | null;
  readonly transactionsMatched: number;
  /**
   * `exact`: the same transactions in the same order. `reordered`: in another order, but all of them before the
   * place, and no others. `shape`, `unverified`: contents could not be compared (see docs/servers.md).
   */
  readonly confidence: Confidence;
  /** What each server has alone. A replica that is moved below `to` never receives what `to` has before the place. */
  readonly ownTransactions: { readonly from: OwnTransactions; readonly to: OwnTransactions };
};

/** `mysql-bin.000003:455 on db2:3306 (g:0-2-7, 2026-11-21T22:01:47.000Z)` */
export function nameOfTransaction(transaction: NamedTransaction): string {
  const { server, start, origin, second } = transaction;
  const time = new Date(second * 1000).toISOString();
  return `${formatCoordinates(start)} on ${server} (${origin === '' ? '' : `${origin}, `}${time})`;
}

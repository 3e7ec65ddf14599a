import type { Standing } from './lease-state.js';
import { callTimeouts } from './succession.js';

/** What the last sign of life of a row's leader is known by: another one is another text. */
export type Sign = string;

/**
 * What the row of a stream in the table `service_election` means: pure functions. The statements in election-sql.ts do
 * the same on the server, and a test holds them against each other.
 */

/** A row. Times are the server's, in milliseconds; nothing about a lease is decided by them: clocks are set. */
export type LeaseRow = {
  /** The candidate that leads or led last; '' when it gave up. */
  readonly holder: string;
  readonly token: number;
  /** The leader's last sign of life. */
  readonly sign: Sign;
  /** Host whose agents alone may lead next; `anybody`: whoever comes, once the leader has given up; '' when nobody asked. */
  readonly called: string;
  readonly calledAt: number;
};

/** Who attempts to lead. */
export type Participant = {
  /** Unique to one campaign. */
  readonly id: string;
  readonly host: string;
  /** The token that it leads with; 0: it doesn't lead yet. */
  readonly held: number;
  /**
   * The sign of life that it has watched for a whole timeout, by its own clock, without another one coming: whoever gave
   * it has stopped. Null: it hasn't watched any for so long.
   */
  readonly expired: Sign | null;
};

/** What a candidate watches: a leader's last sign of life, and since when it knows it, by its own clock. */
export type Watched = { readonly sign: Sign; readonly sinceMs: number };

/** What is watched once a row has been read, by the time of the answer: the sign was given no later. */
export function watch(before: Watched | null, { sign }: LeaseRow, nowMs: number): Watched {
  return before?.sign === sign ? before : { sign, sinceMs: nowMs };
}

/** The sign that has been watched for a timeout; null when none has. */
export function expiredSign(watched: Watched | null, nowMs: number, timeoutMs: number): Sign | null {
  return watched !== null && nowMs - watched.sinceMs >= timeoutMs ? watched.sign : null;
}

/** What `called` says when any other leader will do. */
export const anybody = '*';

/**
 * The row after an attempt. A leader's renews its lease; another's succeeds where there is no living leader.
 * @param sign the sign of life that the attempt gives, if it succeeds.
 */
export function attempt(
  row: LeaseRow | null,
  candidate: Participant,
  sign: Sign,
  now: number,
  timeoutMs: number,
): LeaseRow {
  const { id, host, held, expired } = candidate;
  if (row === null) return { holder: id, token: 1, sign, called: '', calledAt: now };
  const free = row.holder === '' || row.sign === expired;
  const may = !isCalled(row, now, timeoutMs) || row.called === anybody || row.called === host;
  if (row.holder !== id && !(free && may)) return row;
  if (row.token === held) return { ...row, holder: id, sign };
  return { holder: id, token: row.token + 1, sign, called: '', calledAt: row.calledAt };
}

/** How a candidate stands by a row. */
export function standing(
  row: LeaseRow,
  candidate: Omit<Participant, 'expired'>,
  now: number,
  timeoutMs: number,
): Standing {
  if (row.holder !== candidate.id) return { mine: false };
  const asked = isCalled(row, now, timeoutMs) && row.called !== candidate.host;
  return { mine: true, token: row.token, asked };
}

/** The row after a candidate has given up. */
export function withdraw(row: LeaseRow, id: string): LeaseRow {
  if (row.holder !== id) return row;
  return { ...row, holder: '', called: row.called === anybody ? '' : row.called };
}

function isCalled({ called, calledAt }: LeaseRow, now: number, timeoutMs: number): boolean {
  return called !== '' && calledAt >= now - callTimeouts * timeoutMs;
}

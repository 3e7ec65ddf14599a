import type { Standing } from './lease-state.js';
import { callTimeouts } from './succession.js';

/** Identifies a leader's sign of life. Another sign has another text. */
export type Sign = string;

/**
 * What a stream's row in the table `service_election` means, as pure functions. The statements in election-sql.ts do
 * the same on the server. A test compares the two.
 */

/**
 * A stream's row. Its times are milliseconds of the server's clock. They decide nothing about a lease, because that
 * clock may be set.
 */
export type LeaseRow = {
  /** The participant that leads, or led last. '' if it gave up. */
  readonly holder: string;
  readonly token: number;
  /** The leader's last sign of life. */
  readonly sign: Sign;
  /**
   * The host whose agents alone may lead next. `anybody`: any agent, once the leader has given up. '': nobody asked.
   */
  readonly called: string;
  readonly calledAt: number;
};

/** An agent that attempts to lead, in one campaign. */
export type Participant = {
  /** Unique to the campaign. */
  readonly id: string;
  readonly host: string;
  /** The token that it leads with. 0: it doesn't lead yet. */
  readonly held: number;
  /**
   * The sign of life that it has watched for a whole timeout by its own clock, while no other one came. So the leader
   * that gave that sign has stopped. Null: it hasn't watched any sign for so long.
   */
  readonly expired: Sign | null;
};

/** A leader's last sign of life, and since when the participant has known it, by the participant's own clock. */
export type Watched = { readonly sign: Sign; readonly sinceMs: number };

/** Returns what is watched after a row was read. `nowMs` is the time of the answer: the sign was given no later. */
export function watch(before: Watched | null, { sign }: LeaseRow, nowMs: number): Watched {
  return before?.sign === sign ? before : { sign, sinceMs: nowMs };
}

/** Returns the sign that has been watched for a timeout. Null if none has. */
export function expiredSign(watched: Watched | null, nowMs: number, timeoutMs: number): Sign | null {
  return watched !== null && nowMs - watched.sinceMs >= timeoutMs ? watched.sign : null;
}

/** The value of `called` if any other leader will do. */
export const anybody = '*';

/**
 * Returns the row after an attempt. A leader renews its lease. Another participant succeeds if no leader lives.
 * @param sign the sign of life that the attempt gives if it succeeds.
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

/** Returns a participant's standing by a row. */
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

/** Returns the row after a participant has given up. */
export function withdraw(row: LeaseRow, id: string): LeaseRow {
  if (row.holder !== id) return row;
  return { ...row, holder: '', called: row.called === anybody ? '' : row.called };
}

function isCalled({ called, calledAt }: LeaseRow, now: number, timeoutMs: number): boolean {
  return called !== '' && calledAt >= now - callTimeouts * timeoutMs;
}

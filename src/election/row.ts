import type { Standing } from './hold.js';

/**
 * What the row of a stream in the table `service_election` means: pure functions. The statements in mysql-table.ts do
 * the same on the server, and a test holds them against each other.
 */

/** A row. Times are the server's, in milliseconds. */
export type Row = {
  /** The candidate that leads or led last; '' when it gave up. */
  readonly holder: string;
  readonly token: number;
  readonly seenAt: number;
  /** Host whose agents alone may lead next; `anybody`: whoever comes, once the leader has given up; '' when nobody asked. */
  readonly called: string;
  readonly calledAt: number;
};

/** Who attempts to lead. */
export type Candidate = {
  /** Unique to one campaign. */
  readonly id: string;
  readonly host: string;
  /** The token that it leads with; 0: it doesn't lead yet. */
  readonly held: number;
};

/** What `called` says when any other leader will do. */
export const anybody = '*';

/** How many timeouts long a call counts: whoever was called and hasn't come by then won't. */
export const callTimeouts = 2;

/** The row after an attempt. A leader's renews its lease; another's succeeds where there is no living leader. */
export function attempt(row: Row | null, candidate: Candidate, now: number, timeoutMs: number): Row {
  const { id, host, held } = candidate;
  if (row === null) return { holder: id, token: 1, seenAt: now, called: '', calledAt: now };
  const free = row.holder === '' || row.seenAt < now - timeoutMs;
  const may = !isCalled(row, now, timeoutMs) || row.called === anybody || row.called === host;
  if (row.holder !== id && !(free && may)) return row;
  if (row.token === held) return { ...row, holder: id, seenAt: now };
  return { holder: id, token: row.token + 1, seenAt: now, called: '', calledAt: row.calledAt };
}

/** How a candidate stands by a row. */
export function standing(row: Row, candidate: Candidate, now: number, timeoutMs: number): Standing {
  if (row.holder !== candidate.id) return { mine: false };
  const asked = isCalled(row, now, timeoutMs) && row.called !== candidate.host;
  return { mine: true, token: row.token, asked };
}

/** The row after a candidate has given up. */
export function withdraw(row: Row, id: string): Row {
  if (row.holder !== id) return row;
  return { ...row, holder: '', called: row.called === anybody ? '' : row.called };
}

function isCalled({ called, calledAt }: Row, now: number, timeoutMs: number): boolean {
  return called !== '' && calledAt >= now - callTimeouts * timeoutMs;
}

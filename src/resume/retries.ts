import { hasCode, WaymarkError } from '../util/errors.js';

/** Whether a server can't be reached now, or went away or hung during a query. */
export function isAway(error: unknown): boolean {
  return (
    hasCode(error, 'server-unreachable') || hasCode(error, 'stream-broken') || hasCode(error, 'stream-silent')
  );
}

/** How long it is worth retrying a member that has failed. */
export type Patience =
  /** Forever: servers come back, and settings change. */
  | 'endless'
  /** A few times, and while others are being tried: the error may be temporary. */
  | 'bounded'
  /** Never: it doesn't change by itself. */
  | 'none';

/** How often a member with a possibly temporary error is tried. */
export const boundedAttempts = 6;

/** How long retrying can help without anybody's action, by the error. Pure. */
export function patienceWith(error: unknown): Patience {
  if (!(error instanceof WaymarkError)) return 'none';
  switch (error.code) {
    // It is unavailable, or misconfigured, which operators correct.
    case 'server-unreachable':
    case 'stream-broken':
    case 'stream-silent':
    case 'unsuitable-server':
      return 'endless';
    // A file was purged between the list and its reading: the next try has a new list. A log that a server left behind
    // when it crashed may end anywhere, and damage may have happened on the way. Grants are given,
    // and our own disk is freed, while others are tried.
    case 'coordinates':
    case 'protocol':
    case 'checksum':
    case 'unsupported-event':
    case 'access-denied':
    case 'missing-grant':
    case 'spool':
      return 'bounded';
    // The logs prove it. Reading them again would give the same result.
    case 'diverged':
    case 'no-trail':
    case 'not-found':
    case 'purged':
    case 'behind':
    case 'server-behind':
    case 'out-of-order':
      return 'none';
    // These don't concern a candidate.
    case 'usage':
    case 'config':
    case 'no-candidate':
    case 'switch-refused':
    case 'checkpoint-damaged':
    case 'checkpoint-foreign':
    case 'checkpoint-conflict':
    case 'checkpoint-store':
    case 'election-store':
    case 'not-leader':
    case 'sink':
    case 'refused':
    case 'replication':
    case 'not-put-back':
    case 'interrupted':
    case 'agent-unreachable':
    case 'token-refused':
    case 'conditions':
    case 'missing-table':
      return 'none';
  }
}

import { hasCode, WaymarkError } from '../util/errors.js';

/** Whether a server can't be reached now, or went away or stood still while it was asked. */
export function isAway(error: unknown): boolean {
  return (
    hasCode(error, 'server-unreachable') || hasCode(error, 'stream-broken') || hasCode(error, 'stream-silent')
  );
}

/** How long it is worth to try a member again that has failed. */
export type Patience =
  /** For ever: servers come back, and settings change. */
  | 'endless'
  /** A few times, and for as long as others are tried: it may be over in a moment, and needn't be. */
  | 'bounded'
  /** Not at all: nothing of it changes by itself. */
  | 'none';

/** How often a member is tried whose error may be over in a moment. */
export const boundedAttempts = 6;

/** How long trying again can help without anybody doing anything, by the error. Pure. */
export function patienceWith(error: unknown): Patience {
  if (!(error instanceof WaymarkError)) return 'none';
  switch (error.code) {
    // It is away, or not as it should be, which operators mend.
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
    // The logs say so, and reading them again from end to end says it again.
    case 'diverged':
    case 'no-trail':
    case 'hint-not-found':
    case 'hint-purged':
    case 'hint-behind':
    case 'server-behind':
    case 'out-of-order':
      return 'none';
    // Not about a candidate.
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
    case 'no-zookeeper-client':
      return 'none';
  }
}

import type { ReplicationEvidence, Sight } from '../pool/evidence.js';
import { progressBeside } from '../pool/source-progress.js';
import { whyItStands } from './diagnosis.js';

/** One look at a server that lags behind its shadow. */
export type LagLook = {
  /** Null: nothing was seen of it. */
  readonly own: Sight | null;
  readonly shadow: Sight | null;
  /** The shadow's lead then. */
  readonly leadMs: number;
};

/** What two looks at a server show. */
export type LagVerdict =
  /** They show no cause: it can't be seen, can't be compared, or has what the shadow had. */
  | { readonly kind: 'unclear' }
  /** Nothing new comes to it, or it executes nothing: a thread has stopped, or it is cut off from its source. */
  | { readonly kind: 'stopped'; readonly reason: string }
  /** It goes on, but it is behind. */
  | { readonly kind: 'goes-on' }
  /** It is at a transaction that takes long. */
  | { readonly kind: 'stands'; readonly executed: string; readonly reason: string };

const unclear = { kind: 'unclear' } as const;

/**
 * Says why a server lags behind its shadow. Pure.
 *
 * The two servers are looked at one after the other, so the later look always shows a little more. What the server has
 * now is therefore compared with what the shadow had at the look before. Only an applier that has stopped is compared at
 * once, because it doesn't go on in between.
 */
export function lagVerdict(before: LagLook | null, now: LagLook): LagVerdict {
  const { own } = now;
  const replication = own === null ? null : replicationOf(own);
  // A source has everything. A server that is delayed on purpose lags on purpose.
  if (own === null || replication === null || replication.delaySeconds > 0) return unclear;
  const shadow = now.shadow?.evidence?.reachable === true ? now.shadow : null;
  const standing = whyItStands(replication);
  if (standing !== null) {
    if (shadow === null || progressBeside(shadow, own) === 'not-ahead') return unclear;
    return { kind: 'stopped', reason: standing };
  }
  if (before?.own == null || before.shadow === null || shadow === null) return unclear;
  const earlier = replicationOf(before.own);
  if (earlier === null || progressBeside(before.shadow, own) !== 'ahead') return unclear;
  const { executed, executedAll } = replication;
  if (earlier.executed !== executed) return { kind: 'goes-on' };
  return executedAll
    ? { kind: 'stopped', reason: `nothing new comes to it, while ${shadow.server} gets more` }
    : { kind: 'stands', executed, reason: `its applier is at a transaction that takes long, at ${executed}` };
}

/** The replication of a server that answers, and is the one that it was. */
function replicationOf({ evidence, changed }: Sight): ReplicationEvidence | null {
  return evidence?.reachable === true && changed === null ? evidence.replication : null;
}

import { numberInDomain } from '../binlog/mariadb-gtid.js';
import type { GtidState } from '../gtids/gtid-state.js';
import type { KnownGtids } from './trail-match.js';
import { nameOfAnchor, type TrailEntry } from './trail.js';

/**
 * What GTIDs tell while a log is compared with a trail. Pure.
 * @param delivered everything that was delivered. Null: only the trail is known.
 * @param before what the log has before the place where reading begins. Null: nothing of the trail is there.
 */
export function knownGtids(
  trail: readonly TrailEntry[],
  delivered: GtidState | null,
  before: GtidState | null,
): KnownGtids {
  const firstNumbers = firstNumbersOf(trail);
  return {
    isDelivered: (gtid) => {
      if (delivered === null) return null;
      if (!delivered.has(gtid)) return false;
      // What a pair logged since its first transaction in the trail is in the trail. So it has another one's number:
      // gtid_strict_mode is OFF.
      const parts = numberInDomain(gtid);
      const first = parts === null ? undefined : firstNumbers.get(parts.pair);
      return parts === null || first === undefined || parts.sequence < first;
    },
    isBeforeStart: (gtid) => before?.has(gtid) ?? false,
  };
}

/**
 * Says of a transaction whether it was delivered before the trail begins: there is nothing to compare it with. Pure.
 * @param delivered everything that was delivered.
 */
export function deliveredBefore(
  trail: readonly TrailEntry[],
  delivered: GtidState,
): (gtid: string) => boolean {
  const { isDelivered } = knownGtids(trail, delivered, null);
  const inTrail = new Set(
    trail.map((entry) =>
      entry.kind === 'transaction' ? entry.identity.origin.slice(2) : nameOfAnchor(entry),
    ),
  );
  return (gtid) => !inTrail.has(gtid) && isDelivered(gtid) === true;
}

/** The trail's oldest GTID of each MariaDB replication domain. */
export function oldestOfDomains(trail: readonly TrailEntry[]): readonly string[] {
  const oldest = new Map<string, string>();
  for (const entry of trail) {
    if (entry.kind !== 'transaction' || !entry.identity.origin.startsWith('g:')) continue;
    const gtid = entry.identity.origin.slice(2);
    const domain = gtid.slice(0, gtid.indexOf('-'));
    if (!oldest.has(domain)) oldest.set(domain, gtid);
  }
  return [...oldest.values()];
}

/** The number of the first transaction in the trail, by pair of domain and server. */
function firstNumbersOf(trail: readonly TrailEntry[]): ReadonlyMap<string, bigint> {
  const numbers = new Map<string, bigint>();
  for (const entry of trail) {
    if (entry.kind !== 'transaction' || !entry.identity.origin.startsWith('g:')) continue;
    const parts = numberInDomain(entry.identity.origin.slice(2));
    if (parts !== null && !numbers.has(parts.pair)) numbers.set(parts.pair, parts.sequence);
  }
  return numbers;
}

import { type Address, formatAddress, socketPathOf } from '../config/address.js';
import { clusterOf } from '../mysql/cluster.js';
import { sourceAddress } from '../mysql/server-facts.js';
import { asSeenFrom } from '../topology/neighbours.js';
import type { LivingServer, SurveyedServer } from '../topology/surveyed-server.js';

/** So many members are discovered at most. */
export const discoveredLimit = 16;

/** Why nobody joins any more. */
export const fullPool = `the pool has ${String(discoveredLimit)} discovered members already`;

/** A member that isn't in the configuration. */
export type DiscoveredMember = {
  readonly address: Address;
  /** When it was last reported, or answered, on the monotonic clock. */
  readonly seenAtMs: number;
};

/** A server's word about where another one is. */
export type ServerReport = { readonly address: Address; readonly by: string };

/** What some servers report: their replicas, and the members of their cluster. Each address once. Pure. */
export function reportsOf(looks: readonly LivingServer[]): ServerReport[] {
  const reports = new Map<string, ServerReport>();
  for (const look of looks) {
    const replicas = (look.listed ?? []).flatMap(({ address }) => address ?? []);
    for (const told of [...replicas, ...(look.facts.cluster?.peers ?? [])]) {
      const address = asSeenFrom(told, look.address);
      const name = formatAddress(address);
      // No other server's word leads us to a socket of this machine.
      if (socketPathOf(address) === null && !reports.has(name)) {
        reports.set(name, { address, by: formatAddress(look.address) });
      }
    }
  }
  return [...reports.values()];
}

/** Why a reported server is no new member. */
export type Unfitness =
  /** It is a known server, at another address. */
  { readonly kind: 'known' } | { readonly kind: 'unfit'; readonly reason: string };

/**
 * Why a reported server doesn't join the pool. Null if it may, as far as this look shows: it must be a server of its
 * own, and replicate from a known one or be in a cluster with one. Pure.
 * @param known the servers that are known to belong to the pool, or to be its source.
 * @param identities the identities of known servers, also of those that don't answer now.
 */
export function unfitness(
  look: SurveyedServer,
  known: readonly LivingServer[],
  identities: ReadonlySet<string>,
): Unfitness | null {
  if (look.state === 'dead') return { kind: 'unfit', reason: look.reason };
  if (identities.has(look.identity)) return { kind: 'known' };
  if (look.channels === null) {
    return { kind: 'unfit', reason: 'it does not let the account see whom it replicates from' };
  }
  if (belongsTo(look, known)) return null;
  return { kind: 'unfit', reason: 'it replicates from no server of the pool' };
}

/** Whether a server replicates from one of the others, or is in a cluster with one. */
function belongsTo({ channels, facts: own }: LivingServer, others: readonly LivingServer[]): boolean {
  const cluster = clusterOf(own.cluster);
  return others.some(({ address, facts }) => {
    if (cluster !== null && cluster === clusterOf(facts.cluster)) return true;
    const name = formatAddress(address);
    return (channels ?? []).some((channel) =>
      channel.sourceServerId === 0
        ? sourceAddress(channel) === name
        : channel.sourceServerId === facts.serverId,
    );
  });
}

/** The discovered members that stay, and those that leave. */
type Settled<Found extends DiscoveredMember> = {
  readonly kept: readonly Found[];
  readonly dropped: readonly Found[];
};

/** What is known of the pool's servers now, by their names. */
export type Presence = {
  /** Those that answer. */
  readonly answers: ReadonlySet<string>;
  /** Those that are said to be there: by other servers, or by the resolver. */
  readonly reported: ReadonlySet<string>;
};

/** What looks at servers show. Pure. */
export function presenceOf(looks: readonly SurveyedServer[]): Presence {
  const living = looks.flatMap((look) => (look.state === 'alive' ? [look] : []));
  return {
    answers: new Set(living.map(({ address }) => formatAddress(address))),
    reported: new Set(reportsOf(living).map(({ address }) => formatAddress(address))),
  };
}

/**
 * Which discovered members stay. One leaves when for `dropAfterMs` nobody has reported it and it hasn't answered. While
 * no server answers, nobody leaves: then this agent may be cut off. Pure.
 */
export function settle<Found extends DiscoveredMember>(
  members: readonly Found[],
  { answers, reported }: Presence,
  { nowMs, dropAfterMs }: { readonly nowMs: number; readonly dropAfterMs: number },
): Settled<Found> {
  const kept: Found[] = [];
  const dropped: Found[] = [];
  for (const member of members) {
    const name = formatAddress(member.address);
    if (answers.has(name) || reported.has(name) || answers.size === 0) {
      kept.push({ ...member, seenAtMs: nowMs });
    } else if (nowMs - member.seenAtMs < dropAfterMs) kept.push(member);
    else dropped.push(member);
  }
  return { kept, dropped };
}

import { type Address, formatAddress, socketPathOf } from '../config/address.js';
import { sourceAddress } from '../mysql/server-facts.js';
import { asSeenFrom } from '../topology/neighbours.js';
import type { LivingServer, SurveyedServer } from '../topology/surveyed-server.js';

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
    for (const told of [...replicas, ...(look.cluster?.members ?? [])]) {
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
function belongsTo({ channels, cluster }: LivingServer, others: readonly LivingServer[]): boolean {
  return others.some(({ address, facts, cluster: theirs }) => {
    if (cluster !== null && cluster.id === theirs?.id) return true;
    const name = formatAddress(address);
    return (channels ?? []).some((channel) =>
      channel.sourceServerId === 0
        ? sourceAddress(channel) === name
        : channel.sourceServerId === facts.serverId,
    );
  });
}

/** The discovered members that stay, and those that leave. */
export type Settled = {
  readonly kept: readonly DiscoveredMember[];
  readonly dropped: readonly DiscoveredMember[];
};

/**
 * Which discovered members stay. One leaves when for `dropAfterMs` no server has reported it and it hasn't answered.
 * While no other server answers, nobody leaves: then this agent may be cut off. Pure.
 */
export function settle(
  members: readonly DiscoveredMember[],
  looks: readonly SurveyedServer[],
  { nowMs, dropAfterMs }: { readonly nowMs: number; readonly dropAfterMs: number },
): Settled {
  const living = looks.flatMap((look) => (look.state === 'alive' ? [look] : []));
  const answers = new Set(living.map(({ address }) => formatAddress(address)));
  const reported = new Set(reportsOf(living).map(({ address }) => formatAddress(address)));
  const kept: DiscoveredMember[] = [];
  const dropped: DiscoveredMember[] = [];
  for (const member of members) {
    const name = formatAddress(member.address);
    if (answers.has(name) || reported.has(name) || answers.size === 0) {
      kept.push({ ...member, seenAtMs: nowMs });
    } else if (nowMs - member.seenAtMs < dropAfterMs) kept.push(member);
    else dropped.push(member);
  }
  return { kept, dropped };
}

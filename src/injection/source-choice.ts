import type { Address } from '../config/address.js';
import { clusterOf, takesPart } from '../mysql/cluster.js';
import { noBinaryLog } from '../mysql/server-error.js';
import { isBinlogServer } from '../mysql/server-facts.js';
import type { Topology, TopologyServer } from '../topology/tree.js';
import type { LivingServer } from '../topology/surveyed-server.js';

/** A server that is no source: whether it answers, and why it is none. */
type NoSource = { readonly server: string; readonly answers: boolean; readonly why: string };

/** Which server of a pool hints belong on. */
export type SourceChoice =
  | { readonly kind: 'source'; readonly server: string; readonly address: Address }
  /** No server is a source. */
  | { readonly kind: 'none'; readonly others: readonly NoSource[] }
  /** Several look like one, and don't replicate to each other. */
  | { readonly kind: 'several'; readonly servers: readonly string[] };

/**
 * Chooses the server to inject hints on: the one that is writable and replicates from no other. In a cluster with
 * several writable members every member has the hints of all. Then it is the present one as long as it can be, else
 * the first. Pure.
 *
 * A server whose replication is stopped is still a replica, even if its source is dead: it may be about to be moved.
 * After its promotion it must forget its source (RESET REPLICA ALL).
 *
 * @param present the server that is injected on now, by name. Null if there is none.
 */
export function chooseSource(topology: Topology, present: string | null): SourceChoice {
  const others: NoSource[] = [];
  const sources: { readonly name: string; readonly look: LivingServer }[] = [];
  for (const server of topology.servers) {
    const { look } = server;
    // A server that was found by several of its addresses keeps the one that it is known by.
    const name = present !== null && server.also.includes(present) ? present : server.server;
    const why = obstacleOn(server);
    if (why !== null) others.push({ server: name, answers: look.state === 'alive', why });
    else if (look.state === 'alive') sources.push({ name, look });
  }
  const [first] = sources;
  if (first === undefined) return { kind: 'none', others };
  const apart = new Set(sources.map(({ name, look }) => clusterOf(look.facts.cluster) ?? name));
  if (apart.size > 1) return { kind: 'several', servers: sources.map(({ name }) => name) };
  const { name, look } = sources.find((source) => source.name === present) ?? first;
  return { kind: 'source', server: name, address: look.address };
}

/** Why a server is no source. Null if it is one. */
function obstacleOn({ look, sources }: TopologyServer): string | null {
  if (look.state === 'dead') return look.reason;
  const { facts, channels } = look;
  if (isBinlogServer(facts)) return 'is a binlog server';
  if (channels === null) return 'does not let the account see whether it is a replica';
  if (sources.length > 0) return `is a replica of ${sources.map(({ server }) => server).join(' and ')}`;
  if (facts.readOnly) return 'is read-only';
  if (!facts.binaryLogging) return noBinaryLog;
  if (facts.cluster !== null && !takesPart(facts.cluster)) return 'takes no part in its cluster now';
  return null;
}

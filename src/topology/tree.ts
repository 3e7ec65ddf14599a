import { type Address, formatAddress } from '../config/address.js';
import type { ReplicationChannel } from '../mysql/server-facts.js';
import type { ErrorCode } from '../util/errors.js';
import type { LivingServer, SurveyedServer } from './surveyed-server.js';
import { asSeenFrom } from './neighbours.js';

/** A replication channel, and the server at its other end. */
type Link = {
  /** The source, by the name that it has in this topology. */
  readonly server: string;
  readonly channel: ReplicationChannel;
};

/** A server of a topology. */
export type TopologyServer = {
  /** `host:port` */
  readonly server: string;
  /** Other addresses by which it is known. */
  readonly also: readonly string[];
  /** What it said; else why nothing. */
  readonly look: LivingServer | { readonly state: 'dead'; readonly code: ErrorCode; readonly reason: string };
  /** Empty when it replicates from nobody, and when it doesn't say. */
  readonly sources: readonly Link[];
  /** The servers that replicate from it, by name. */
  readonly replicas: readonly string[];
};

/** Servers that replicate from each other, in whatever way: a tree, several trees, with rings and several sources. */
export type Topology = {
  /** In the order of discovery. */
  readonly servers: readonly TopologyServer[];
  /** Where trees begin: servers without a source; of a ring without one, its first server. */
  readonly roots: readonly string[];
};

/**
 * Puts together what servers said. Who replicates from whom is what the replicas say; only for those that don't answer,
 * or may not be asked, what their source says. Servers that have nothing to do with the first ones are left out.
 *
 * @param starts those that were asked first.
 */
export function buildTopology(looks: readonly SurveyedServer[], starts: readonly Address[]): Topology {
  const names = namesOf(looks);
  const name = (address: Address): string => names.get(formatAddress(address)) ?? formatAddress(address);
  const nodes = new Map<string, Node>();
  for (const look of looks) {
    const own = name(look.address);
    const node = nodes.get(own) ?? { look, also: [], links: [] };
    nodes.set(own, node);
    const address = formatAddress(look.address);
    if (address !== own) node.also.push(address);
  }
  for (const node of nodes.values()) {
    if (node.look.state === 'alive') node.links.push(...linksOf(node.look, name));
  }
  const edges = [...edgesOf(nodes, name)];
  const servers = [...nodes].map(([own, { look, also, links }]) => ({
    server: own,
    also,
    look,
    sources: links,
    replicas: unique(edges.filter(({ source }) => source === own).map(({ replica }) => replica)),
  }));
  const related = connected(
    starts.map(name).filter((start) => nodes.has(start)),
    edges,
  );
  const kept = servers.filter(({ server }) => related.has(server));
  return { servers: kept, roots: rootsOf(kept, edges) };
}

/** The server with this address, by whichever of its names; null when it isn't in the topology. */
export function serverAt(topology: Topology, address: Address): TopologyServer | null {
  const name = formatAddress(address);
  return topology.servers.find(({ server, also }) => server === name || also.includes(name)) ?? null;
}

/** All that replicate from a server, directly or through others, nearest first; in a ring without itself. */
export function serversBelow(topology: Topology, address: Address): TopologyServer[] {
  return walk(topology, address, ({ replicas }) => replicas);
}

/** All that a server replicates from, directly or through others, nearest first; in a ring without itself. */
export function serversAbove(topology: Topology, address: Address): TopologyServer[] {
  return walk(topology, address, ({ server }) =>
    topology.servers.filter(({ replicas }) => replicas.includes(server)).map((above) => above.server),
  );
}

type Node = { readonly look: SurveyedServer; readonly also: string[]; readonly links: Link[] };
type Edge = { readonly source: string; readonly replica: string };

/** Each address with the name of the server that answers there: the first address that it was asked at. */
function namesOf(looks: readonly SurveyedServer[]): Map<string, string> {
  const firsts = new Map<string, string>();
  const names = new Map<string, string>();
  for (const look of looks) {
    const address = formatAddress(look.address);
    const first = look.state === 'alive' ? (firsts.get(look.identity) ?? address) : address;
    if (look.state === 'alive') firsts.set(look.identity, first);
    names.set(address, first);
  }
  return names;
}

function linksOf(look: LivingServer, name: (address: Address) => string): Link[] {
  return (look.channels ?? [])
    .filter(({ sourceHost }) => sourceHost !== '')
    .map((channel) => {
      const source = { host: channel.sourceHost.toLowerCase(), port: channel.sourcePort };
      return { server: name(asSeenFrom(source, look.address)), channel };
    });
}

function* edgesOf(nodes: ReadonlyMap<string, Node>, name: (address: Address) => string): Generator<Edge> {
  for (const [replica, { links }] of nodes) {
    for (const { server } of links) if (nodes.has(server)) yield { source: server, replica };
  }
  for (const [source, { look }] of nodes) {
    if (look.state === 'dead') continue;
    for (const { address } of look.listed ?? []) {
      const replica = address === null ? null : name(asSeenFrom(address, look.address));
      const node = replica === null ? undefined : nodes.get(replica);
      if (replica === null || node === undefined) continue;
      // What it says itself counts for more.
      if (node.look.state === 'alive' && node.look.channels !== null) continue;
      yield { source, replica };
    }
  }
}

function connected(starts: readonly string[], edges: readonly Edge[]): Set<string> {
  const reached = new Set(starts);
  for (const server of reached) {
    for (const { source, replica } of edges) {
      if (source === server) reached.add(replica);
      if (replica === server) reached.add(source);
    }
  }
  return reached;
}

function rootsOf(servers: readonly TopologyServer[], edges: readonly Edge[]): string[] {
  const roots = servers
    .map(({ server }) => server)
    .filter((server) => !edges.some((edge) => edge.replica === server));
  const replicasOf = new Map(servers.map(({ server, replicas }) => [server, replicas]));
  const reached = new Set(roots);
  const reach = (): void => {
    for (const server of reached) for (const replica of replicasOf.get(server) ?? []) reached.add(replica);
  };
  reach();
  // What is left hangs on a ring: whoever came first stands for it.
  for (const { server } of servers) {
    if (reached.has(server) || !isInRing(server, replicasOf)) continue;
    roots.push(server);
    reached.add(server);
    reach();
  }
  return roots;
}

function isInRing(server: string, replicasOf: ReadonlyMap<string, readonly string[]>): boolean {
  const reached = new Set(replicasOf.get(server));
  for (const next of reached) for (const replica of replicasOf.get(next) ?? []) reached.add(replica);
  return reached.has(server);
}

function walk(
  topology: Topology,
  address: Address,
  next: (server: TopologyServer) => readonly string[],
): TopologyServer[] {
  const start = serverAt(topology, address);
  if (start === null) return [];
  const byName = new Map(topology.servers.map((server) => [server.server, server]));
  const reached = new Set<TopologyServer>([start]);
  for (const server of reached) {
    for (const name of next(server)) {
      const found = byName.get(name);
      if (found !== undefined) reached.add(found);
    }
  }
  reached.delete(start);
  return [...reached];
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

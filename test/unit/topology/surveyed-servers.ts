import { parseAddress } from '../../../src/config/address.js';
import { parseServerVersion } from '../../../src/mysql/version.js';
import type { ReplicationChannel } from '../../../src/mysql/server-facts.js';
import { node } from '../mysql/cluster-samples.js';
import type { DeadServer, LivingServer } from '../../../src/topology/surveyed-server.js';

/** A channel from a source. */
export function channel(source: string, change: Partial<ReplicationChannel> = {}): ReplicationChannel {
  const { host, port } = parseAddress(source);
  return {
    name: '',
    sourceHost: host,
    sourcePort: port,
    sourceServerId: 1,
    executed: { file: 'mysql-bin.000001', position: 4 },
    received: { file: 'mysql-bin.000001', position: 4 },
    domainsLevel: true,
    receiverRunning: true,
    receiverState: 'Yes',
    applierRunning: true,
    byGtid: false,
    lagSeconds: 0,
    delaySeconds: 0,
    lastError: '',
    applierErrorNumber: 0,
    filters: [],
    ...change,
  };
}

/** A server that answers, replicates from `sources` and lists `replicas`. */
export function alive(
  address: string,
  {
    sources = [],
    replicas = [],
    ...change
  }: Partial<LivingServer> & { sources?: string[]; replicas?: string[] } = {},
): LivingServer {
  return {
    state: 'alive',
    address: parseAddress(address),
    identity: address,
    facts: {
      version: parseServerVersion('10.11.19-MariaDB-log'),
      serverId: 1,
      uuid: '',
      binaryLogging: true,
      binlogFormat: 'ROW',
      rowImage: 'FULL',
      rowMetadata: 'FULL',
      rowValueOptions: '',
      logsReplicatedChanges: true,
      readOnly: false,
      gtidSet: '',
      gtidState: '',
      gtids: 'shared',
      keepsCommitOrder: true,
      cluster: null,
    },
    gtids: true,
    channels: sources.map((source) => channel(source)),
    logEnd: { file: 'mysql-bin.000001', position: 400 },
    listed: replicas.map((replica, index) => ({ serverId: index + 2, address: parseAddress(replica) })),
    dumpHosts: [],
    ...change,
  };
}

/** A server that doesn't answer. */
export function dead(address: string): DeadServer {
  return {
    state: 'dead',
    address: parseAddress(address),
    code: 'server-unreachable',
    reason: 'connect ECONNREFUSED',
  };
}

/** The facts of a node of a Galera cluster. */
export function nodeFacts(
  id: string,
  { ready = true, peers = [] }: { readonly ready?: boolean; readonly peers?: readonly string[] } = {},
): Pick<LivingServer, 'facts'> {
  const { facts } = alive('node:1');
  return { facts: { ...facts, cluster: { ...node, ready, id, peers: peers.map(parseAddress) } } };
}

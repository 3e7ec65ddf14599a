import { type Address, parseAddress, socketPathOf } from '../config/address.js';
import type { ServerConnection } from './connection.js';
import { unlessDenied } from './server-error.js';
import { valueText } from './server-facts.js';

/** A server's part in a cluster whose members replicate to each other: Galera, or MySQL Group Replication. */
export type ClusterPart = {
  /** The same on all members. */
  readonly id: string;
  /** Whether the server takes part now. If not, its writes don't reach the other members. */
  readonly joined: boolean;
  /** Where the members are that take part now, by its word. */
  readonly members: readonly Address[];
};

/** The variables that {@link readClusterPart} needs. */
export const clusterVariables = ['wsrep_on', 'group_replication_group_name'] as const;

/**
 * Reads a server's part in its cluster. Null if it is in none, or if the account may not see its state in the group
 * (SELECT on performance_schema.replication_group_members).
 * @param variables the server's {@link clusterVariables} by name. It has no others than those of its kind.
 */
export async function readClusterPart(
  connection: ServerConnection,
  variables: ReadonlyMap<string, string>,
): Promise<ClusterPart | null> {
  if (variables.get('wsrep_on') === 'ON') return readGaleraPart(connection);
  const group = variables.get('group_replication_group_name') ?? '';
  return group === '' ? null : readGroupPart(connection, group);
}

/** A node is ready only while it is in the primary component (Galera's documentation of wsrep_ready). */
async function readGaleraPart(connection: ServerConnection): Promise<ClusterPart> {
  const names = ['wsrep_cluster_state_uuid', 'wsrep_ready', 'wsrep_incoming_addresses'];
  const rows = await connection.query(
    `SHOW GLOBAL STATUS WHERE Variable_name IN (${names.map((name) => `'${name}'`).join(', ')})`,
  );
  const values = new Map(rows.map((row) => [valueText(row['Variable_name']), valueText(row['Value'])]));
  return {
    id: `Galera cluster ${values.get('wsrep_cluster_state_uuid') ?? ''}`,
    joined: values.get('wsrep_ready') === 'ON',
    members: incomingAddresses(values.get('wsrep_incoming_addresses') ?? ''),
  };
}

async function readGroupPart(connection: ServerConnection, group: string): Promise<ClusterPart | null> {
  const rows = await unlessDenied(() =>
    connection.query(
      'SELECT MEMBER_HOST AS host, MEMBER_PORT AS port, MEMBER_ID = @@server_uuid AS self ' +
        "FROM performance_schema.replication_group_members WHERE MEMBER_STATE = 'ONLINE'",
    ),
  );
  if (rows === null) return null;
  return {
    id: `group ${group}`,
    joined: rows.some((row) => valueText(row['self']) === '1'),
    members: rows
      .map((row) => ({ host: valueText(row['host']).toLowerCase(), port: Number(valueText(row['port'])) }))
      .filter(({ host, port }) => host !== '' && !host.startsWith('/') && port > 0),
  };
}

/**
 * The addresses in wsrep_incoming_addresses, separated by commas. A node that has no wsrep_node_incoming_address and
 * can't tell its own says AUTO or nothing. Pure.
 */
export function incomingAddresses(text: string): Address[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '' && part !== 'AUTO' && !part.startsWith(':'))
    .flatMap(nodeAddress);
}

/** No other server's word leads us to a socket of this machine. */
function nodeAddress(text: string): Address[] {
  try {
    const address = parseAddress(text.toLowerCase());
    return socketPathOf(address) === null ? [address] : [];
  } catch {
    return [];
  }
}

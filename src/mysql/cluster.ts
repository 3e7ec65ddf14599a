import { type Address, parseAddress, socketPathOf } from '../config/address.js';
import { unlessDenied } from './server-error.js';

/**
 * What a server says about its place in a cluster: MariaDB's Galera, or MySQL's Group Replication. Its members
 * replicate without replication channels.
 */
export type ClusterMembership = GaleraNode | GroupMember;

/** What members of either kind of cluster have. */
type InCluster = {
  /** The same for all members of one cluster. */
  readonly id: string;
  /** Where the members are that take part now, by its word. */
  readonly peers: readonly Address[];
};

/** A node of a Galera cluster. */
type GaleraNode = InCluster & {
  readonly kind: 'galera';
  /** `wsrep_cluster_status`: `Primary` for a node of the primary component. */
  readonly component: string;
  /** `wsrep_local_state_comment`: `Synced`, `Donor/Desynced`, `Joined`, … */
  readonly state: string;
  /** Whether all nodes give a transaction the same GTID (`wsrep_gtid_mode`). */
  readonly sameGtids: boolean;
  /** `wsrep_ready`: only while it is in the primary component. */
  readonly ready: boolean;
};

/** A member of a replication group. */
type GroupMember = InCluster & {
  readonly kind: 'group-replication';
  /** `ONLINE`, `RECOVERING`, `ERROR`, `OFFLINE`. Null if the account may not see it. */
  readonly state: string | null;
  /** `PRIMARY`, `SECONDARY`. '' for a member that is in no group now. */
  readonly role: string;
  /** The members that it can't reach, of all that are in the group as it sees it. */
  readonly unreachable: number;
  readonly members: number;
};

/** Why nothing new comes from a member of a cluster, or nothing that the others have, too. */
export type ClusterTrouble = { readonly finding: ClusterFinding; readonly reason: string };

/** The troubles of a member, in the words of the manuals of Galera and Group Replication. */
export type ClusterFinding = (typeof clusterFindings)[number];

const clusterFindings = [
  /** Galera: it lost the others, and may be in the smaller part. */
  'not-in-primary-component',
  /** Galera: it is still being given its data. */
  'not-synced',
  /** Group Replication: it has joined, and still gets what it lacks. */
  'group-member-recovering',
  /** Group Replication: it was expelled, or can't apply what the group sends. */
  'group-member-error',
  /** Group Replication: the plugin is there, but the server is in no group. */
  'group-member-offline',
  /** Group Replication: it can't reach the majority of the members. */
  'group-without-majority',
] as const;

/** Whether a code is that of a member's trouble. Such troubles come and go by themselves. */
export function isClusterFinding(code: string): code is ClusterFinding {
  return clusterFindings.some((one) => one === code);
}

/** A node in one of these states has its data, and gets what the others commit, at once or soon. */
const suppliedStates: ReadonlySet<string> = new Set(['Synced', 'Donor/Desynced', 'Joined']);

/** What is wrong with a member of a cluster. Null if nothing is, or if the account may not see it. Pure. */
export function troubleOf(membership: ClusterMembership | null): ClusterTrouble | null {
  if (membership === null) return null;
  return membership.kind === 'galera' ? troubleOfNode(membership) : troubleOfMember(membership);
}

function troubleOfNode({ component, state }: GaleraNode): ClusterTrouble | null {
  if (component !== 'Primary') {
    const reason = `it is not in the primary component of its Galera cluster (wsrep_cluster_status is ${component})`;
    return { finding: 'not-in-primary-component', reason };
  }
  if (suppliedStates.has(state)) return null;
  const reason = `it has not got its data from its Galera cluster yet (wsrep_local_state_comment is ${state})`;
  return { finding: 'not-synced', reason };
}

function troubleOfMember({ state, unreachable, members }: GroupMember): ClusterTrouble | null {
  switch (state) {
    case null:
      return null;
    case 'ONLINE':
      if (unreachable * 2 < members) return null;
      return {
        finding: 'group-without-majority',
        reason: `it can't reach ${String(unreachable)} of the ${String(members)} members of its group, so the group can't go on there`,
      };
    case 'RECOVERING':
      return {
        finding: 'group-member-recovering',
        reason: 'it has joined its group, and still gets what it lacks',
      };
    case 'OFFLINE':
      return {
        finding: 'group-member-offline',
        reason: 'it is in no group now (Group Replication is stopped)',
      };
    default:
      return {
        finding: 'group-member-error',
        reason: `it was expelled from its group, or can't apply what the group sends (its state is ${state})`,
      };
  }
}

/** What is the same for all members of a server's cluster. Null: it is in none, or the account may not see its state. */
export function clusterOf(membership: ClusterMembership | null): string | null {
  if (membership?.kind === 'group-replication' && membership.state === null) return null;
  return membership?.id ?? null;
}

/** Whether a member takes part now, as far as it can be seen. If not, its writes don't reach the other members. */
export function takesPart(membership: ClusterMembership): boolean {
  switch (membership.kind) {
    case 'galera':
      return membership.ready;
    case 'group-replication':
      return membership.state === null || membership.state === 'ONLINE';
  }
}

/** A member of a cluster, for people. */
export function describeMembership(membership: ClusterMembership): string {
  if (membership.kind === 'galera') return `Galera node: ${membership.component}, ${membership.state}`;
  const { state, role } = membership;
  const words = [state ?? 'state not visible', ...(role === '' ? [] : [role])];
  return `group member: ${words.join(', ')}`;
}

/** A connection to the server, as far as it is used here. */
type Asked = { readonly query: (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]> };

/** The system variables that show whether a server is a member of a cluster. */
export const clusterVariables = [
  'wsrep_on',
  'wsrep_provider',
  'wsrep_gtid_mode',
  'group_replication_group_name',
] as const;

/**
 * Reads a server's place in a cluster. Null if it is in none. Asks the server only if its variables say that it is.
 * @param variable the value of a system variable, '' for one that the server doesn't have.
 */
export async function readMembership(
  connection: Asked,
  variable: (name: (typeof clusterVariables)[number]) => string,
): Promise<ClusterMembership | null> {
  const isNode = variable('wsrep_on') === 'ON' && !['', 'none'].includes(variable('wsrep_provider'));
  if (isNode) return readNode(connection, variable('wsrep_gtid_mode') === 'ON');
  const group = variable('group_replication_group_name');
  return group === '' ? null : readGroupMember(connection, group);
}

const nodeStatus = [
  'wsrep_cluster_status',
  'wsrep_local_state_comment',
  'wsrep_ready',
  'wsrep_cluster_state_uuid',
  'wsrep_incoming_addresses',
] as const;

/** A node that isn't in the primary component refuses most statements (1047), but answers SHOW. */
async function readNode(connection: Asked, sameGtids: boolean): Promise<GaleraNode> {
  const rows = await connection.query(
    `SHOW GLOBAL STATUS WHERE Variable_name IN (${nodeStatus.map((name) => `'${name}'`).join(', ')})`,
  );
  const value = (name: (typeof nodeStatus)[number]): string => {
    const row = rows.find((one) => textOf(one['Variable_name']) === name);
    return textOf(row?.['Value']);
  };
  return {
    kind: 'galera',
    component: value('wsrep_cluster_status'),
    state: value('wsrep_local_state_comment'),
    sameGtids,
    ready: value('wsrep_ready') === 'ON',
    id: `Galera cluster ${value('wsrep_cluster_state_uuid')}`,
    peers: incomingAddresses(value('wsrep_incoming_addresses')),
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

async function readGroupMember(connection: Asked, group: string): Promise<GroupMember> {
  const rows = await unlessDenied(() =>
    connection.query(
      'SELECT MEMBER_STATE AS state, MEMBER_ROLE AS role, MEMBER_HOST AS host, MEMBER_PORT AS port, ' +
        'MEMBER_ID = @@server_uuid AS own ' +
        'FROM performance_schema.replication_group_members',
    ),
  );
  const own = rows?.find((row) => textOf(row['own']) === '1');
  return {
    kind: 'group-replication',
    state: own === undefined ? null : textOf(own['state']),
    role: textOf(own?.['role']),
    unreachable: (rows ?? []).filter((row) => textOf(row['state']) === 'UNREACHABLE').length,
    members: (rows ?? []).length,
    id: `group ${group}`,
    peers: (rows ?? [])
      .filter((row) => textOf(row['state']) === 'ONLINE')
      .map((row) => ({ host: textOf(row['host']).toLowerCase(), port: Number(textOf(row['port'])) }))
      .filter(({ host, port }) => host !== '' && !host.startsWith('/') && port > 0),
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
    ? String(value)
    : '';
}

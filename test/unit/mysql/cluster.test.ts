import { describe, expect, test } from 'vitest';
import {
  clusterOf,
  type ClusterMembership,
  describeMembership,
  isClusterFinding,
  readMembership,
  takesPart,
  troubleOf,
} from '../../../src/mysql/cluster.js';
import { member, node } from './cluster-samples.js';

/** A server with these variables, which answers every statement with these rows. */
function read(variables: Readonly<Record<string, string>>, rows: readonly Record<string, unknown>[]) {
  const asked: string[] = [];
  const query = (sql: string) => {
    asked.push(sql);
    return Promise.resolve([...rows]);
  };
  const membership = readMembership({ query }, (name) => variables[name] ?? '');
  return membership.then((found) => ({ found, asked: asked.length }));
}

describe('what a server is', () => {
  test('in no cluster: it is asked nothing', async () => {
    const none = { found: null, asked: 0 };
    expect(await read({}, [])).toEqual(none);
    expect(await read({ wsrep_on: 'OFF', wsrep_provider: '/usr/lib/galera/lib.so' }, [])).toEqual(none);
    expect(await read({ wsrep_on: 'ON', wsrep_provider: 'none' }, [])).toEqual(none);
    expect(await read({ group_replication_group_name: '' }, [])).toEqual(none);
  });

  test('a Galera node', async () => {
    const variables = { wsrep_on: 'ON', wsrep_provider: '/usr/lib/galera/lib.so', wsrep_gtid_mode: 'ON' };
    const { found } = await read(variables, [
      { Variable_name: 'wsrep_cluster_status', Value: 'non-Primary' },
      { Variable_name: 'wsrep_local_state_comment', Value: 'Initialized' },
      { Variable_name: 'wsrep_ready', Value: 'OFF' },
      { Variable_name: 'wsrep_cluster_state_uuid', Value: 'u' },
      { Variable_name: 'wsrep_incoming_addresses', Value: '10.0.0.1:3306,AUTO' },
    ]);
    expect(found).toEqual({ ...node, component: 'non-Primary', state: 'Initialized', ready: false });
  });

  test('a member of a group', async () => {
    const { found } = await read({ group_replication_group_name: 'g' }, [
      { state: 'UNREACHABLE', role: 'PRIMARY', host: 'db1', port: 3307, own: 0 },
      { state: 'ONLINE', role: 'SECONDARY', host: 'DB2', port: '3307', own: 1 },
    ]);
    expect(found).toEqual({ ...member, unreachable: 1, members: 2 });
  });
});

describe('what is wrong with it', () => {
  const cases: [string, ClusterMembership | null, string | null][] = [
    ['no cluster', null, null],
    ['a node', node, null],
    ['a donor', { ...node, state: 'Donor/Desynced' }, null],
    ['a node that catches up', { ...node, state: 'Joined' }, null],
    ['a node that is given its data', { ...node, state: 'Joiner' }, 'not-synced'],
    [
      'a node that was cut off',
      { ...node, component: 'non-Primary', state: 'Initialized' },
      'not-in-primary-component',
    ],
    ['a node without a cluster', { ...node, component: 'Disconnected' }, 'not-in-primary-component'],
    ['a member', member, null],
    ['a member that may not be seen', { ...member, state: null }, null],
    ['a member that joins', { ...member, state: 'RECOVERING' }, 'group-member-recovering'],
    ['a member that was expelled', { ...member, state: 'ERROR' }, 'group-member-error'],
    ['a member in no group', { ...member, state: 'OFFLINE', members: 1 }, 'group-member-offline'],
    ['one of three is away', { ...member, unreachable: 1 }, null],
    ['two of three are away', { ...member, unreachable: 2 }, 'group-without-majority'],
    ['one of two is away', { ...member, unreachable: 1, members: 2 }, 'group-without-majority'],
  ];
  test.each(cases)('%s', (_name, membership, finding) => {
    const trouble = troubleOf(membership);
    expect(trouble?.finding ?? null).toBe(finding);
    if (trouble) expect(isClusterFinding(trouble.finding)).toBe(true);
  });

  test('other findings are no troubles of clusters', () => {
    expect(['dead', 'healthy', 'wsrep-gtid-mode'].filter(isClusterFinding)).toEqual([]);
  });
});

test('who is in one cluster, and takes part in it', () => {
  expect([node, member, null].map(clusterOf)).toEqual(['Galera cluster u', 'group g', null]);
  expect(takesPart(node)).toBe(true);
  expect(takesPart({ ...node, ready: false })).toBe(false);
  expect(takesPart({ ...member, state: 'ERROR' })).toBe(false);
  // Its state can't be seen: it counts as a server of its own.
  expect(clusterOf({ ...member, state: null })).toBeNull();
  expect(takesPart({ ...member, state: null })).toBe(true);
});

test('for people', () => {
  expect(describeMembership(node)).toBe('Galera node: Primary, Synced');
  expect(describeMembership(member)).toBe('group member: ONLINE, SECONDARY');
  expect(describeMembership({ ...member, state: null, role: '' })).toBe('group member: state not visible');
});

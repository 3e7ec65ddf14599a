import type { ClusterMembership } from '../../../src/mysql/cluster.js';

/** A node of a Galera cluster, in order. */
export const node: Extract<ClusterMembership, { kind: 'galera' }> = {
  kind: 'galera',
  component: 'Primary',
  state: 'Synced',
  sameGtids: true,
  ready: true,
  id: 'Galera cluster u',
  peers: [{ host: '10.0.0.1', port: 3306 }],
};

/** A member of a replication group, in order. */
export const member: Extract<ClusterMembership, { kind: 'group-replication' }> = {
  kind: 'group-replication',
  state: 'ONLINE',
  role: 'SECONDARY',
  unreachable: 0,
  members: 3,
  id: 'group g',
  peers: [{ host: 'db2', port: 3307 }],
};

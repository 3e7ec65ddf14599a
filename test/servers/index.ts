/** Real servers for tests, the demo and benches. See types.ts for what each thing does. */
/** @public */
export { galeraObstacle, groupObstacle, startGalera, startGroup } from './clusters.js';
/** @public */
export { isMeant, provider, supports } from './provider.js';
/** @public */
export {
  addChannel,
  binlogEnd,
  changeSource,
  replicationStatus,
  startReplication,
  stopReplication,
  waitUntilApplied,
  type BinlogPosition,
  type ReplicationStatus,
  type ReplicationThread,
} from './replication.js';
/** @public */
export { startServer, startTopology, startZooKeeper, startZooKeeperEnsemble } from './topology.js';
/** @public */
export type {
  ConnectOptions,
  GaleraCluster,
  OwnedEnsemble,
  OwnedZooKeeper,
  Provider,
  ReplicationGroup,
  ServerOptions,
  ServerSettings,
  TestServer,
  TestZooKeeper,
  Topology,
  TopologyOptions,
  Vendor,
} from './types.js';

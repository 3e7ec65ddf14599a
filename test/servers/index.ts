/** Real servers for tests, the demo and benches. See types.ts for what each thing does. */
export { provider, supports } from './provider.js';
export {
  binlogEnd,
  changeSource,
  replicationStatus,
  startReplication,
  stopReplication,
  type BinlogPosition,
  type ReplicationStatus,
  type ReplicationThread,
} from './replication.js';
export { startServer, startTopology, startZooKeeper } from './topology.js';
export type {
  ConnectOptions,
  OwnedZooKeeper,
  Provider,
  ServerOptions,
  ServerSettings,
  TestServer,
  TestZooKeeper,
  Topology,
  TopologyOptions,
  Vendor,
} from './types.js';

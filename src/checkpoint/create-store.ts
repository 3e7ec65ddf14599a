import type { CheckpointConfig } from '../config/schema.js';
import type { Account } from '../mysql/instance.js';
import type { ZooKeeperLogger } from '../zookeeper/zookeeper-session.js';

import type { CheckpointStore } from './checkpoint.js';
import { fileStore } from './file-store.js';
import { mysqlStore } from './mysql-store.js';
import { zookeeperStore } from './zookeeper-store.js';

/** What stores work with. */
export type StoreMeans = {
  /** The account of the streams: for a store on a server that has no account of its own. */
  readonly account: Account;
  /** For ZooKeeper: the election's, so that both share a session. */
  readonly sessionTimeoutMs?: number | undefined;
  readonly logger?: ZooKeeperLogger | undefined;
  /** For files: see FileStoreOptions. */
  readonly alone?: boolean;
};

/**
 * The configured store for a stream, not open yet.
 * @throws WaymarkError `config` when the address of ZooKeeper or the root can't be understood.
 */
export function createCheckpointStore(
  config: CheckpointConfig,
  stream: string,
  means: StoreMeans,
): CheckpointStore {
  switch (config.store) {
    case 'file':
      return fileStore({ path: config.path, stream, alone: means.alone ?? false });
    case 'zookeeper': {
      const { connect, root, auth } = config;
      const { sessionTimeoutMs, logger } = means;
      return zookeeperStore({ connect, root, stream, auth, sessionTimeoutMs, logger });
    }
    case 'mysql':
      return mysqlStore({ tables: config, account: means.account, stream });
  }
}

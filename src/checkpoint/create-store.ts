import type { CheckpointConfig } from '../config/schema.js';
import type { Account } from '../mysql/instance.js';
import type { ZooKeeperLogger } from '../zookeeper/zookeeper-session.js';

import type { CheckpointStore } from './checkpoint.js';
import { fileStore } from './file-store.js';
import { mysqlStore } from './mysql-store.js';
import { zookeeperStore } from './zookeeper-store.js';

/** What creating a store takes besides the configuration. */
export type StoreOptions = {
  /** The streams' account, for a store on a server that has no account of its own. */
  readonly account: Account;
  /** For ZooKeeper: the election's session timeout, so that both share a session. */
  readonly sessionTimeoutMs?: number | undefined;
  readonly logger?: ZooKeeperLogger | undefined;
  /** For files: see FileStoreOptions. */
  readonly alone?: boolean;
};

/**
 * Creates the configured store of a stream. It isn't open yet.
 * @throws WaymarkError `config` if ZooKeeper's address or `root` is malformed.
 */
export function createCheckpointStore(
  config: CheckpointConfig,
  stream: string,
  options: StoreOptions,
): CheckpointStore {
  switch (config.store) {
    case 'file':
      return fileStore({ path: config.path, stream, alone: options.alone ?? false });
    case 'zookeeper': {
      const { connect, root, auth } = config;
      const { sessionTimeoutMs, logger } = options;
      return zookeeperStore({ connect, root, stream, auth, sessionTimeoutMs, logger });
    }
    case 'mysql':
      return mysqlStore({ tables: config, account: options.account, stream });
  }
}

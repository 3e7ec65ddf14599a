import type { CheckpointConfig } from '../config/schema.js';

import type { CheckpointStore } from './checkpoint.js';
import { fileStore } from './file-store.js';
import type { StoreLogger } from './zookeeper-link.js';
import { zookeeperStore } from './zookeeper-store.js';

/**
 * The configured store for a stream, not open yet.
 * @throws WaymarkError `config` when the address of ZooKeeper or the root can't be understood.
 */
export function createCheckpointStore(
  config: CheckpointConfig,
  stream: string,
  logger?: StoreLogger,
): CheckpointStore {
  switch (config.store) {
    case 'file':
      return fileStore({ path: config.path, stream });
    case 'zookeeper':
      return zookeeperStore({
        connect: config.connect,
        root: config.root,
        stream,
        ...(logger === undefined ? {} : { logger }),
      });
  }
}

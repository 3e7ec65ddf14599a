import type { ElectionConfig } from '../config/schema.js';
import type { Account } from '../mysql/instance.js';
import type { ElectionLogger } from './campaign.js';
import type { Elections } from './election.js';
import { mysqlElections } from './mysql-election.js';
import { noElections } from './no-election.js';
import { ownAgentId } from './agent-id.js';
import { zookeeperElections } from './zookeeper-election.js';

/** What elections work with. */
export type ElectionMeans = {
  /** The account of the streams: for a server of MySQL's that has no account of its own. */
  readonly account: Account;
  readonly logger: ElectionLogger;
};

/**
 * The configured elections of this process: one object for all streams, to be closed at the end.
 * @throws WaymarkError `config` when the address of ZooKeeper can't be understood.
 */
export function createElections(config: ElectionConfig, { account, logger }: ElectionMeans): Elections {
  const self = ownAgentId();
  switch (config.backend) {
    case 'none':
      return noElections(self);
    case 'zookeeper':
      return zookeeperElections({ ...config, self, logger });
    case 'mysql':
      return mysqlElections({ ...config, tables: config, account, self, logger });
  }
}

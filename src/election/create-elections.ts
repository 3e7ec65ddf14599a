import type { ElectionConfig } from '../config/schema.js';
import type { Account } from '../mysql/instance.js';
import type { ElectionLogger } from './campaign.js';
import type { Elections } from './election.js';
import { mysqlElections } from './mysql-election.js';
import { noElections } from './no-election.js';
import { ownAgentId } from './agent-id.js';
import { zookeeperElections } from './zookeeper-election.js';

/** What elections need besides their configuration. */
export type ElectionMeans = {
  /** The account of the streams. An election in MySQL uses it unless it has an account of its own. */
  readonly account: Account;
  readonly logger: ElectionLogger;
};

/**
 * Creates the configured elections of this process: one object for all streams. The caller closes it at the end.
 * @throws WaymarkError `config` if the address of ZooKeeper can't be parsed.
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

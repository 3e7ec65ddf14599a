import type { Instance } from '../../../src/mysql/instance.js';
import type { Inspection } from '../../../src/mysql/inspect.js';
import type { ReplicationChannel, ServerFacts } from '../../../src/mysql/server-facts.js';
import { parseServerVersion } from '../../../src/mysql/version.js';
import { Secret } from '../../../src/config/secret.js';

/** How to log in to a server that isn't there. */
export const instance: Instance = {
  address: { host: 'db1', port: 3306 },
  account: { user: 'u', password: new Secret('p') },
};

/** What a healthy server with one channel shows. */
export function inspectionOf({
  facts,
  channels = 1,
  logEnd = null,
}: {
  readonly facts?: Partial<ServerFacts>;
  readonly channels?: number;
  readonly logEnd?: Inspection['logEnd'];
}): Inspection {
  return {
    facts: { ...healthy, ...facts },
    channels: Array.from({ length: channels }, () => channel),
    logEnd,
  };
}

const healthy: ServerFacts = {
  version: parseServerVersion('10.11.6-MariaDB-log'),
  ...{ serverId: 1, uuid: 'u', binaryLogging: true, binlogFormat: 'ROW', rowImage: 'FULL' },
  ...{ rowMetadata: 'FULL', rowValueOptions: '', logsReplicatedChanges: true, readOnly: true },
  gtidSet: '0-1-100',
  gtidState: '0-1-100',
  gtids: 'shared',
  keepsCommitOrder: true,
  cluster: null,
};

const channel: ReplicationChannel = {
  ...{ name: '', sourceHost: 'db0', sourcePort: 3306, sourceServerId: 100 },
  executed: { file: 'mysql-bin.000001', position: 4 },
  received: { file: 'mysql-bin.000001', position: 4 },
  ...{ domainsLevel: true, receiverRunning: true, receiverState: 'Yes', applierRunning: true },
  ...{ byGtid: true, lagSeconds: 0, delaySeconds: 0, lastError: '', applierErrorNumber: 0, filters: [] },
};

import { Secret } from '../../../src/config/secret.js';
import type { ReplicaStatus } from '../../../src/mysql/replica-status.js';
import type { ServerFacts } from '../../../src/mysql/server-facts.js';
import { parseServerVersion } from '../../../src/mysql/version.js';
import type { Look } from '../../../src/repoint/look.js';

/** A channel that runs, from db1. */
export function channelOf(change: Partial<ReplicaStatus> = {}): ReplicaStatus {
  return {
    name: '',
    sourceHost: 'db1',
    sourcePort: 3306,
    sourceServerId: 1,
    domainsLevel: true,
    receiverRunning: true,
    receiverState: 'Yes',
    applierRunning: true,
    byGtid: false,
    mariadbPosition: 'slave_pos',
    lagSeconds: 0,
    delaySeconds: 0,
    lastError: '',
    applierErrorNumber: 0,
    receiverError: '',
    applierError: '',
    filters: [],
    received: { file: 'mysql-bin.000003', position: 1000 },
    executed: { file: 'mysql-bin.000003', position: 1000 },
    applierIdle: true,
    heartbeatSeconds: 1.5,
    ...change,
  };
}

/** What a look at a server shows: `db2` with server_id 2 and so on, a replica of db1 unless told otherwise. */
export function lookOf(
  number: number,
  facts: Partial<Omit<ServerFacts, 'version'>> & { version?: string; gtidMode?: string } = {},
  channels: readonly ReplicaStatus[] = [channelOf()],
): Look {
  const { version = '10.11.19-MariaDB', gtidMode = '', ...rest } = facts;
  return {
    instance: {
      address: { host: `db${number}`, port: 3306 },
      account: { user: 'u', password: new Secret('') },
    },
    server: `db${number}:3306`,
    gtidMode,
    inspection: {
      facts: {
        version: parseServerVersion(version),
        serverId: number,
        uuid: `uuid-${number}`,
        binaryLogging: true,
        binlogFormat: 'ROW',
        rowImage: 'FULL',
        rowMetadata: 'FULL',
        rowValueOptions: '',
        logsReplicatedChanges: true,
        readOnly: false,
        gtidSet: '',
        gtidState: '',
        gtids: 'shared',
        cluster: null,
        keepsCommitOrder: true,
        ...rest,
      },
      channels,
      logEnd: { file: 'mysql-bin.000001', position: 400 },
    },
  };
}

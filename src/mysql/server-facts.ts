import { formatAddress } from '../config/address.js';
import { type ClusterMembership, clusterVariables, readMembership } from './cluster.js';
import type { Row, ServerConnection } from './connection.js';
import { isBinlogServerAnswer, isCurtBinlogServer, unlessUnanswered } from './binlog-server.js';
import type { ServerKind } from './instance.js';
import { dialectOf } from './dialect.js';
import { serverText } from './server-text.js';
import { parseServerVersion, type ServerVersion } from './version.js';

/**
 * What a server says about itself. waymark reads it on every connection, because another server may get the address.
 */
export type ServerFacts = {
  readonly version: ServerVersion;
  readonly serverId: number;
  /** MySQL's server_uuid, MariaDB's server_uid, or '' if there is neither. */
  readonly uuid: string;
  readonly binaryLogging: boolean;
  readonly binlogFormat: string;
  readonly rowImage: string;
  /** FULL, MINIMAL, NO_LOG, or '' if the server doesn't know the setting. */
  readonly rowMetadata: string;
  /** MySQL's `PARTIAL_JSON`, or ''. */
  readonly rowValueOptions: string;
  readonly logsReplicatedChanges: boolean;
  readonly readOnly: boolean;
  /** The executed GTIDs (MySQL) or the GTID position of the binary log (MariaDB). '' if there are none. */
  readonly gtidSet: string;
  /**
   * Everything that the server has ever logged or replicated, as far as it knows (see GtidState): the executed GTIDs, or
   * MariaDB's last number of each pair of domain and server. '' if there are none.
   */
  readonly gtidState: string;
  /**
   * Whether transactions have GTIDs. `own`: each server gives its own ones, as Galera's nodes do without
   * wsrep_gtid_mode.
   */
  readonly gtids: 'none' | 'shared' | 'own';
  /**
   * Whether transactions can only commit in the source's order. Then the replica's own log has that order. Never for a
   * member of a replication group: while it is the primary, it logs transactions in another order than the others (seen
   * on 9.7), and any member may have been the primary.
   */
  readonly keepsCommitOrder: boolean;
  /** Its place in a Galera cluster or a replication group. Null if it is in none. */
  readonly cluster: ClusterMembership | null;
};

/** Coordinates in the source's binary log, as the replica knows them. */
type SourceCoordinates = { readonly file: string; readonly position: number };

/** One replication channel of a replica. */
export type ReplicationChannel = {
  readonly name: string;
  readonly sourceHost: string;
  readonly sourcePort: number;
  /** The source's server_id, as the receiver last heard it. 0 if it has never connected. */
  readonly sourceServerId: number;
  /** How far the source's log has been applied. Always between two transactions. */
  readonly executed: SourceCoordinates;
  /** How far the source's log has been received. */
  readonly received: SourceCoordinates;
  /**
   * Whether each replication domain's last received transaction has been applied. Matters only for MariaDB with
   * slave_pos, where `executed` is the furthest coordinates of all domains. True elsewhere.
   */
  readonly domainsLevel: boolean;
  readonly receiverRunning: boolean;
  /** The server's word for the receiver: Yes, No, Connecting (it is trying), Preparing. */
  readonly receiverState: string;
  readonly applierRunning: boolean;
  /** Whether the replica reads its source's log by GTID, and not by file and position. */
  readonly byGtid: boolean;
  readonly lagSeconds: number | null;
  readonly delaySeconds: number;
  readonly lastError: string;
  /** The number of the error that stopped the applier. 0 if none did. */
  readonly applierErrorNumber: number;
  /** The replication filters that are set, as `name=value`. */
  readonly filters: readonly string[];
};

/** Returns the `host:port` of the server that a channel replicates from. */
export function sourceAddress({
  sourceHost,
  sourcePort,
}: Pick<ReplicationChannel, 'sourceHost' | 'sourcePort'>): string {
  return formatAddress({ host: sourceHost, port: sourcePort });
}

/** A binary log file of a server. */
export type BinaryLog = { readonly file: string; readonly sizeBytes: number };

const factVariables = [
  'version',
  'server_id',
  'server_uuid',
  'server_uid',
  'log_bin',
  'binlog_format',
  'binlog_row_image',
  'binlog_row_metadata',
  'binlog_row_value_options',
  'log_slave_updates',
  'log_replica_updates',
  'read_only',
  'gtid_mode',
  'wsrep_on',
  'wsrep_gtid_mode',
  'gtid_executed',
  'gtid_binlog_pos',
  'gtid_binlog_state',
  'gtid_slave_pos',
  'replica_preserve_commit_order',
  'slave_preserve_commit_order',
  'replica_parallel_workers',
  'slave_parallel_workers',
  ...clusterVariables,
] as const;

/**
 * Reads {@link ServerFacts}. The answer leaves out variables that the server doesn't know, so one statement works for
 * every version.
 * @param kind what the operator says that the server is. A binlog server is also recognised by its greeting or its
 *   answer.
 */
export async function readServerFacts(connection: ServerConnection, kind?: ServerKind): Promise<ServerFacts> {
  if (kind === 'binlog-server' || isCurtBinlogServer(connection.greeting)) {
    return readBinlogServerFacts(connection);
  }
  try {
    return await readVariables(connection);
  } catch (error) {
    if (kind === undefined && isBinlogServerAnswer(error)) return readBinlogServerFacts(connection);
    throw error;
  }
}

/**
 * Whether the server is a binlog server. Its log can be read, but it answers few statements, and it can't be promoted
 * or moved.
 */
export function isBinlogServer({ version }: ServerFacts): boolean {
  return version.binlogServer === true;
}

/** Reads the id of a binlog server, as replicas do. The other facts are fixed: they suit the logs that it copies. */
async function readBinlogServerFacts(connection: ServerConnection): Promise<ServerFacts> {
  const version: ServerVersion = { ...parseServerVersion(connection.greeting), binlogServer: true };
  const [row] = await connection.query("SHOW VARIABLES LIKE 'SERVER_ID'");
  return {
    version,
    serverId: Number(valueText(row?.['Value'])),
    uuid: '',
    binaryLogging: true,
    binlogFormat: 'ROW',
    rowImage: 'FULL',
    rowMetadata: 'FULL',
    rowValueOptions: '',
    logsReplicatedChanges: true,
    readOnly: true,
    gtidSet: '',
    gtidState: '',
    // A copy of MySQL's log says nothing of its source's gtid_mode.
    gtids: version.vendor === 'mariadb' ? 'shared' : 'none',
    keepsCommitOrder: version.vendor === 'mariadb',
    cluster: null,
  };
}

async function readVariables(connection: ServerConnection): Promise<ServerFacts> {
  const rows = await connection.query(
    `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${factVariables.map((name) => `'${name}'`).join(', ')})`,
  );
  const values = new Map(rows.map((row) => [valueText(row['Variable_name']), valueText(row['Value'])]));
  const value = (name: (typeof factVariables)[number]): string => values.get(name) ?? '';
  const version = parseServerVersion(value('version'));
  const cluster = await readMembership(connection, value);
  return {
    version,
    serverId: Number(value('server_id')),
    uuid: value('server_uuid') || value('server_uid'),
    binaryLogging: value('log_bin') === 'ON',
    // MySQL 9.x deprecates binlog_format. If it is removed, only the row format is left.
    binlogFormat: value('binlog_format') || 'ROW',
    rowImage: value('binlog_row_image') || 'FULL',
    rowMetadata: value('binlog_row_metadata'),
    rowValueOptions: value('binlog_row_value_options'),
    logsReplicatedChanges: (value('log_replica_updates') || value('log_slave_updates')) === 'ON',
    readOnly: value('read_only') === 'ON',
    gtidSet: (value('gtid_executed') || value('gtid_binlog_pos')).replace(/\s/g, ''),
    gtidState: ['gtid_executed', 'gtid_binlog_state', 'gtid_slave_pos']
      .map((name) => values.get(name)?.replace(/\s/g, '') ?? '')
      .filter(Boolean)
      .join(','),
    gtids: gtidsOf(version, value),
    keepsCommitOrder:
      version.vendor === 'mariadb' ||
      (cluster === null &&
        ((value('replica_preserve_commit_order') || value('slave_preserve_commit_order')) === 'ON' ||
          Number(value('replica_parallel_workers') || value('slave_parallel_workers') || '0') <= 1)),
    cluster,
  };
}

function gtidsOf(
  { vendor }: ServerVersion,
  value: (name: 'gtid_mode' | 'wsrep_on' | 'wsrep_gtid_mode') => string,
): ServerFacts['gtids'] {
  if (vendor === 'mysql') return value('gtid_mode') === 'ON' ? 'shared' : 'none';
  return value('wsrep_on') === 'ON' && value('wsrep_gtid_mode') !== 'ON' ? 'own' : 'shared';
}

/**
 * Reads the replication channels. Empty if the server replicates from no other. Those of Group Replication are left out:
 * through them a member gets what its group commits. Needs REPLICATION CLIENT or its successors.
 */
export async function readReplicationChannels(
  connection: ServerConnection,
  version: ServerVersion,
): Promise<ReplicationChannel[]> {
  const { replicaStatus, columns } = dialectOf(version);
  const rows = await unlessUnanswered(version, () => connection.query(replicaStatus), []);
  const own = rows.filter((row) => !groupChannels.has(valueText(row[columns.channel])));
  return own.map((row) => {
    const value = (column: string): string => valueText(row[column]);
    const lag = value(columns.lag);
    return {
      name: value(columns.channel),
      sourceHost: value(columns.sourceHost),
      sourcePort: Number(value(columns.sourcePort)),
      sourceServerId: Number(value(columns.sourceServerId)),
      executed: { file: value(columns.executedFile), position: Number(value(columns.executedPosition)) },
      received: { file: value(columns.receivedFile), position: Number(value(columns.receivedPosition)) },
      domainsLevel:
        value(columns.autoPosition) !== 'Slave_Pos' ||
        areDomainsLevel(value('Gtid_IO_Pos'), value('Gtid_Slave_Pos')),
      receiverRunning: value(columns.receiverRunning) === 'Yes',
      receiverState: value(columns.receiverRunning),
      applierRunning: value(columns.applierRunning) === 'Yes',
      byGtid: !['', '0', 'No'].includes(value(columns.autoPosition)),
      lagSeconds: lag === '' ? null : Number(lag),
      delaySeconds: Number(value('SQL_Delay') || '0'),
      lastError:
        serverText(value('Last_SQL_Error'), Number(value('Last_SQL_Errno'))) ||
        serverText(value('Last_IO_Error')),
      applierErrorNumber: Number(value('Last_SQL_Errno') || '0'),
      filters: filterColumns
        .map((name) => [name, value(name)] as const)
        .filter(([, filter]) => filter !== '')
        .map(([name, filter]) => `${name}=${filter}`),
    };
  });
}

/** MySQL 8.0 Reference Manual, "Group Replication … Channels". */
const groupChannels: ReadonlySet<string> = new Set([
  'group_replication_applier',
  'group_replication_recovery',
]);

/**
 * Whether the last received GTID of each domain has been applied. With one domain this returns true: coordinates say it
 * better.
 */
export function areDomainsLevel(receivedGtids: string, appliedGtids: string): boolean {
  const received = receivedGtids.split(',').map((gtid) => gtid.trim());
  const applied = new Set(appliedGtids.split(',').map((gtid) => gtid.trim()));
  return received.length < 2 || received.every((gtid) => applied.has(gtid));
}

/** Whether everything that was received has been applied, so that what has been applied has no gaps. */
export function hasAppliedAll({
  executed,
  received,
  domainsLevel,
}: Pick<ReplicationChannel, 'executed' | 'received' | 'domainsLevel'>): boolean {
  return domainsLevel && executed.file === received.file && executed.position === received.position;
}

const filterColumns = [
  'Replicate_Do_DB',
  'Replicate_Ignore_DB',
  'Replicate_Do_Table',
  'Replicate_Ignore_Table',
  'Replicate_Wild_Do_Table',
  'Replicate_Wild_Ignore_Table',
  'Replicate_Do_Domain_Ids',
  'Replicate_Ignore_Domain_Ids',
  'Replicate_Ignore_Server_Ids',
  'Replicate_Rewrite_DB',
];

/** Reads the end of the server's binary log. Null if it writes none. Needs REPLICATION CLIENT or its successors. */
export async function readBinaryLogEnd(
  connection: ServerConnection,
  version: ServerVersion,
): Promise<{ file: string; position: number } | null> {
  const ask = (): Promise<Row[]> => connection.query(dialectOf(version).binaryLogStatus);
  const [row] = await unlessUnanswered(version, ask, []);
  return row === undefined ? null : { file: valueText(row['File']), position: Number(row['Position']) };
}

/** Reads the list of the server's binary log files, oldest first, in the server's own order. */
export async function readBinaryLogs(connection: ServerConnection): Promise<BinaryLog[]> {
  const rows = await connection.query('SHOW BINARY LOGS');
  return rows.map((row) => ({ file: valueText(row['Log_name']), sizeBytes: Number(row['File_size']) }));
}

/** Returns a server's value as text: '' for NULL, and for a column that doesn't exist. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value);
  if (Buffer.isBuffer(value)) return value.toString('utf8');
  return JSON.stringify(value);
}

import { formatAddress } from '../config/address.js';
import type { Row, ServerConnection } from './connection.js';
import { isBinlogServerAnswer, isCurtBinlogServer, unlessUnanswered } from './binlog-server.js';
import type { ServerKind } from './instance.js';
import { dialectOf } from './dialect.js';
import { serverText } from './server-text.js';
import { parseServerVersion, type ServerVersion } from './version.js';

/** What a server says about itself: read anew on every connection, because an address may change hands. */
export type ServerFacts = {
  readonly version: ServerVersion;
  readonly serverId: number;
  /** MySQL's server_uuid, MariaDB's server_uid, or '' where there is neither. */
  readonly uuid: string;
  readonly binaryLogging: boolean;
  readonly binlogFormat: string;
  readonly rowImage: string;
  /** FULL, MINIMAL, NO_LOG, or '' where the server doesn't know the setting. */
  readonly rowMetadata: string;
  /** MySQL's `PARTIAL_JSON`, or ''. */
  readonly rowValueOptions: string;
  readonly logsReplicatedChanges: boolean;
  readonly readOnly: boolean;
  /** The executed GTIDs (MySQL) or the GTID position of the binary log (MariaDB); '' where there are none. */
  readonly gtidSet: string;
  /** Whether transactions can only commit in the order of the source (what a replica's own log then keeps). */
  readonly keepsCommitOrder: boolean;
};

/** A place in a source's binary log, as its replica knows it. */
type SourceCoordinates = { readonly file: string; readonly position: number };

/** One replication channel of a replica. */
export type ReplicationChannel = {
  readonly name: string;
  readonly sourceHost: string;
  readonly sourcePort: number;
  /** The source's server_id, as the receiver last heard it; 0 when it has never connected. */
  readonly sourceServerId: number;
  /** How far the source's log has been applied: between two transactions. */
  readonly executed: SourceCoordinates;
  /** How far the source's log has come here. */
  readonly received: SourceCoordinates;
  /**
   * MariaDB by slave_pos, where `executed` is the furthest place of all replication domains: whether each domain's last
   * transaction that came has been applied. True elsewhere.
   */
  readonly domainsLevel: boolean;
  readonly receiverRunning: boolean;
  /** The server's word for the receiver: Yes, No, Connecting (it tries), Preparing. */
  readonly receiverState: string;
  readonly applierRunning: boolean;
  /** Whether it finds its place in the source's log by GTID rather than by file and position. */
  readonly byGtid: boolean;
  readonly lagSeconds: number | null;
  readonly delaySeconds: number;
  readonly lastError: string;
  /** The replication filters that are set, as `name=value`. */
  readonly filters: readonly string[];
};

/** `host:port` of the server that a channel replicates from. */
export function sourceAddress({
  sourceHost,
  sourcePort,
}: Pick<ReplicationChannel, 'sourceHost' | 'sourcePort'>): string {
  return formatAddress({ host: sourceHost, port: sourcePort });
}

/** A binary log file that a server has. */
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
  'gtid_executed',
  'gtid_binlog_pos',
  'replica_preserve_commit_order',
  'slave_preserve_commit_order',
  'replica_parallel_workers',
  'slave_parallel_workers',
] as const;

/**
 * Reads {@link ServerFacts}. Unknown variables are simply not in the answer, so one statement does for every version.
 * @param kind what the operator says that it is; a binlog server is also recognised by its greeting or its answer.
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

/** Whether what was read is a binlog server: nothing can be asked of it, promoted or moved, but its log be read. */
export function isBinlogServer({ version }: ServerFacts): boolean {
  return version.binlogServer === true;
}

/** A binlog server tells its id, as replicas ask for it; the rest is as the logs are that it copies. */
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
    keepsCommitOrder: version.vendor === 'mariadb',
  };
}

async function readVariables(connection: ServerConnection): Promise<ServerFacts> {
  const rows = await connection.query(
    `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${factVariables.map((name) => `'${name}'`).join(', ')})`,
  );
  const values = new Map(rows.map((row) => [valueText(row['Variable_name']), valueText(row['Value'])]));
  const value = (name: (typeof factVariables)[number]): string => values.get(name) ?? '';
  const version = parseServerVersion(value('version'));
  return {
    version,
    serverId: Number(value('server_id')),
    uuid: value('server_uuid') || value('server_uid'),
    binaryLogging: value('log_bin') === 'ON',
    // MySQL 9.x deprecates binlog_format; should it go, row format is all there is.
    binlogFormat: value('binlog_format') || 'ROW',
    rowImage: value('binlog_row_image') || 'FULL',
    rowMetadata: value('binlog_row_metadata'),
    rowValueOptions: value('binlog_row_value_options'),
    logsReplicatedChanges: (value('log_replica_updates') || value('log_slave_updates')) === 'ON',
    readOnly: value('read_only') === 'ON',
    gtidSet: (value('gtid_executed') || value('gtid_binlog_pos')).replace(/\s/g, ''),
    keepsCommitOrder:
      version.vendor === 'mariadb' ||
      (value('replica_preserve_commit_order') || value('slave_preserve_commit_order')) === 'ON' ||
      Number(value('replica_parallel_workers') || value('slave_parallel_workers') || '0') <= 1,
  };
}

/** The replication channels; empty when the server replicates from nobody. Needs REPLICATION CLIENT or its heirs. */
export async function readReplicationChannels(
  connection: ServerConnection,
  version: ServerVersion,
): Promise<ReplicationChannel[]> {
  const { replicaStatus, columns } = dialectOf(version);
  const rows = await unlessUnanswered(version, () => connection.query(replicaStatus), []);
  return rows.map((row) => {
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
      filters: filterColumns
        .map((name) => [name, value(name)] as const)
        .filter(([, filter]) => filter !== '')
        .map(([name, filter]) => `${name}=${filter}`),
    };
  });
}

/** With one domain the place in the log says it, and better. */
export function areDomainsLevel(receivedGtids: string, appliedGtids: string): boolean {
  const received = receivedGtids.split(',').map((gtid) => gtid.trim());
  const applied = new Set(appliedGtids.split(',').map((gtid) => gtid.trim()));
  return received.length < 2 || received.every((gtid) => applied.has(gtid));
}

/** Whether all that has come from the source has been applied, so that nothing is missing between what has. */
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

/** The end of the server's binary log; null when it writes none. Needs REPLICATION CLIENT or its heirs. */
export async function readBinaryLogEnd(
  connection: ServerConnection,
  version: ServerVersion,
): Promise<{ file: string; position: number } | null> {
  const ask = (): Promise<Row[]> => connection.query(dialectOf(version).binaryLogStatus);
  const [row] = await unlessUnanswered(version, ask, []);
  return row === undefined ? null : { file: valueText(row['File']), position: Number(row['Position']) };
}

/** The binary log files the server has, oldest first, in the server's own order. */
export async function readBinaryLogs(connection: ServerConnection): Promise<BinaryLog[]> {
  const rows = await connection.query('SHOW BINARY LOGS');
  return rows.map((row) => ({ file: valueText(row['Log_name']), sizeBytes: Number(row['File_size']) }));
}

/** A server's value as text: '' for NULL and for a column that isn't there. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value);
  if (Buffer.isBuffer(value)) return value.toString('utf8');
  return JSON.stringify(value);
}

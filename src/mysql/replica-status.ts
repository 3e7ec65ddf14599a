import { unlessUnanswered } from './binlog-server.js';
import type { Row, ServerConnection } from './connection.js';
import { dialectOf, type ReplicaStatusColumns } from './dialect.js';
import { readReplicationChannels, type ReplicationChannel, valueText } from './server-facts.js';
import { serverText } from './server-text.js';
import type { ServerVersion } from './version.js';

/** All that moving a replica must know of a channel of its. */
export type ReplicaStatus = ReplicationChannel & {
  readonly receiverError: string;
  readonly applierError: string;
  /** Whether the applier says that it has no more to do for now (a thread state that the manuals list). */
  readonly applierIdle: boolean;
  /** MariaDB only: which of its GTID positions it goes by. */
  readonly mariadbPosition: 'slave_pos' | 'current_pos';
  readonly heartbeatSeconds: number | null;
};

/**
 * The channels of a replica with all that moving it needs. Empty when it replicates from nobody.
 * Needs REPLICATION CLIENT or its heirs; MySQL: also SELECT on performance_schema.replication_connection_configuration.
 */
export async function readReplicaStatus(
  connection: ServerConnection,
  version: ServerVersion,
): Promise<ReplicaStatus[]> {
  const { replicaStatus, columns, heartbeatPeriods } = dialectOf(version);
  const channels = await readReplicationChannels(connection, version);
  const ask = (sql: string): Promise<Row[]> => unlessUnanswered(version, () => connection.query(sql), []);
  const rows = await ask(replicaStatus);
  const periods = heartbeatPeriods === null ? [] : await ask(heartbeatPeriods);
  return channels.flatMap((channel) => {
    const row = rows.find((candidate) => valueText(candidate[columns.channel]) === channel.name);
    if (row === undefined) return [];
    const period = periods.find((candidate) => valueText(candidate['name']) === channel.name);
    return [{ ...channel, ...statusOf(row, columns, period) }];
  });
}

/**
 * ER_MTA_INCONSISTENT_DATA (MySQL 8.0 Error Reference): parallel appliers were stopped while they waited for the rest of
 * a transaction that the source never sent, and gave up after a minute.
 */
const cutOffNumber = 1756;

/** Why an applier can't go on; '' when it can: one that was stopped in a cut-off transaction needs only be started. */
export function applierErrorOf(errno: number, message: string): string {
  return errno === cutOffNumber ? '' : serverText(message, errno);
}

function statusOf(
  row: Row,
  columns: ReplicaStatusColumns,
  period: Row | undefined,
): Omit<ReplicaStatus, keyof ReplicationChannel> {
  const value = (column: string): string => valueText(row[column]);
  const heartbeat = valueText(period?.['seconds']) || value('Slave_heartbeat_period');
  return {
    receiverError: serverText(value('Last_IO_Error')),
    applierError: applierErrorOf(Number(value('Last_SQL_Errno')), value('Last_SQL_Error')),
    // "Slave has read all relay log; waiting for more updates", "Replica has read …" (8.0.26 and later).
    applierIdle: value(columns.applierState).includes('has read all relay log'),
    mariadbPosition: value(columns.autoPosition) === 'Current_Pos' ? 'current_pos' : 'slave_pos',
    heartbeatSeconds: heartbeat === '' ? null : Number(heartbeat),
  };
}

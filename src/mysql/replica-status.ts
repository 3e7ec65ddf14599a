import { unlessUnanswered } from './binlog-server.js';
import type { Row, ServerConnection } from './connection.js';
import { dialectOf, type ReplicaStatusColumns } from './dialect.js';
import { readReplicationChannels, type ReplicationChannel, valueText } from './server-facts.js';
import { serverText } from './server-text.js';
import type { ServerVersion } from './version.js';

/** What waymark must know about a channel to move its replica. */
export type ReplicaStatus = ReplicationChannel & {
  readonly receiverError: string;
  readonly applierError: string;
  /** Whether the applier says that it has nothing to do now. The manuals list this thread state. */
  readonly applierIdle: boolean;
  /** MariaDB only: which of its GTID positions the replica uses. */
  readonly mariadbPosition: 'slave_pos' | 'current_pos';
  readonly heartbeatSeconds: number | null;
};

/**
 * Reads the channels of a replica, with everything that moving it needs. Empty if it replicates from no other server.
 * Needs REPLICATION CLIENT or its successors. On MySQL it also needs SELECT on
 * performance_schema.replication_connection_configuration.
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
 * ER_MTA_INCONSISTENT_DATA (MySQL 8.0 Error Reference): parallel appliers were stopped while they waited for the rest
 * of a transaction that the source never sent, and gave up after a minute.
 */
const cutOffNumber = 1756;

/**
 * Says why an applier can't go on. '' if it can: an applier that was stopped within a cut-off transaction only needs to
 * be started.
 */
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
    // "Slave has read all relay log; waiting for more updates", since 8.0.26 "Replica has read …".
    applierIdle: value(columns.applierState).includes('has read all relay log'),
    mariadbPosition: value(columns.autoPosition) === 'Current_Pos' ? 'current_pos' : 'slave_pos',
    heartbeatSeconds: heartbeat === '' ? null : Number(heartbeat),
  };
}

import type { Connection, RowDataPacket } from 'mysql2/promise';
import { dialectOf, type ReplicaStatusColumns, type SourcePlace } from './dialect.js';
import { query, readReplicationChannels, type ReplicationChannel, text } from './server.js';
import type { ServerVersion } from './version.js';

/** A place in a source's binary log, as its replica knows it. */
type LogPlace = { readonly file: string; readonly position: number };

/** All that moving a replica must know of a channel of its. */
export type ReplicaStatus = ReplicationChannel & {
  /** How far the source's log has come here. */
  readonly received: LogPlace;
  /** Whether the applier says that it has no more to do for now (a thread state that the manuals list). */
  readonly applierIdle: boolean;
  /** How it finds its place in the source's log. */
  readonly positioning: SourcePlace['by'];
  /** MariaDB only: which of its GTID positions it goes by. */
  readonly mariadbPosition: 'slave_pos' | 'current_pos';
  readonly heartbeatSeconds: number | null;
};

/**
 * The channels of a replica with all that moving it needs. Empty when it replicates from nobody.
 * Needs REPLICATION CLIENT or its heirs; MySQL: also SELECT on performance_schema.replication_connection_configuration.
 */
export async function readReplicaStatus(
  connection: Connection,
  version: ServerVersion,
): Promise<ReplicaStatus[]> {
  const { replicaStatus, columns, heartbeatPeriods } = dialectOf(version);
  const channels = await readReplicationChannels(connection, version);
  const rows = await query(connection, replicaStatus);
  const periods = heartbeatPeriods === null ? [] : await query(connection, heartbeatPeriods);
  return channels.flatMap((channel) => {
    const row = rows.find((candidate) => text(candidate[columns.channel]) === channel.name);
    if (row === undefined) return [];
    const period = periods.find((candidate) => text(candidate['name']) === channel.name);
    return [{ ...channel, ...statusOf(row, columns, period) }];
  });
}

function statusOf(
  row: RowDataPacket,
  columns: ReplicaStatusColumns,
  period: RowDataPacket | undefined,
): Omit<ReplicaStatus, keyof ReplicationChannel> {
  const value = (column: string): string => text(row[column]);
  const auto = value(columns.autoPosition).toLowerCase();
  const heartbeat = text(period?.['seconds']) || value('Slave_heartbeat_period');
  return {
    received: { file: value(columns.receivedFile), position: Number(value(columns.receivedPosition)) },
    // "Slave has read all relay log; waiting for more updates", "Replica has read …" (8.0.26 and later).
    applierIdle: value(columns.applierState).includes('has read all relay log'),
    positioning: auto === 'no' || auto === '0' || auto === '' ? 'position' : 'gtid',
    mariadbPosition: auto === 'current_pos' ? 'current_pos' : 'slave_pos',
    heartbeatSeconds: heartbeat === '' ? null : Number(heartbeat),
  };
}

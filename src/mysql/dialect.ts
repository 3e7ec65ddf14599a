import { isAtLeast, type ServerVersion } from './version.js';

/**
 * The statements that differ by vendor and version. Chosen by version, never by trying:
 * MySQL 8.4 dropped the MASTER and SLAVE words (8.4 release notes, "Removed features"); 8.0.22 brought
 * SHOW REPLICA STATUS; MariaDB 10.5 to 11.8 know SHOW SLAVE STATUS and SHOW MASTER STATUS.
 */
export type Dialect = {
  /** Rows: one with File and Position, none when the server writes no binary log. */
  readonly binaryLogStatus: string;
  /** Rows: one for each channel; none when the server replicates from nobody. */
  readonly replicaStatus: string;
  readonly replicas: string;
  /** The system variable that says whether replicated changes are written to the server's own log. */
  readonly logUpdatesVariable: 'log_slave_updates' | 'log_replica_updates';
};

export function dialectOf(version: ServerVersion): Dialect {
  if (version.vendor === 'mariadb') {
    return {
      binaryLogStatus: 'SHOW MASTER STATUS',
      replicaStatus: 'SHOW ALL SLAVES STATUS',
      replicas: 'SHOW SLAVE HOSTS',
      logUpdatesVariable: 'log_slave_updates',
    };
  }
  return {
    binaryLogStatus: isAtLeast(version, 8, 2) ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS',
    replicaStatus: isAtLeast(version, 8, 0, 22) ? 'SHOW REPLICA STATUS' : 'SHOW SLAVE STATUS',
    replicas: isAtLeast(version, 8, 0, 22) ? 'SHOW REPLICAS' : 'SHOW SLAVE HOSTS',
    logUpdatesVariable: isAtLeast(version, 8, 0, 26) ? 'log_replica_updates' : 'log_slave_updates',
  };
}

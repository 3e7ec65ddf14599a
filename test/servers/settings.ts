import type { ServerSettings, Vendor } from './types.js';

/** What every server has unless a test says otherwise. */
const COMMON: ServerSettings = {
  log_bin: 'mysql-bin',
  binlog_format: 'ROW',
  binlog_row_image: 'FULL',
  binlog_row_metadata: 'FULL',
  binlog_checksum: 'CRC32',
  relay_log: 'relay-bin',
  relay_log_recovery: 'ON',
  // A kill of the process loses nothing that the operating system has; so no test waits for a disk.
  sync_binlog: 0,
  innodb_flush_log_at_trx_commit: 2,
  innodb_buffer_pool_size: '64M',
  innodb_fast_shutdown: 1,
  performance_schema: 'OFF',
  skip_name_resolve: 'ON',
  max_connections: 200,
  default_time_zone: "'+00:00'",
  // What a client may do depends on it, and it differs by vendor and version.
  character_set_server: 'utf8mb4',
};

const BY_VENDOR: Record<Vendor, ServerSettings> = {
  mariadb: {
    log_slave_updates: 'ON',
    slave_net_timeout: 5,
    slave_parallel_threads: 0,
    expire_logs_days: 0,
    innodb_log_file_size: '32M',
    // A replica that is killed right behind a DDL statement carries it out again when it is back. CREATE, DROP and
    // TRUNCATE may come twice (slave_ddl_exec_mode). The others would stop the applier for good: RENAME COLUMN misses
    // its column, ADD finds its column or key, DROP misses what it drops.
    // What hasn't got into the replica's log by it is missing in what is delivered, and found there.
    slave_skip_errors: '1054,1060,1061,1091',
  },
  mysql: {
    log_replica_updates: 'ON',
    replica_net_timeout: 5,
    binlog_expire_logs_seconds: 0,
    innodb_redo_log_capacity: '64M',
    mysqlx: 'OFF',
    secure_file_priv: 'NULL',
  },
};

/** Settings that the data directory is made with and that can't be changed later. */
const FIXED_AT_CREATION = ['innodb_page_size', 'lower_case_table_names', 'innodb_data_file_path'];

/** Where a server keeps its things and is found. */
export interface Place {
  folder: string;
  host: string;
  port: number;
  serverId: number;
}

/** The text of the server's option file. */
export function optionFile(vendor: Vendor, place: Place, settings: ServerSettings): string {
  const all: ServerSettings = {
    ...COMMON,
    ...BY_VENDOR[vendor],
    bind_address: place.host,
    ...settings,
    server_id: place.serverId,
    port: place.port,
    report_host: place.host,
    report_port: place.port,
    datadir: `${place.folder}/data`,
    socket: `${place.folder}/sock`,
    pid_file: `${place.folder}/pid`,
    log_error: `${place.folder}/error.log`,
    tmpdir: place.folder,
  };
  return ['[mysqld]', ...Object.entries(all).map(([name, value]) => `${name}=${value}`), ''].join('\n');
}

/** Those of the settings that need a data directory of their own. */
export function creationSettings(settings: ServerSettings): ServerSettings {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => FIXED_AT_CREATION.includes(name)));
}

import { quoteText } from './quote.js';
import { isAtLeast, type ServerVersion } from './version.js';

/** A replica's threads. The receiver fetches the source's binary log. The applier executes it. */
export type ReplicationThread = 'receiver' | 'applier';

/** Where a replica starts to read its source's binary log. */
export type ReplicationStart =
  | { readonly by: 'position'; readonly file: string; readonly position: number }
  /** By GTID: the replica says what it has. MariaDB has two positions for that. */
  | { readonly by: 'gtid'; readonly mariadbPosition: 'slave_pos' | 'current_pos' };

/** What to change in a channel. The rest stays: user, password, TLS, retries, delay. */
export type SourceChange = {
  readonly host: string;
  readonly port: number;
  readonly start: ReplicationStart;
  /** Set again, because a new host or port resets it to half of the net timeout. Null: not known. */
  readonly heartbeatSeconds: number | null;
};

/** The columns of {@link Dialect.replicaStatus}. */
export type ReplicaStatusColumns = {
  readonly channel: string;
  readonly sourceHost: string;
  readonly sourcePort: string;
  readonly sourceServerId: string;
  readonly receiverRunning: string;
  readonly applierRunning: string;
  readonly lag: string;
  readonly receivedFile: string;
  readonly receivedPosition: string;
  readonly executedFile: string;
  readonly executedPosition: string;
  readonly applierState: string;
  /** MariaDB has words (`No`, `Slave_Pos`, `Current_Pos`), MySQL a number. */
  readonly autoPosition: string;
};

/**
 * The statements that differ between vendors and versions. waymark chooses them by version, and never tries them out.
 * MySQL 8.0.22 introduced START, STOP, RESET and SHOW REPLICA, and 8.0.23 CHANGE REPLICATION SOURCE (release notes).
 * MySQL 8.4 removed the MASTER and SLAVE words ("Removed features"). MariaDB 10.5 to 11.8 know the MASTER and SLAVE
 * words. A channel's name is '' for the default channel.
 */
export type Dialect = {
  /** Rows: one with File and Position. None if the server writes no binary log. */
  readonly binaryLogStatus: string;
  /** Rows: one for each channel. None if the server replicates from no other. */
  readonly replicaStatus: string;
  readonly columns: ReplicaStatusColumns;
  readonly replicas: string;
  /** The system variable that says whether the server writes replicated changes to its own log. */
  readonly logUpdatesVariable: 'log_slave_updates' | 'log_replica_updates';
  /** Rows: a channel's `name` and heartbeat period in `seconds`. Null if the replica status has a column for that. */
  readonly heartbeatPeriods: string | null;
  /** Rows: at most `limit` events of a relay log (null: the oldest), beginning at a position. */
  readonly relayLogEvents: (channel: string, file: string | null, from: number, limit: number) => string;
  readonly startThread: (thread: ReplicationThread, channel: string) => string;
  readonly stopThread: (thread: ReplicationThread, channel: string) => string;
  readonly changeSource: (change: SourceChange, channel: string) => string;
  /** Makes a stopped replica a server that replicates from no other. */
  readonly forgetSource: (channel: string) => string;
  /** The privilege that an account needs to start, stop and change replication. */
  readonly controlPrivilege: string;
  /** Lets clients write. Also turns off MySQL's super_read_only, which is on only while read_only is on. */
  readonly allowWrites: string;
};

/** Returns the statements for a version. */
export function dialectOf(version: ServerVersion): Dialect {
  if (version.binlogServer === true) return binlogServer;
  return version.vendor === 'mariadb' ? mariadb : mysql(version);
}

const threadWords: Readonly<Record<ReplicationThread, string>> = {
  receiver: 'IO_THREAD',
  applier: 'SQL_THREAD',
};

/** Puts a connection's name right after the verb. MariaDB has known `FOR CHANNEL` only since 10.7. */
function connection(name: string): string {
  return name === '' ? '' : ` ${quoteText(name)}`;
}

const mariadb: Dialect = {
  binaryLogStatus: 'SHOW MASTER STATUS',
  replicaStatus: 'SHOW ALL SLAVES STATUS',
  columns: {
    ...statusColumns('Master', 'Slave'),
    channel: 'Connection_name',
    autoPosition: 'Using_Gtid',
  },
  replicas: 'SHOW SLAVE HOSTS',
  logUpdatesVariable: 'log_slave_updates',
  heartbeatPeriods: null,
  relayLogEvents: (name, file, from, limit) =>
    `SHOW RELAYLOG${connection(name)} EVENTS${relayLogRange(file, from, limit)}`,
  startThread: (thread, name) => `START SLAVE${connection(name)} ${threadWords[thread]}`,
  stopThread: (thread, name) => `STOP SLAVE${connection(name)} ${threadWords[thread]}`,
  changeSource: (change, name) =>
    `CHANGE MASTER${connection(name)} TO ${sourceOptions(change, 'MASTER', mariadbStart(change.start))}`,
  forgetSource: (name) => `RESET SLAVE${connection(name)} ALL`,
  controlPrivilege: 'REPLICATION SLAVE ADMIN',
  allowWrites: 'SET GLOBAL read_only = OFF',
};

function mysql(version: ServerVersion): Dialect {
  const replica = isAtLeast(version, 8, 0, 22) ? 'REPLICA' : 'SLAVE';
  const newColumns = replica === 'REPLICA';
  const source = isAtLeast(version, 8, 0, 23) ? 'SOURCE' : 'MASTER';
  const change = source === 'SOURCE' ? 'CHANGE REPLICATION SOURCE TO' : 'CHANGE MASTER TO';
  const channel = (name: string): string => ` FOR CHANNEL ${quoteText(name)}`;
  return {
    binaryLogStatus: isAtLeast(version, 8, 2) ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS',
    replicaStatus: `SHOW ${replica} STATUS`,
    columns: {
      ...(newColumns ? statusColumns('Source', 'Replica') : statusColumns('Master', 'Slave')),
      channel: 'Channel_Name',
      autoPosition: 'Auto_Position',
    },
    replicas: newColumns ? 'SHOW REPLICAS' : 'SHOW SLAVE HOSTS',
    logUpdatesVariable: isAtLeast(version, 8, 0, 26) ? 'log_replica_updates' : 'log_slave_updates',
    heartbeatPeriods:
      'SELECT CHANNEL_NAME AS name, HEARTBEAT_INTERVAL AS seconds FROM performance_schema.replication_connection_configuration',
    relayLogEvents: (name, file, from, limit) =>
      `SHOW RELAYLOG EVENTS${relayLogRange(file, from, limit)}${channel(name)}`,
    startThread: (thread, name) => `START ${replica} ${threadWords[thread]}${channel(name)}`,
    stopThread: (thread, name) => `STOP ${replica} ${threadWords[thread]}${channel(name)}`,
    changeSource: (wanted, name) =>
      `${change} ${sourceOptions(wanted, source, mysqlStart(wanted.start, source))}${channel(name)}`,
    forgetSource: (name) => `RESET ${replica} ALL${channel(name)}`,
    // MySQL 8.0 introduced dynamic privileges.
    controlPrivilege: isAtLeast(version, 8) ? 'REPLICATION_SLAVE_ADMIN' : 'SUPER',
    allowWrites: 'SET GLOBAL read_only = OFF',
  };
}

function relayLogRange(file: string | null, from: number, limit: number): string {
  return `${file === null ? '' : ` IN ${quoteText(file)}`} FROM ${String(from)} LIMIT ${String(limit)}`;
}

/** A binlog server knows what replicas of every age ask, and no more: the statements of MySQL 5.7. */
const binlogServer: Dialect = mysql({ vendor: 'mysql', major: 5, minor: 7, patch: 0, text: '5.7.0' });

function statusColumns(
  source: 'Master' | 'Source',
  replica: 'Slave' | 'Replica',
): Omit<ReplicaStatusColumns, 'channel' | 'autoPosition'> {
  return {
    sourceHost: `${source}_Host`,
    sourcePort: `${source}_Port`,
    sourceServerId: `${source}_Server_Id`,
    receiverRunning: `${replica}_IO_Running`,
    applierRunning: `${replica}_SQL_Running`,
    lag: `Seconds_Behind_${source}`,
    receivedFile: `${source}_Log_File`,
    receivedPosition: `Read_${source}_Log_Pos`,
    executedFile: `Relay_${source}_Log_File`,
    executedPosition: `Exec_${source}_Log_Pos`,
    applierState: `${replica}_SQL_Running_State`,
  };
}

function sourceOptions(change: SourceChange, word: 'MASTER' | 'SOURCE', start: readonly string[]): string {
  const { host, port, heartbeatSeconds } = change;
  return [
    `${word}_HOST = ${quoteText(host)}`,
    `${word}_PORT = ${String(port)}`,
    ...start,
    ...(heartbeatSeconds === null ? [] : [`${word}_HEARTBEAT_PERIOD = ${String(heartbeatSeconds)}`]),
  ].join(', ');
}

function mariadbStart(start: ReplicationStart): string[] {
  switch (start.by) {
    case 'gtid':
      return [`MASTER_USE_GTID = ${start.mariadbPosition}`];
    case 'position':
      return [...position(start, 'MASTER'), 'MASTER_USE_GTID = no'];
  }
}

function mysqlStart(start: ReplicationStart, word: 'MASTER' | 'SOURCE'): string[] {
  switch (start.by) {
    case 'gtid':
      return [`${word}_AUTO_POSITION = 1`];
    case 'position':
      return [...position(start, word), `${word}_AUTO_POSITION = 0`];
  }
}

function position(
  { file, position: offset }: Extract<ReplicationStart, { by: 'position' }>,
  word: 'MASTER' | 'SOURCE',
): string[] {
  return [`${word}_LOG_FILE = ${quoteText(file)}`, `${word}_LOG_POS = ${String(offset)}`];
}

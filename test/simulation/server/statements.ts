import type { Vendor } from '../../../src/mysql/version.js';
import { ownTableStatements } from './own-tables.js';
import { formatGtid } from './gtids.js';
import type { Replication } from './replication.js';
import type { SimulatedServer } from './server.js';
import { collations, shownTable, shownType } from './tables.js';

/** What a statement is answered. */
export type Answer =
  | {
      readonly kind: 'rows';
      readonly columns: readonly string[];
      /** Bytes are a BLOB's. */
      readonly rows: readonly (readonly (string | Buffer | null)[])[];
    }
  | { readonly kind: 'ok'; readonly affectedRows: number }
  | { readonly kind: 'error'; readonly number: number; readonly message: string }
  /** After a while, which the server waits for something. */
  | { readonly kind: 'later'; readonly afterMs: number; readonly answer: () => Answer };

/** Who asks. */
export type Asker = {
  readonly server: SimulatedServer;
  /** The session's id. */
  readonly id: number;
  readonly user: string;
  /** User variables of the session, by their names without `@`. */
  readonly variables: Map<string, string>;
  /** The server at an address, for CHANGE MASTER; null: there is none. */
  readonly find: (host: string, port: number) => SimulatedServer | null;
};

const ok: Answer = { kind: 'ok', affectedRows: 0 };

/** ER_UNKNOWN_ERROR: what no real server says to what the model doesn't know. */
const unknownNumber = 1105;

/** Answers a statement as the server would. What the model doesn't know is an error, and noted by its text. */
export function answer(sql: string, asker: Asker): Answer {
  const { server } = asker;
  const text = sql
    .trim()
    .replace(/;$/, '')
    .replaceAll(/\s*\n\s*/g, ' ');
  for (const { of, form, say } of statements) {
    if (of !== undefined && of !== server.vendor) continue;
    const match = form.exec(text);
    const said = match === null ? null : say(asker, match);
    if (said !== null) return said;
  }
  server.unknown.push(text);
  return { kind: 'error', number: unknownNumber, message: `The model doesn't know this statement: ${text}` };
}

/** A statement that is known, and how it is answered; null: not in this form. */
export type Known = {
  /** Of one vendor's servers alone. */
  readonly of?: Vendor;
  readonly form: RegExp;
  readonly say: (asker: Asker, match: RegExpExecArray) => Answer | null;
};

function rowsOf(...records: readonly Readonly<Record<string, string | null>>[]): Answer {
  const columns = Object.keys(records[0] ?? {});
  return {
    kind: 'rows',
    columns,
    rows: records.map((record) => columns.map((name) => record[name] ?? null)),
  };
}

function none(...columns: string[]): Answer {
  return { kind: 'rows', columns, rows: [] };
}

const statements: readonly Known[] = [
  { form: /^SET (.+)$/is, say: (asker, [, list = '']) => set(asker, list) },
  { form: /^SELECT VERSION\(\)$/i, say: ({ server }) => rowsOf({ 'VERSION()': server.version }) },
  { form: /^SELECT CURRENT_USER\(\) AS account$/i, say: ({ user }) => rowsOf({ account: `${user}@%` }) },
  {
    form: /^SELECT UNIX_TIMESTAMP\(NOW\(6\)\) AS now$/i,
    say: ({ server }) => rowsOf({ now: (server.nowMs() / 1000).toFixed(6) }),
  },
  { form: /^SELECT @@session\.sql_log_bin AS logged$/i, say: () => rowsOf({ logged: '1' }) },
  {
    form: /^SHOW (?:GLOBAL )?VARIABLES (?:LIKE|WHERE Variable_name IN) \(?((?:'\w+'(?:, )?)+)\)?$/i,
    say: ({ server }, [, names = '']) => showVariables(server, names),
  },
  {
    form: /^SHOW GRANTS$/i,
    say: ({ user }) => rowsOf({ Grants: `GRANT ALL PRIVILEGES ON *.* TO \`${user}\`@\`%\`` }),
  },
  { of: 'mysql', form: /^SHOW BINARY LOG STATUS$/i, say: ({ server }) => logStatus(server) },
  { of: 'mariadb', form: /^SHOW MASTER STATUS$/i, say: ({ server }) => logStatus(server) },
  {
    form: /^SHOW BINARY LOGS$/i,
    say: ({ server }) =>
      rowsOf(...server.binlog.files.map(({ name, size }) => ({ Log_name: name, File_size: String(size) }))),
  },
  {
    form: /^SHOW BINLOG EVENTS IN '(.+)' LIMIT 3$/i,
    say: ({ server }, [, name = '']) => firstEvents(server, name),
  },
  { of: 'mysql', form: /^SHOW REPLICA STATUS$/i, say: ({ server }) => replicaStatus(server) },
  { of: 'mariadb', form: /^SHOW ALL SLAVES STATUS$/i, say: ({ server }) => replicaStatus(server) },
  { of: 'mysql', form: /^SHOW REPLICAS$/i, say: ({ server }) => replicas(server) },
  { of: 'mariadb', form: /^SHOW SLAVE HOSTS$/i, say: ({ server }) => replicas(server) },
  { form: /^SHOW PROCESSLIST$/i, say: ({ server }) => processes(server) },
  {
    of: 'mysql',
    form: /^SELECT CHANNEL_NAME AS name, HEARTBEAT_INTERVAL AS seconds FROM performance_schema\.replication_connection_configuration$/i,
    say: ({ server }) =>
      server.replication === null ? none('name', 'seconds') : rowsOf({ name: '', seconds: '30.000' }),
  },
  {
    form: /^(START|STOP) (REPLICA|SLAVE) (IO|SQL)_THREAD(?: FOR CHANNEL '')?$/i,
    say: ({ server }, [, verb = '', word = '', thread = '']) =>
      isWord(server, word) ? controlThread(server.replication, `${verb} ${thread}`.toUpperCase()) : null,
  },
  {
    form: /^RESET (REPLICA|SLAVE) ALL(?: FOR CHANNEL '')?$/i,
    say: ({ server }, [, word = '']) => (isWord(server, word) ? forgetSource(server) : null),
  },
  { of: 'mysql', form: /^CHANGE REPLICATION SOURCE TO (.+?) FOR CHANNEL ''$/i, say: changeSource },
  { of: 'mariadb', form: /^CHANGE MASTER TO (.+)$/i, say: changeSource },
  {
    form: /^SHOW CREATE TABLE `(.+)`\.`(.+)`$/i,
    say: ({ server }, [, schema = '', table = '']) => showTable(server, schema, table),
  },
  {
    form: /^SELECT COLUMN_NAME, CHARACTER_SET_NAME, COLLATION_NAME, COLUMN_TYPE, COLUMN_COMMENT FROM INFORMATION_SCHEMA\.COLUMNS WHERE TABLE_SCHEMA = '(.+)' AND TABLE_NAME = '(.+)' ORDER BY ORDINAL_POSITION$/i,
    say: ({ server }, [, schema = '', table = '']) => showColumns(server, schema, table),
  },
  {
    form: /^SELECT DEFAULT_CHARACTER_SET_NAME AS charset, \(SELECT TABLE_COLLATION FROM INFORMATION_SCHEMA\.TABLES WHERE TABLE_SCHEMA = '(.+)' AND TABLE_NAME = '(.+)'\) AS collation FROM INFORMATION_SCHEMA\.SCHEMATA WHERE SCHEMA_NAME = '.+'$/i,
    say: ({ server }, [, schema = '', table = '']) => showCharsets(server, schema, table),
  },
  {
    form: /^SELECT .+ FROM information_schema\.REFERENTIAL_CONSTRAINTS$/i,
    say: () => none('s', 't', 'c', 'rs', 'rt', 'd', 'u'),
  },
  {
    form: /^SELECT GET_LOCK\('(.+)', (\d+)\) AS held, IS_USED_LOCK\('.+'\) AS holder$/i,
    say: (asker, [, name = '', seconds = '']) => takeLock(asker, name, Number(seconds)),
  },
  ...ownTableStatements,
  { form: /^drop view if exists `.+`\.`.+`$/i, say: ({ server, id }, [sql]) => dropView(server, sql, id) },
];

/** MySQL 8.4 has dropped the words MASTER and SLAVE. */
function isWord({ vendor }: SimulatedServer, word: string): boolean {
  return (vendor === 'mysql') === (word.toUpperCase() === 'REPLICA');
}

/** Session variables that may be set, which mean nothing to the model. */
const sessionVariables = new Set([
  ...['lock_wait_timeout', 'wait_timeout', 'sql_mode', 'sql_quote_show_create', 'autocommit'],
  'show_gipk_in_create_table_and_information_schema',
]);

function set({ server, variables }: Asker, list: string): Answer | null {
  const assignments = [...list.matchAll(/([^=,]+?)\s*=\s*('[^']*'|[^,]+?)\s*(?:,|$)/g)];
  for (const [, target = '', value = ''] of assignments) {
    const name = target.trim();
    const plain = value.replace(/^'(.*)'$/, '$1');
    if (name.startsWith('@') && !name.startsWith('@@')) variables.set(name.slice(1), plain);
    else if (/^GLOBAL read_only$/i.test(name)) server.readOnly = plain.toUpperCase() === 'ON';
    else if (!sessionVariables.has(name.replace(/^SESSION /i, ''))) return null;
  }
  return assignments.length > 0 ? ok : null;
}

function showVariables(server: SimulatedServer, names: string): Answer {
  const wanted = [...names.matchAll(/'(\w+)'/g)].map(([, name = '']) => name.toLowerCase());
  const found = Object.entries(variablesOf(server)).filter(([name]) => wanted.includes(name));
  return { kind: 'rows', columns: ['Variable_name', 'Value'], rows: found };
}

function variablesOf(server: SimulatedServer): Readonly<Record<string, string>> {
  const onOff = (value: boolean): string => (value ? 'ON' : 'OFF');
  const common = {
    ...{ version: server.version, server_id: String(server.serverId), log_bin: 'ON', binlog_format: 'ROW' },
    ...{
      binlog_row_image: 'FULL',
      binlog_row_metadata: server.rowMetadata,
      read_only: onOff(server.readOnly),
    },
    ...{ hostname: server.host, port: String(server.port), log_slave_updates: onOff(server.logsUpdates) },
  };
  if (server.vendor === 'mariadb') {
    const gtids = { gtid_binlog_pos: server.gtidText, gtid_binlog_state: server.gtidState };
    return { ...common, ...gtids, server_uid: server.uuid, slave_parallel_workers: '0' };
  }
  return {
    ...common,
    ...{ server_uuid: server.uuid, gtid_executed: server.gtidText, gtid_mode: onOff(server.gtidMode) },
    ...{ replica_preserve_commit_order: onOff(server.keepsOrder), replica_parallel_workers: '4' },
    ...{ log_replica_updates: onOff(server.logsUpdates), binlog_row_value_options: '' },
  };
}

function logStatus({ vendor, binlog, gtidText }: SimulatedServer): Answer {
  const { file, position } = binlog.end;
  const filters = { Binlog_Do_DB: '', Binlog_Ignore_DB: '' };
  return rowsOf({
    ...{ File: file, Position: String(position), ...filters },
    ...(vendor === 'mysql' ? { Executed_Gtid_Set: gtidText } : {}),
  });
}

/** ER_ERROR_WHEN_EXECUTING_COMMAND */
const failedNumber = 1220;

/** The events that a file begins with, without what MariaDB has behind its list of GTIDs. */
function firstEvents({ vendor, version, binlog }: SimulatedServer, name: string): Answer {
  const file = binlog.file(name);
  if (file === null) {
    const message = 'Error when executing command SHOW BINLOG EVENTS: Could not find target log';
    return { kind: 'error', number: failedNumber, message };
  }
  const { text, ends } = file.gtidsBefore;
  return rowsOf(
    { Log_name: name, Event_type: 'Format_desc', Info: `Server ver: ${version}, Binlog ver: 4` },
    vendor === 'mysql'
      ? { Log_name: name, Event_type: 'Previous_gtids', Info: text }
      : { Log_name: name, Event_type: 'Gtid_list', Info: `[${ends.map(formatGtid).join(',')}]` },
  );
}

function replicaStatus(server: SimulatedServer): Answer {
  const { replication } = server;
  if (replication === null) return none(server.vendor === 'mysql' ? 'Channel_Name' : 'Connection_name');
  return rowsOf(
    server.vendor === 'mysql' ? mysqlStatus(server, replication) : mariadbStatus(server, replication),
  );
}

function mysqlStatus(
  server: SimulatedServer,
  replication: Replication,
): Readonly<Record<string, string | null>> {
  return {
    ...statusOf(replication, 'Source', 'Replica'),
    ...{
      Auto_Position: replication.byGtid ? '1' : '0',
      Channel_Name: '',
      Executed_Gtid_Set: server.gtidText,
    },
  };
}

function mariadbStatus(
  server: SimulatedServer,
  replication: Replication,
): Readonly<Record<string, string | null>> {
  return {
    Connection_name: '',
    ...statusOf(replication, 'Master', 'Slave'),
    ...{ Using_Gtid: replication.byGtid ? 'Slave_Pos' : 'No', Slave_heartbeat_period: '30.000' },
    ...{ Gtid_IO_Pos: server.gtidText, Gtid_Slave_Pos: server.gtidText },
  };
}

function statusOf(
  replication: Replication,
  source: 'Source' | 'Master',
  replica: 'Replica' | 'Slave',
): Readonly<Record<string, string | null>> {
  const { received, executed, lagSeconds, receiverError, applierError } = replication;
  const receiver = replication.connected ? 'Yes' : replication.receiverStarted ? 'Connecting' : 'No';
  const idle = `${replica} has read all relay log; waiting for more updates`;
  return {
    [`${source}_Host`]: replication.source.host,
    [`${source}_Port`]: String(replication.source.port),
    [`${source}_Server_Id`]: String(replication.sourceServerId),
    [`${source}_Log_File`]: received.file,
    [`Read_${source}_Log_Pos`]: String(received.position),
    [`Relay_${source}_Log_File`]: executed.file,
    [`Exec_${source}_Log_Pos`]: String(executed.position),
    [`${replica}_IO_Running`]: receiver,
    [`${replica}_SQL_Running`]: replication.applierStarted ? 'Yes' : 'No',
    [`${replica}_SQL_Running_State`]:
      replication.waiting.length === 0 ? idle : 'Reading event from the relay log',
    [`Seconds_Behind_${source}`]: lagSeconds === null ? null : String(lagSeconds),
    SQL_Delay: String(replication.delaySeconds),
    ...{ Last_IO_Errno: String(receiverError.number), Last_IO_Error: receiverError.message },
    ...{ Last_SQL_Errno: String(applierError.number), Last_SQL_Error: applierError.message },
  };
}

function replicas({ vendor, replicas: connected, serverId }: SimulatedServer): Answer {
  const id = vendor === 'mysql' ? 'Server_Id' : 'Server_id';
  if (connected.size === 0) return none(id, 'Host', 'Port');
  return rowsOf(
    ...[...connected].map((replica) => ({
      ...{ [id]: String(replica.serverId), Host: replica.host, Port: String(replica.port) },
      ...(vendor === 'mysql'
        ? { Source_Id: String(serverId), Replica_UUID: replica.uuid }
        : { Master_id: String(serverId) }),
    })),
  );
}

function processes({ sessions }: SimulatedServer): Answer {
  return rowsOf(
    ...[...sessions].map(({ id, user, host, command }) => ({
      ...{
        Id: String(id),
        User: user,
        Host: host,
        db: null,
        Command: command,
        Time: '0',
        State: '',
        Info: null,
      },
    })),
  );
}

/** ER_REPLICA_CONFIGURATION and MariaDB's own: there is nothing to control. */
const notReplica: Answer = {
  kind: 'error',
  number: 1200,
  message: 'The server is not configured as replica',
};

function controlThread(replication: Replication | null, order: string): Answer {
  if (replication === null) return notReplica;
  switch (order) {
    case 'START IO':
      replication.startReceiver();
      break;
    case 'STOP IO':
      replication.stopReceiver();
      break;
    case 'START SQL':
      replication.startApplier();
      break;
    case 'STOP SQL':
      replication.stopApplier();
      break;
  }
  return ok;
}

function forgetSource(server: SimulatedServer): Answer {
  server.replicateFrom(null);
  return ok;
}

function changeSource({ server, find }: Asker, [, list = '']: RegExpExecArray): Answer | null {
  const options = new Map(
    [...list.matchAll(/(?:SOURCE|MASTER)_(\w+) = '?([^',]*)'?/gi)].map(([, name = '', value = '']) => [
      name,
      value,
    ]),
  );
  const source = find(options.get('HOST') ?? '', Number(options.get('PORT')));
  if (source === null) return null;
  const [file, position] = [options.get('LOG_FILE'), Number(options.get('LOG_POS'))];
  server.replicateFrom(
    source,
    file === undefined ? { by: 'gtid' } : { by: 'place', place: { file, position } },
  );
  server.replication?.stopReceiver();
  server.replication?.stopApplier();
  return ok;
}

function showTable(server: SimulatedServer, schema: string, table: string): Answer {
  const definition = server.data.definition(`${schema}.${table}`);
  return definition === null
    ? { kind: 'error', number: 1146, message: `Table '${schema}.${table}' doesn't exist` }
    : rowsOf({ Table: table, 'Create Table': shownTable(definition, server.vendor) });
}

function showColumns({ data, vendor }: SimulatedServer, schema: string, table: string): Answer {
  const columns = data.definition(`${schema}.${table}`)?.columns ?? [];
  return {
    kind: 'rows',
    columns: ['COLUMN_NAME', 'CHARACTER_SET_NAME', 'COLLATION_NAME', 'COLUMN_TYPE', 'COLUMN_COMMENT'],
    rows: columns.map((column) => [
      column.name,
      ...(column.type === 'varchar' ? ['utf8mb4', collations[vendor].name] : [null, null]),
      shownType(column, vendor),
      '',
    ]),
  };
}

function showCharsets({ data, vendor }: SimulatedServer, schema: string, table: string): Answer {
  if (!data.names.some((name) => name.startsWith(`${schema}.`))) return none('charset', 'collation');
  const collation = data.definition(`${schema}.${table}`) === null ? null : collations[vendor].name;
  return rowsOf({ charset: 'utf8mb4', collation });
}

function takeLock(asker: Asker, name: string, seconds: number): Answer {
  const { server, id } = asker;
  const said = (held: boolean): Answer =>
    rowsOf({
      held: held ? '1' : '0',
      holder: server.locks.has(name) ? String(server.locks.get(name)) : null,
    });
  const take = (): boolean => {
    const holder = server.locks.get(name);
    if (holder !== undefined && holder !== id) return false;
    server.locks.set(name, id);
    return true;
  };
  return take() ? said(true) : { kind: 'later', afterMs: seconds * 1000, answer: () => said(take()) };
}

/** A hint, whose view is never there. */
function dropView(server: SimulatedServer, sql: string, session: number): Answer {
  if (server.readOnly) {
    return { kind: 'error', number: 1290, message: 'The server is running with the --read-only option' };
  }
  server.commit({ kind: 'statement', schema: '', sql, alters: null, isHint: true }, session);
  return ok;
}

import ZongJi, { type BinlogEvent } from '@vlasky/zongji';
import { binlogEnd, type TestServer } from '../servers/index.js';
import { type Change, type Row, statementText } from './change.js';
import { schema } from './load-schema.js';

/** A change of the source, and which of its transactions it stands in. */
export type TrueChange = {
  readonly change: Change;
  readonly transaction: number;
  readonly gtid: string | null;
};

/** What really happened on a source: told by its binary log and its tables, and by nothing of waymark's. */
export type Truth = {
  /** In commit order. */
  readonly changes: readonly TrueChange[];
  /** The rows of each table at the end. */
  readonly tables: ReadonlyMap<string, readonly Row[]>;
};

/** Reads the whole truth of a source that nobody writes to any more. */
export async function readTruth(source: TestServer): Promise<Truth> {
  return { changes: await readChanges(source), tables: await readTables(source) };
}

/** What begins and ends a transaction, or moves inside one, changes nothing itself. */
const framing = /^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|XA)\b/i;

/** A temporary table is its own session's alone. */
const ofTemporaryTable = /^(CREATE|CREATE OR REPLACE|DROP) (TEMPORARY|\/\*!\d+ TEMPORARY \*\/) TABLE\b/i;

/**
 * All changes in the log that were committed. Some that were rolled back stand in it, too, and only the end of their
 * transaction tells: so the ends are read first. What the two readings make of the log is judged by the tables.
 */
async function readChanges(source: TestServer): Promise<TrueChange[]> {
  const json = await jsonColumns(source);
  const rolledBack = new Set<number>();
  let transaction = 0;
  await readLog(source, ['query', 'xid', 'rotate', 'gtid'], (event) => {
    if (!isEnd(event)) return;
    if ('query' in event && /^ROLLBACK\b/i.test(String(event.query))) rolledBack.add(transaction);
    transaction += 1;
  });
  const changes: TrueChange[] = [];
  let savepoints: { name: string; changes: number }[] = [];
  transaction = 0;
  await readLog(source, undefined, (event) => {
    if (!rolledBack.has(transaction)) {
      const gtid = event.gtid ?? null;
      for (const change of changesOf(event, json)) changes.push({ change, transaction, gtid });
      const [, words, name = ''] = savepointOf(event);
      if (words === 'SAVEPOINT') savepoints.push({ name, changes: changes.length });
      else if (words !== undefined) {
        const index = savepoints.findLastIndex((savepoint) => savepoint.name === name);
        changes.length = savepoints[index]!.changes;
        savepoints = savepoints.slice(0, index + 1);
      }
    }
    if (!isEnd(event)) return;
    transaction += 1;
    savepoints = [];
  });
  return changes;
}

/** Columns of MariaDB's JSON, as `table.column`: to zongji they are text. */
async function jsonColumns(source: TestServer): Promise<ReadonlySet<string>> {
  if (source.vendor === 'mysql') return new Set();
  const rows = await source.query<{ name: string }>(
    'SELECT CONCAT(TABLE_NAME, ".", CONSTRAINT_NAME) AS name FROM INFORMATION_SCHEMA.CHECK_CONSTRAINTS ' +
      'WHERE CONSTRAINT_SCHEMA = ? AND CHECK_CLAUSE = CONCAT("json_valid(`", CONSTRAINT_NAME, "`)")',
    [schema],
  );
  return new Set(rows.map(({ name }) => name));
}

/** `SAVEPOINT` or `ROLLBACK TO` and the savepoint's name; nothing for any other event. */
function savepointOf(event: BinlogEvent): readonly (string | undefined)[] {
  if (!('query' in event)) return [];
  return /^(SAVEPOINT|ROLLBACK TO) (.*)$/s.exec(String(event.query)) ?? [];
}

/** Shows all events of a source's log, or those of some kinds, up to where it ends now. */
async function readLog(
  source: TestServer,
  includeEvents: string[] | undefined,
  take: (event: BinlogEvent) => void,
): Promise<void> {
  const end = await binlogEnd(source);
  const [first] = await source.query<{ Log_name: string }>('SHOW BINARY LOGS');
  if (first === undefined) throw new Error(`${source.name} has no binlog`);
  const endsInHead = await hasOnlyHead(source, end.file);
  const { host, port, user, password } = source;
  const options = { host, port, user, password, dateStrings: true, timezone: 'Z' };
  const zongji = new ZongJi(options);
  let file = first.Log_name;
  try {
    await new Promise<void>((resolve, reject) => {
      zongji.on('error', (error: Error) => {
        // It can't read partial JSON updates and says so, once. Of a table of ours, such a change is missed by the judge.
        if (!error.message.includes('PARTIAL_UPDATE_ROWS_EVENT')) reject(error);
      });
      zongji.on('binlog', (event: BinlogEvent) => {
        try {
          if ('binlogName' in event && event.getEventName() === 'rotate') {
            file = String(event.binlogName);
            // Its own place is in the file before.
            if (file === end.file && endsInHead) resolve();
            return;
          }
          take(event);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
        if (file === end.file && event.nextPosition >= end.position) resolve();
      });
      const events = includeEvents === undefined ? {} : { includeEvents };
      zongji.start({ serverId: 4_000_000 + port, filename: first.Log_name, position: 4, ...events });
    });
  } finally {
    await new Promise<void>((resolve) => {
      zongji.on('stopped', resolve);
      zongji.stop();
    });
  }
}

/** What stands at the beginning of a file. */
const head = /^(Format_desc|Gtid_list|Binlog_checkpoint|Previous_gtids|Start_encryption)$/;

/** Whether a log file has nothing but what stands at the beginning of each. */
async function hasOnlyHead(source: TestServer, file: string): Promise<boolean> {
  const first = await source.query<{ Event_type: string }>(`SHOW BINLOG EVENTS IN '${file}' LIMIT 10`);
  return first.every(({ Event_type: type }) => head.test(type));
}

function changesOf(event: BinlogEvent, json: ReadonlySet<string>): Change[] {
  if ('query' in event && 'schema' in event) {
    const sql = String(event.query);
    if (ofTemporaryTable.test(sql)) return [];
    const concernsUs = event.schema === schema || new RegExp(`\\b${schema}\\b`).test(sql);
    return concernsUs && !framing.test(statementText(sql)) ? [{ type: 'ddl', sql }] : [];
  }
  if (!('rows' in event && 'tableMap' in event && 'tableId' in event)) return [];
  const { tableMap, rows } = event as unknown as {
    tableMap: Record<number, { parentSchema: string; tableName: string }>;
    rows: readonly Row[];
  };
  const table = tableMap[Number(event.tableId)];
  if (table === undefined) throw new Error(`row event of an unknown table ${String(event.tableId)}`);
  if (table.parentSchema !== schema) return [];
  return rows.map((row) => rowChange(event.getEventName(), table.tableName, row, json));
}

function rowChange(name: string, table: string, row: Row, json: ReadonlySet<string>): Change {
  const recorded = (values: Row): Row => recordedOf(values, table, json);
  switch (name) {
    case 'writerows':
      return { type: 'row', op: 'insert', table, after: recorded(row) };
    case 'deleterows':
      return { type: 'row', op: 'delete', table, before: recorded(row) };
    case 'updaterows': {
      const { before, after } = row as { before: Row; after: Row };
      return { type: 'row', op: 'update', table, before: recorded(before), after: recorded(after) };
    }
    default:
      throw new Error(`unexpected event ${name}`);
  }
}

/** A row as the record format has it. */
function recordedOf(row: Row, table: string, json: ReadonlySet<string>): Row {
  const result: Row = {};
  for (const [name, value] of Object.entries(row)) {
    const isDocument = typeof value === 'string' && json.has(`${table}.${name}`);
    const plain: unknown = isDocument ? JSON.parse(value) : value;
    result[name] = Buffer.isBuffer(plain) ? { $base64: plain.toString('base64') } : plain;
  }
  return result;
}

function isEnd(event: BinlogEvent): boolean {
  if (event.getEventName() === 'xid') return true;
  if (!('query' in event)) return false;
  const sql = String(event.query);
  return (
    !/^(BEGIN|SAVEPOINT|RELEASE|ROLLBACK TO)\b/i.test(sql) && !ofTemporaryTable.test(sql) && !isStatement(sql)
  );
}

/** The rows of each table of the load, as they are now. */
export async function readTables(source: TestServer): Promise<Map<string, readonly Row[]>> {
  const names = await source.query<{ name: string }>(
    'SELECT TABLE_NAME AS name FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = ?',
    [schema],
  );
  const tables = new Map<string, readonly Row[]>();
  for (const { name } of names) {
    tables.set(name, await source.query<Row>(`SELECT * FROM \`${schema}\`.\`${name}\``));
  }
  return tables;
}

/** A statement that changes rows stands in a transaction that something else ends. */
function isStatement(sql: string): boolean {
  return /^(INSERT|UPDATE|DELETE)\b/i.test(sql);
}

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

async function readChanges(source: TestServer): Promise<TrueChange[]> {
  const end = await binlogEnd(source);
  const [first] = await source.query<{ Log_name: string }>('SHOW BINARY LOGS');
  if (first === undefined) throw new Error(`${source.name} has no binlog`);
  const { host, port, user, password } = source;
  const options = { host, port, user, password, dateStrings: true, timezone: 'Z' };
  const zongji = new ZongJi(options);
  const changes: TrueChange[] = [];
  let file = first.Log_name;
  let transaction = 0;
  const take = (event: BinlogEvent): void => {
    const found = changesOf(event);
    for (const change of found) changes.push({ change, transaction, gtid: event.gtid ?? null });
    if (isEnd(event)) transaction += 1;
  };
  try {
    await new Promise<void>((resolve, reject) => {
      zongji.on('error', (error: Error) => {
        // It can't read partial JSON updates and says so, once. Of a table of ours, such a change is missed by the judge.
        if (!error.message.includes('PARTIAL_UPDATE_ROWS_EVENT')) reject(error);
      });
      zongji.on('binlog', (event: BinlogEvent) => {
        try {
          if ('binlogName' in event && event.getEventName() === 'rotate') file = String(event.binlogName);
          else take(event);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
        if (file === end.file && event.nextPosition >= end.position) resolve();
      });
      zongji.start({ serverId: 4_000_000 + port, filename: first.Log_name, position: 4 });
    });
  } finally {
    await new Promise<void>((resolve) => {
      zongji.on('stopped', resolve);
      zongji.stop();
    });
  }
  return changes;
}

function changesOf(event: BinlogEvent): Change[] {
  if ('query' in event && 'schema' in event) {
    const sql = String(event.query);
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
  return rows.map((row) => rowChange(event.getEventName(), table.tableName, row));
}

function rowChange(name: string, table: string, row: Row): Change {
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
function recorded(row: Row): Row {
  const result: Row = {};
  for (const [name, value] of Object.entries(row)) {
    result[name] = Buffer.isBuffer(value) ? { $base64: value.toString('base64') } : value;
  }
  return result;
}

function isEnd(event: BinlogEvent): boolean {
  if (event.getEventName() === 'xid') return true;
  return 'query' in event && !/^(BEGIN|SAVEPOINT|RELEASE|ROLLBACK TO)\b/i.test(String(event.query));
}

async function readTables(source: TestServer): Promise<Map<string, readonly Row[]>> {
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

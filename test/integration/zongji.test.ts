import Original, { type BinlogEvent as OriginalEvent } from '@vlasky/zongji';
import { once } from 'node:events';
import { createConnection } from 'mysql2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import ZongJi, { type BinlogEvent, type StartOptions } from '../../src/zongji/index.js';
import { startServer, type TestServer } from '../servers/index.js';
import { until } from '../servers/wait.js';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
  await server.query('CREATE DATABASE shop');
});

afterAll(() => server.stop());

let serverId = 4_100_000;

function connectionOf(options: object = {}): Record<string, unknown> {
  const { host, port, user, password } = server;
  return { host, port, user, password, ...options };
}

type Any = OriginalEvent | BinlogEvent;

/** What a reader has, of zongji or of ours. */
class Reader {
  readonly events: Any[] = [];
  readonly errors: Error[] = [];
  readonly zongji: ZongJi;

  constructor(zongji: ZongJi | Original) {
    // The same interface: that is what is tested.
    this.zongji = zongji as ZongJi;
    this.zongji.on('binlog', (event) => this.events.push(event));
    this.zongji.on('error', (error) => this.errors.push(error));
  }

  async start(options: StartOptions = {}): Promise<void> {
    const ready = once(this.zongji, 'ready');
    this.zongji.start({ serverId: (serverId += 1), ...options });
    await ready;
  }

  async until(what: string, isIt: (event: Any) => boolean): Promise<void> {
    await until(what, () => Promise.resolve(this.errors.length > 0 || this.events.some(isIt)), {
      timeoutMs: 20_000,
    });
    expect(this.errors).toEqual([]);
  }

  async stop(): Promise<void> {
    const stopped = once(this.zongji, 'stopped');
    this.zongji.stop();
    await stopped;
  }

  get names(): string[] {
    return this.events.map((event) => event.getEventName());
  }

  /** The rows of all row events, in order. */
  get rows(): unknown[] {
    return this.events.flatMap((event) => ('rows' in event ? (event.rows as unknown[]) : []));
  }
}

/** What is seen of an event from outside; the program's view of its table in the place of all tables. */
function seen(event: Any): Record<string, unknown> {
  const fields = Object.entries(event).filter(([name]) => !isInner(name));
  const table = 'tableMap' in event && 'tableId' in event ? tableOf(event) : {};
  return { type: event.getTypeName(), ...Object.fromEntries(fields), ...table };
}

function isInner(name: string): boolean {
  return (
    name.startsWith('_') || ['tableMap', 'columns_present_bitmap', 'columns_present_bitmap2'].includes(name)
  );
}

function tableOf(event: object): object {
  const { tableMap, tableId } = event as { tableMap: Record<number, object>; tableId: number };
  return { table: tableMap[tableId] };
}

const isEnd = (event: Any): boolean => 'query' in event && String(event.query).includes('the_end');

let ends = 0;

/** Runs statements, and reads what they leave in the log with zongji and with ours. */
async function readBoth(
  statements: readonly string[],
  { connection = {}, start = {} }: { connection?: object; start?: StartOptions } = {},
): Promise<{ ours: Reader; theirs: Reader }> {
  await server.query('FLUSH BINARY LOGS');
  const logs = await server.query<{ Log_name: string }>('SHOW BINARY LOGS');
  const filename = logs.at(-1)!.Log_name;
  const session = await server.connect({ database: 'shop' });
  for (const statement of statements) await session.query(statement);
  ends += 1;
  await session.query(`CREATE TABLE the_end_${ends} (id INT)`);
  const ours = new Reader(new ZongJi(connectionOf(connection)));
  const theirs = new Reader(new Original(connectionOf(connection)));
  for (const reader of [ours, theirs]) {
    await reader.start({ filename, position: 4, ...start });
    await reader.until('the end has come', isEnd);
    await reader.stop();
  }
  return { ours, theirs };
}

/** zongji's row events count the bytes that no server uses; ours say whether the log has all columns. */
const ownFields = { ours: ['partial'], theirs: ['extraDataLength'] };

function without(fields: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

function expectAlike({ ours, theirs }: { ours: Reader; theirs: Reader }): void {
  const left = ours.events.map((event) => without(seen(event), ownFields.ours));
  const right = theirs.events.map((event) => without(seen(event), ownFields.theirs));
  expect(left.map(({ type }) => type)).toEqual(right.map(({ type }) => type));
  left.forEach((event, index) => {
    // MariaDB's checkpoints come when they do: behind DDL zongji gives them its GTID, and ours none.
    const told = right[index]?.['type'] === 'BinlogCheckpoint' ? ['gtid'] : [];
    expect(event).toMatchObject(without(right[index]!, told));
  });
}

const metadata = ['FULL', 'default'] as const;

/** Columns, and values that zongji has right. */
const columns: readonly (readonly [definition: string, ...values: string[]])[] = [
  ['TINYINT', '-128', '127', 'NULL'],
  ['SMALLINT UNSIGNED', '0', '65535', '7'],
  ['MEDIUMINT', '-8388608', '8388607', '0'],
  ['INT UNSIGNED', '0', '4294967295', '1'],
  ['BIGINT', '-9223372036854775808', '9223372036854775807', '9007199254740993'],
  ['BIGINT UNSIGNED', '18446744073709551615', '0', '9007199254740991'],
  ['FLOAT', '0.5', '-1.25', '3'],
  ['DOUBLE', '0.1', '-1e300', '0'],
  ['DECIMAL(30,10)', "'-12345678901234567890.0123456789'", '0', '1.5'],
  ['BIT(17)', "b'10000000000000001'", '0', '1'],
  ['DATE', "'2024-02-29'", "'1000-01-01'", "'9999-12-31'"],
  ['TIME(3)', "'-01:02:03.456'", "'838:59:58.999'", "'00:00:00'"],
  ['DATETIME', "'2024-02-29 12:34:56'", "'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'"],
  ['DATETIME(6)', "'2024-02-29 12:34:56.123456'", 'NULL', "'1970-01-01 00:00:00'"],
  ['TIMESTAMP(3) NULL', "'2024-02-29 12:34:56.789'", 'NULL', "'2038-01-18 03:14:07'"],
  ['YEAR', '1901', '2155', '2024'],
  ['CHAR(10)', "'ab  '", "''", "'é'"],
  ['VARCHAR(300) CHARACTER SET utf8mb4', "'𠜎'", "''", "REPEAT('é', 300)"],
  ['VARCHAR(20) CHARACTER SET latin1', "'café'", "'€'", 'NULL'],
  ['TEXT CHARACTER SET utf16 COLLATE utf16_general_ci', "'größe'", "''", "'x'"],
  ['BINARY(5)', "X'0102'", "X'0000000001'", "X''"],
  ['VARBINARY(20)', "X'00FF00'", "X''", "X'20'"],
  ['BLOB', "X'00'", "X''", "REPEAT('z', 300)"],
  ["ENUM('a','bc','d')", "'a'", "'bc'", 'NULL'],
  ["SET('x','y','z')", "'x,z'", "''", "'x,y,z'"],
  ['JSON', `'{"a": [1, true, null], "b": {"c": "d"}}'`, "'[]'", 'NULL'],
  // Last: zongji doesn't know that MariaDB has a character set for each in the log.
  ['GEOMETRY', "ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('LINESTRING(0 0,1 1,2 0)')", 'NULL'],
  [
    'GEOMETRY',
    "ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 10,0 0),(5 5,7 5,7 7,5 7,5 5))')",
    "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')",
    "ST_GeomFromText('MULTIPOINT(0 0,1 1)')",
  ],
];

function typeStatements(): string[] {
  const name = (index: number): string => `c${index}`;
  const rows = [1, 2, 3].map((row) => `(${row}, ${columns.map((column) => column[row]).join(', ')})`);
  return [
    `CREATE TABLE types (id INT PRIMARY KEY, ${columns.map(([type], index) => `${name(index)} ${type}`).join(', ')})`,
    `INSERT INTO types VALUES ${rows.join(', ')}`,
    'UPDATE types SET c0 = 5 WHERE id = 2',
    'DELETE FROM types WHERE id = 1',
  ];
}

describe.each(metadata)('with %s metadata', (setting) => {
  beforeAll(async () => {
    if (setting === 'FULL') await server.query('SET GLOBAL binlog_row_metadata = FULL');
    return async () => {
      await server.query('SET GLOBAL binlog_row_metadata = DEFAULT');
    };
  });

  test.each([
    { dateStrings: true, timezone: '+05:30' },
    { timezone: 'Z' },
    { timezone: '-03:00', decimalNumbers: true },
    {},
  ])('rows look as with zongji: %o', async (connection) => {
    await server.query('DROP TABLE IF EXISTS shop.types');
    const both = await readBoth(typeStatements(), {
      connection,
      start: { includeEvents: ['query', 'writerows', 'updaterows', 'deleterows', 'tablemap'] },
    });
    expect(both.ours.rows).toHaveLength(5);
    expect(both.ours.rows).toEqual(both.theirs.rows);
  });

  test('events are those of zongji', async () => {
    await server.query('DROP TABLE IF EXISTS shop.t');
    const both = await readBoth([
      'CREATE TABLE t (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20))',
      "INSERT INTO t (v) VALUES ('a'), ('b')",
      'BEGIN',
      "INSERT INTO t (v) VALUES ('c')",
      "UPDATE t SET v = 'd'",
      'DELETE FROM t WHERE id = 1',
      'COMMIT',
      'XA START "x"',
      "INSERT INTO t (v) VALUES ('x')",
      'XA END "x"',
      'XA PREPARE "x"',
      'XA COMMIT "x"',
      'SET SESSION binlog_format = STATEMENT',
      "INSERT INTO t (v) VALUES ('s')",
      'SET SESSION binlog_format = ROW',
      'FLUSH BINARY LOGS',
      "INSERT INTO t (v) VALUES ('z')",
    ]);
    expectAlike(both);
    expect(new Set(both.ours.names).size).toBeGreaterThan(8);
  });
});

describe('what zongji has wrong', () => {
  beforeAll(async () => {
    await server.query('SET GLOBAL binlog_row_metadata = FULL');
    return async () => {
      await server.query('SET GLOBAL binlog_row_metadata = DEFAULT');
    };
  });

  const invalid = new Date(Number.NaN);

  /** Columns, values, what ours is, what zongji's is. */
  const faults: readonly (readonly [type: string, sql: string, ours: unknown, theirs: unknown])[] = [
    ['TIME', "'-01:00:00'", '-01:00:00', '-00:63:64'],
    ['YEAR', '0', 0, 1900],
    ['FLOAT', '0.1', 0.1, Math.fround(0.1)],
    ['DATE', "'0099-01-02'", new Date('0099-01-02T00:00:00Z'), new Date('1999-01-02T00:00:00Z')],
    ['DATE', "'2024-00-01'", invalid, invalid],
    ['DATE', "'2024-01-00'", invalid, new Date('2023-12-31T00:00:00Z')],
    ['DATETIME', "'2024-02-30 00:00:00'", invalid, new Date('2024-03-01T00:00:00Z')],
    ['TIMESTAMP NULL', "'0000-00-00 00:00:00'", invalid, new Date(0)],
    ['VARCHAR(10) CHARACTER SET dec8', "'é'", 'é', Buffer.from([0xe9])],
    ['VARCHAR(10) CHARACTER SET latin1', "CONVERT(X'81' USING latin1)", '\u0081', '\uFFFD'],
    ["ENUM('a')", "'?'", '', undefined],
  ];

  test.each(faults)('%s %s', async (type, sql, ours, theirs) => {
    await server.query('DROP TABLE IF EXISTS shop.faults');
    const both = await readBoth(
      [
        "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'",
        `CREATE TABLE faults (v ${type})`,
        `INSERT INTO faults VALUES (${sql})`,
      ],
      { connection: { timezone: 'Z' } },
    );
    expect(both.ours.rows).toEqual([{ v: ours }]);
    expect(both.theirs.rows).toEqual([{ v: theirs }]);
  });

  test('columns that the log has not are null', async () => {
    await server.query('DROP TABLE IF EXISTS shop.parts');
    const both = await readBoth([
      'CREATE TABLE parts (id INT PRIMARY KEY, a INT, b INT)',
      'INSERT INTO parts VALUES (1, 2, 3)',
      'SET SESSION binlog_row_image = MINIMAL',
      'UPDATE parts SET a = 4',
    ]);
    expect(both.ours.rows.at(-1)).toStrictEqual({ before: { id: 1 }, after: { a: 4 } });
    expect(both.theirs.rows.at(-1)).toEqual({
      before: { id: 1, a: null, b: null },
      after: { id: null, a: 4, b: null },
    });
    const partial = both.ours.events.flatMap((event) => ('partial' in event ? [event.partial] : []));
    expect(partial).toEqual([false, true]);
  });

  test('a column called __proto__ vanishes', async () => {
    await server.query('DROP TABLE IF EXISTS shop.named');
    const both = await readBoth(
      ['CREATE TABLE named (id INT, `__proto__` DATE)', "INSERT INTO named VALUES (1, '2024-01-02')"],
      {
        connection: { dateStrings: true },
      },
    );
    expect(both.ours.rows.map((row) => JSON.stringify(row))).toEqual(['{"id":1,"__proto__":"2024-01-02"}']);
    expect(both.theirs.rows.map((row) => JSON.stringify(row))).toEqual(['{"id":1}']);
  });

  test('MariaDB gives GEOMETRY a character set in the log, and the columns behind it get the wrong one', async ({
    skip,
  }) => {
    if (server.vendor !== 'mariadb') return skip('MySQL gives it none');
    await server.query('DROP TABLE IF EXISTS shop.shapes');
    const both = await readBoth([
      'CREATE TABLE shapes (g GEOMETRY, t TEXT)',
      "INSERT INTO shapes VALUES (ST_GeomFromText('POINT(1 2)'), 'x')",
    ]);
    expect(both.ours.rows).toEqual([{ g: { x: 1, y: 2 }, t: 'x' }]);
    expect(both.theirs.rows).toEqual([{ g: { x: 1, y: 2 }, t: Buffer.from('x') }]);
  });

  test('what was rolled back comes', async ({ skip }) => {
    if (server.vendor !== 'mariadb') return skip('MySQL does not log it');
    await server.query('DROP TABLE IF EXISTS shop.undone');
    const both = await readBoth([
      'CREATE TABLE undone (id INT)',
      'BEGIN',
      'INSERT INTO undone VALUES (1)',
      'CREATE TEMPORARY TABLE mine (id INT)',
      'DROP TEMPORARY TABLE mine',
      'ROLLBACK',
      'INSERT INTO undone VALUES (2)',
    ]);
    expect(both.ours.rows).toEqual([{ id: 2 }]);
    expect(both.theirs.rows).toEqual([{ id: 1 }, { id: 2 }]);
  });

  test('compressed transactions of MySQL do not come', async ({ skip }) => {
    if (server.vendor !== 'mysql') return skip('MariaDB has none');
    await server.query('DROP TABLE IF EXISTS shop.packed');
    await server.query('CREATE TABLE shop.packed (id INT)');
    const session = await server.connect({ database: 'shop' });
    const reader = new Reader(new ZongJi(connectionOf()));
    await reader.start({ startAtEnd: true });
    await session.query('SET SESSION binlog_transaction_compression = ON');
    await session.query('INSERT INTO packed VALUES (1), (2)');
    await reader.until('the rows have come', (event) => 'rows' in event);
    await reader.stop();
    expect(reader.rows).toEqual([{ id: 1 }, { id: 2 }]);
    expect(reader.names.filter((name) => name !== 'rotate' && name !== 'format')).toEqual(
      expect.arrayContaining(['tablemap', 'writerows', 'xid']),
    );
  });
});

test.each(metadata)('rows are what queries of mysql2 give: %s metadata', async (setting) => {
  const special =
    server.vendor === 'mysql'
      ? [['VECTOR(2)', "TO_VECTOR('[1.5,-2]')", "TO_VECTOR('[3,4]')", "TO_VECTOR('[0,1]')"]]
      : [];
  const json = [
    'JSON',
    "JSON_OBJECT('n', 1234567890123456, 'd', 1.5, 's', 'x')",
    "JSON_ARRAY(TRUE, NULL, 0.25, 'é')",
    "'null'",
  ];
  const zeros = [
    ['YEAR', '0', '1901', 'NULL'],
    ['TIME', "'-01:00:00'", "'-00:00:01'", "'838:59:59'"],
  ];
  // mysql2 parses MariaDB's JSON, which is text; zongji, and so ours, gives it as text.
  const known = columns.filter(([type]) => type !== 'JSON' || server.vendor === 'mysql');
  const all = [...known, ...special, ...zeros, ...(server.vendor === 'mysql' ? [json] : [])];
  const rows = [1, 2, 3].map((row) => `(${row}, ${all.map((column) => column[row]).join(', ')})`);
  await server.query(`SET GLOBAL binlog_row_metadata = ${setting === 'FULL' ? 'FULL' : 'DEFAULT'}`);
  const session = await server.connect({ database: 'shop' });
  await session.query("SET SESSION sql_mode = 'ALLOW_INVALID_DATES'");
  await session.query('DROP TABLE IF EXISTS queried');
  await session.query(
    `CREATE TABLE queried (id INT, ${all.map(([type], index) => `c${index} ${type}`).join(', ')})`,
  );
  const connection = connectionOf({ database: 'shop', timezone: 'Z', supportBigNumbers: true });
  const reader = new Reader(new ZongJi(connection));
  await reader.start({ startAtEnd: true });
  await session.query("SET SESSION time_zone = '+00:00'");
  await session.query(`INSERT INTO queried VALUES ${rows.join(', ')}`);
  await reader.until('the rows have come', (event) => 'rows' in event);
  await reader.stop();
  const client = createConnection(connection).promise();
  await client.query("SET SESSION time_zone = '+00:00'");
  const [queried] = await client.query('SELECT * FROM queried');
  await client.end();
  await server.query('SET GLOBAL binlog_row_metadata = DEFAULT');
  expect(reader.rows).toEqual((queried as object[]).map((row) => ({ ...row })));
});

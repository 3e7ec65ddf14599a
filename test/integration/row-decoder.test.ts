import { Writable } from 'node:stream';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Coordinates } from '../../src/binlog/coordinates.js';
import { readCommitted } from '../../src/transactions/committed-events.js';
import { type DecodedRow, RowDecoder } from '../../src/decode/row-decoder.js';
import { LayoutSource } from '../../src/layouts/layout-source.js';
import { ProvedLayouts } from '../../src/layouts/proved-layouts.js';
import { parseServerVersion } from '../../src/mysql/version.js';
import { TransactionAssembler } from '../../src/transactions/transaction-assembler.js';
import { startServer, type TestServer, type Vendor } from '../servers/index.js';
import { instanceOf, kinds, newLog } from './fixtures/log-reading.js';

/** A column type, literals to store in it, and what is read: the server's own answer to a SELECT unless said. */
type Sample = {
  readonly type: string;
  readonly values: readonly string[];
  readonly expected?: readonly unknown[];
  readonly only?: Vendor;
};

const base64 = (text: string | Buffer): { $base64: string } => ({
  $base64: Buffer.from(text).toString('base64'),
});

const samples: readonly Sample[] = [
  { type: 'TINYINT', values: ['-128', '127', '0', '-1'] },
  { type: 'TINYINT UNSIGNED', values: ['255', '128', '0'] },
  { type: 'BOOLEAN', values: ['TRUE', 'FALSE'] },
  { type: 'SMALLINT', values: ['-32768', '32767'] },
  { type: 'SMALLINT UNSIGNED', values: ['65535', '0'] },
  { type: 'MEDIUMINT', values: ['-8388608', '8388607', '-1'] },
  { type: 'MEDIUMINT UNSIGNED', values: ['16777215', '8388608'] },
  { type: 'INT', values: ['-2147483648', '2147483647'] },
  { type: 'INT UNSIGNED', values: ['4294967295', '2147483648'] },
  { type: 'BIGINT', values: ['-9223372036854775808', '9223372036854775807', '9007199254740991', '-1'] },
  {
    type: 'BIGINT UNSIGNED',
    values: ['18446744073709551615', '9223372036854775808', '9007199254740993', '1'],
  },
  {
    type: 'DECIMAL(65,30)',
    values: [
      '12345678901234567890123456789012345.123456789012345678901234567890',
      '-0.000000000000000000000000000001',
      '0',
    ],
  },
  { type: 'DECIMAL(10,0)', values: ['-9999999999', '9999999999', '7'] },
  { type: 'DECIMAL(9,9)', values: ['0.123456789', '-0.000000001'] },
  { type: 'DECIMAL(20,2) UNSIGNED', values: ['123456789012345678.99'] },
  {
    type: 'FLOAT',
    values: ['0.1', '-3.4028235e38', '1.17549435e-38', '16777216', '0'],
    expected: [0.1, -3.4028235e38, 1.1754944e-38, 16_777_216, 0],
  },
  {
    type: 'DOUBLE',
    values: ['0.1', '-1.7976931348623157e308', '2.2250738585072014e-308', '1e0', '0.30000000000000004'],
  },
  { type: 'BIT(1)', values: ["b'1'", "b'0'"], expected: [1, 0] },
  { type: 'BIT(10)', values: ["b'1000000001'", "b'11'"], expected: [513, 3] },
  {
    type: 'BIT(64)',
    values: ['0xFFFFFFFFFFFFFFFF', '0x001FFFFFFFFFFFFF', '1'],
    expected: ['18446744073709551615', Number.MAX_SAFE_INTEGER, 1],
  },
  { type: 'CHAR(20) CHARACTER SET utf8mb4', values: ["'Zwölf 💡 漢'", "''", "'a  '"] },
  { type: 'CHAR(255) CHARACTER SET utf8mb4', values: ["REPEAT('💡', 255)", "'x'"] },
  { type: 'VARCHAR(20) CHARACTER SET latin1', values: ["'Zwölf €ß'", "''"] },
  { type: 'VARCHAR(1000) CHARACTER SET utf8mb4', values: ["REPEAT('ä', 1000)", "'\"\\\\\\n\\0'"] },
  { type: 'CHAR(10) CHARACTER SET latin1', values: ["'äöü'"] },
  { type: 'VARCHAR(20) CHARACTER SET utf16', values: ["'Zwölf 漢'"] },
  { type: 'VARCHAR(20) COLLATE utf8mb4_bin', values: ["'Zwölf'"] },
  {
    type: 'BINARY(4)',
    values: ["x'00ff0100'", "'a'"],
  },
  { type: 'VARBINARY(300)', values: ["x'00ff00'", "''", "REPEAT('x', 300)"] },
  { type: 'TINYTEXT', values: ["'Zwölf'", "''"] },
  { type: 'TEXT', values: ["REPEAT('ä', 30000)"] },
  { type: 'MEDIUMTEXT', values: ["REPEAT('x', 70000)"] },
  { type: 'LONGTEXT CHARACTER SET latin1', values: ["'äöü'", "REPEAT('x', 100000)"] },
  { type: 'TINYBLOB', values: ["x'00ff'"] },
  { type: 'BLOB', values: ["REPEAT(x'00ff', 30000)", "''"] },
  { type: 'MEDIUMBLOB', values: ["REPEAT(x'fe', 70000)"] },
  { type: 'LONGBLOB', values: ["REPEAT(x'01', 100000)"] },
  {
    type: 'JSON',
    values: [
      `'{"a": [1, 2.5, "x", null, true], "ä": {"b": {}}, "big": 9007199254740991}'`,
      "'[]'",
      '\'"text"\'',
      "'null'",
    ],
  },
  {
    type: 'JSON COMPRESSED',
    values: [`'{"b": 1.10, "a": [1, {"$x": null}]}'`, `'{"$x": 1}'`, `'1'`],
    expected: [{ b: 1.1, a: [1, { $x: null }] }, { $json: { $x: 1 } }, 1],
    only: 'mariadb',
  },
  {
    // What MariaDB takes for JSON, and others don't, or don't agree on.
    type: 'JSON NULL DEFAULT NULL',
    values: [`'{"a":1,"a":2}'`, "'1.'", `'"\\\\x"'`],
    expected: [{ $text: '{"a":1,"a":2}' }, { $text: '1.' }, { $text: '"\\x"' }],
    only: 'mariadb',
  },
  { type: 'LONGTEXT COLLATE utf8mb4_bin', values: [`'{"a": 1}'`] },
  {
    type: "ENUM('a', 'it''s, b', 'c \"d\"', 'é')",
    values: ["'a'", "'it''s, b'", '\'c "d"\'', "'é'", "'nothing like it'"],
  },
  {
    type: "SET('a', 'it''s', 'c \"d\"', 'é')",
    values: ["'a'", "'it''s,é'", "''", "'a,it''s,c \"d\",é'"],
  },
  { type: 'DATE', values: ["'2026-11-21'", "'0000-00-00'", "'1000-01-01'", "'9999-12-31'", "'2026-00-00'"] },
  { type: 'TIME', values: ["'20:14:53'", "'-838:59:59'", "'838:59:59'", "'00:00:00'", "'-00:00:01'"] },
  { type: 'TIME(3)', values: ["'20:14:53.123'", "'-00:00:00.001'", "'-12:34:56.789'", "'00:00:00'"] },
  { type: 'TIME(6)', values: ["'20:14:53.123456'", "'-838:59:58.999999'", "'-00:00:00.000001'"] },
  {
    type: 'DATETIME',
    values: [
      "'2026-11-21 20:14:53'",
      "'0000-00-00 00:00:00'",
      "'9999-12-31 23:59:59'",
      "'1000-01-01 00:00:00'",
    ],
  },
  { type: 'DATETIME(1)', values: ["'2026-11-21 20:14:53.9'"] },
  { type: 'DATETIME(3)', values: ["'2026-11-21 20:14:53.007'", "'2026-11-21 20:14:53'"] },
  {
    type: 'DATETIME(6)',
    values: ["'2026-11-21 20:14:53.000001'", "'9999-12-31 23:59:59.999999'", "'0000-00-00'"],
  },
  {
    type: 'TIMESTAMP NULL',
    values: [
      "'2026-11-21 20:14:53'",
      "'1970-01-01 00:00:01'",
      "'2038-01-19 03:14:07'",
      "'0000-00-00 00:00:00'",
    ],
  },
  { type: 'TIMESTAMP(6) NULL', values: ["'2026-11-21 20:14:53.000001'", "'1970-01-01 00:00:01.5'"] },
  { type: 'TIMESTAMP(2) NULL', values: ["'2026-11-21 20:14:53.07'"] },
  { type: 'YEAR', values: ['2026', '1901', '2155', '0'] },
  {
    type: 'POINT',
    values: ["ST_GeomFromText('POINT(1.5 -2)')"],
    expected: [{ type: 'Point', coordinates: [1.5, -2], srid: 0 }],
  },
  {
    type: 'GEOMETRY',
    values: ["ST_GeomFromText('LINESTRING(0 0, 1 1)', 4326)"],
    expected: [
      {
        type: 'LineString',
        coordinates: [
          [0, 0],
          [1, 1],
        ],
        srid: 4326,
      },
    ],
  },
  { type: 'UUID', values: ["'123e4567-e89b-12d3-a456-426655440000'"], only: 'mariadb' },
  { type: 'INET6', values: ["'2001:db8::ff00:42:8329'", "'::'"], only: 'mariadb' },
  { type: 'INET4', values: ["'192.168.0.1'"], only: 'mariadb' },
];

/** What waymark gives for what the server answers to a SELECT. */
function shown(value: unknown): unknown {
  return Buffer.isBuffer(value) ? base64(value) : value;
}

/** A document that is null is not NULL. */
function markNull(document: unknown): unknown {
  return document === null ? { $json: null } : document;
}

/** The document in a literal: MariaDB's SELECT gives it as text. */
function documentOf(literal: string): unknown {
  return JSON.parse(literal.slice(1, -1));
}

/** All rows from a place on, with what was logged. */
async function decode(
  server: TestServer,
  start: Coordinates,
): Promise<{ rows: (DecodedRow & { table: string })[]; warnings: string[] }> {
  const warnings: string[] = [];
  const sink = new Writable({
    write: (line: Buffer, _encoding, done) => {
      warnings.push((JSON.parse(line.toString()) as { msg: string }).msg);
      done();
    },
  });
  const { signal } = new AbortController();
  const instance = instanceOf(server);
  const [found] = await server.query<{ version: string }>('SELECT VERSION() AS version');
  const layouts = new LayoutSource({
    ...{ instance, layouts: new ProvedLayouts(), signal, unprovedNames: 'number' },
    version: parseServerVersion(found!.version),
    logger: pino({ level: 'warn' }, sink),
  });
  const decoder = new RowDecoder(server.vendor);
  const rows: (DecodedRow & { table: string })[] = [];
  const assembler = new TransactionAssembler<Promise<void> | null>({
    tableMap: (buffer, at, end, _name, { file, end: position }): Promise<void> | null => {
      const undescribed = decoder.tableMap(buffer, at, end);
      const behind = { file, position };
      return undescribed && layouts.tableMap(undescribed, behind, assembler.open?.start ?? behind);
    },
    statement: (_open, statement) => {
      if (layouts.statement(statement)) decoder.reset();
      return null;
    },
    rows: (_open, event, { table }, buffer) => {
      for (const row of decoder.rows(event, buffer)) rows.push({ ...row, table });
      return null;
    },
    end: () => undefined,
  });
  try {
    for await (const batch of readCommitted({ instance, start, signal, nonBlocking: true })) {
      for (let waiting = batch.visit(assembler.event); waiting; waiting = batch.visit(assembler.event)) {
        await waiting;
      }
    }
  } finally {
    layouts.close();
  }
  return { rows, warnings };
}

for (const kind of kinds.filter(({ name }) => name !== 'MySQL without GTIDs')) {
  const metadata = kind.vendor === 'mysql' ? ['FULL', 'MINIMAL'] : ['FULL', 'MINIMAL', 'NO_LOG'];
  const names = kind.vendor === 'mysql' ? ['FULL', 'MINIMAL'] : ['FULL', 'NO_LOG'];

  describe.skipIf(!kind.supported)(kind.vendor, () => {
    let server: TestServer;

    beforeAll(async () => {
      server = await startServer({
        vendor: kind.vendor,
        settings: { ...kind.settings, sql_mode: 'NO_ENGINE_SUBSTITUTION' },
      });
      await server.query('CREATE DATABASE shop');
      await server.query('USE shop');
    });

    afterAll(async () => {
      await server.stop();
    });

    describe.each(metadata)('binlog_row_metadata=%s', (setting) => {
      const ours = samples.filter(({ only }) => only === undefined || only === kind.vendor);
      const decoded = new Map<string, unknown[]>();
      const answers = new Map<string, unknown[]>();
      let warnings: string[] = [];

      beforeAll(async () => {
        await server.query(`SET GLOBAL binlog_row_metadata = ${setting}`);
        const start = await newLog(server);
        for (const [index, { type, values }] of ours.entries()) {
          const table = `${setting.toLowerCase()}_${index}`;
          await server.query(
            `CREATE TABLE ${table} (id INT PRIMARY KEY AUTO_INCREMENT, v ${type}) CHARACTER SET utf8mb4`,
          );
          await server.query(
            `INSERT INTO ${table} (v) VALUES ${[...values, 'NULL'].map((value) => `(${value})`).join(', ')}`,
          );
          // The client reads JSON by itself, and ends where it is none for it.
          const asked = type.startsWith('JSON') && kind.vendor === 'mariadb' ? 'CAST(v AS CHAR) AS v' : 'v';
          const rows = await server.query<{ v: unknown }>(`SELECT ${asked} FROM ${table} ORDER BY id`);
          answers.set(
            table,
            rows.map(({ v }) => shown(v)),
          );
        }
        const result = await decode(server, start);
        warnings = result.warnings;
        for (const row of result.rows) {
          if (row.operation !== 'insert') continue;
          decoded.set(row.table, [...(decoded.get(row.table) ?? []), row.after['v']]);
        }
      });

      test.each(ours.map((sample, index) => [sample.type, index] as const))('%s', (_type, index) => {
        const table = `${setting.toLowerCase()}_${index}`;
        const sample = ours[index]!;
        const told = answers.get(table);
        const expected =
          sample.expected ??
          (sample.type === 'JSON'
            ? (kind.vendor === 'mysql' ? told?.slice(0, -1) : sample.values.map(documentOf))?.map(markNull)
            : undefined);
        expect(decoded.get(table)).toEqual(expected ? [...expected, null] : told);
      });

      test('nothing to warn about', () => {
        expect(warnings).toEqual([]);
      });
    });

    describe.each(names)('updates, deletes and many columns; binlog_row_metadata=%s', (setting) => {
      test('both images, NULLs among 100 columns, names of any kind', async () => {
        await server.query(`SET GLOBAL binlog_row_metadata = ${setting}`);
        const start = await newLog(server);
        const columns = Array.from({ length: 100 }, (_, index) => `\`col ${index} "é\``);
        const table = `wide_${setting.toLowerCase()}`;
        await server.query(`CREATE TABLE ${table} (${columns.map((name) => `${name} INT`).join(', ')})`);
        const values = columns.map((_, index) => (index % 3 === 0 ? 'NULL' : String(index)));
        await server.query(`INSERT INTO ${table} VALUES (${values.join(', ')})`);
        await server.query(`UPDATE ${table} SET \`col 0 "é\` = 5, \`col 99 "é\` = 7`);
        await server.query(`DELETE FROM ${table}`);
        const { rows } = await decode(server, start);
        const before = Object.fromEntries(
          columns.map((name, index) => [name.slice(1, -1), index % 3 === 0 ? null : index]),
        );
        const after = { ...before, 'col 0 "é': 5, 'col 99 "é': 7 };
        expect(rows).toEqual([
          { table, operation: 'insert', after: before },
          { table, operation: 'update', before, after },
          { table, operation: 'delete', before: after },
        ]);
      });
    });

    describe('a table that is no longer what it was, in a log without names', () => {
      const run = async (...statements: string[]): Promise<{ rows: object[]; warnings: string[] }> => {
        await server.query(`SET GLOBAL binlog_row_metadata = ${names[1]!}`);
        await server.query('CREATE TABLE gone (a INT, b VARCHAR(20))');
        // What made the table isn't read.
        const start = await newLog(server);
        for (const sql of statements) await server.query(sql);
        const { rows, warnings } = await decode(server, start);
        return { rows: rows.map((row) => ('after' in row ? row.after : {})), warnings };
      };

      test.each([
        ['dropped', 'DROP TABLE gone', 'no longer exists'],
        ['with a column more', 'ALTER TABLE gone ADD c INT', 'may have changed'],
        ['with columns that have changed their names', 'ALTER TABLE gone CHANGE a x INT', 'may have changed'],
      ])('%s: numbers instead of names, and a warning', async (_name, change, reason) => {
        await server.query('DROP TABLE IF EXISTS gone');
        const { rows, warnings } = await run("INSERT INTO gone VALUES (1, '7')", change);
        // MySQL's log has character sets and signs, MariaDB's has not: what could be one or the other is given as bytes.
        expect(rows).toEqual([{ '@1': 1, '@2': kind.vendor === 'mysql' ? '7' : base64('7') }]);
        expect(warnings).toHaveLength(1);
        expect(warnings[0]).toContain('shop.gone');
        expect(warnings[0]).toContain(reason);
      });

      test('with FULL metadata the names of that time are in the log', async () => {
        await server.query('DROP TABLE IF EXISTS gone');
        await server.query('SET GLOBAL binlog_row_metadata = FULL');
        const start = await newLog(server);
        await server.query('CREATE TABLE gone (a INT, b INT)');
        await server.query('INSERT INTO gone VALUES (1, 2)');
        await server.query('ALTER TABLE gone RENAME COLUMN a TO x');
        await server.query('DROP TABLE gone');
        const { rows, warnings } = await decode(server, start);
        expect(rows).toEqual([{ table: 'gone', operation: 'insert', after: { a: 1, b: 2 } }]);
        expect(warnings).toEqual([]);
      });
    });
  });
}

import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCommitted } from '../../src/transactions/committed-events.js';
import type { Coordinates } from '../../src/binlog/coordinates.js';
import { isThreadSpecific } from '../../src/binlog/event.js';
import { RowDecoder } from '../../src/decode/row-decoder.js';
import { LayoutSource } from '../../src/layouts/layout-source.js';
import { ProvedLayouts } from '../../src/layouts/proved-layouts.js';
import { parseServerVersion, type ServerVersion } from '../../src/mysql/version.js';
import { TransactionAssembler } from '../../src/transactions/transaction-assembler.js';
import { hasCode, messageOf } from '../../src/util/errors.js';
import { startServer, type TestServer, type Vendor } from '../servers/index.js';
import { agentPrivileges } from '../support/grants.js';
import { Random } from '../support/random.js';
import { instanceOf, kinds, newLog, shownEvents } from './fixtures/log-reading.js';

/** Statements between which rows are written and read. `T` is the table; what is read of it is held against SELECT. */
type Case = {
  readonly name: string;
  readonly create: string;
  readonly statements: readonly string[];
  readonly only?: Vendor;
};

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

const columnTypesToChoose = [
  ...['INT DEFAULT -1', 'INT UNSIGNED DEFAULT 4294967295', 'TINYINT DEFAULT -5', 'BIGINT UNSIGNED DEFAULT 7'],
  ...["VARCHAR(20) DEFAULT 'ä'", "VARCHAR(20) CHARACTER SET utf8mb4 DEFAULT 'ł'", "CHAR(5) DEFAULT 'é'"],
  ...["ENUM('a','b') DEFAULT 'b'", "ENUM('b','a','c') DEFAULT 'b'", "SET('x','y') DEFAULT 'x,y'"],
  ...['DECIMAL(10,2) DEFAULT 1.5', 'DOUBLE DEFAULT 2.5', "DATETIME(3) DEFAULT '2026-11-29 10:00:00.123'"],
];

/** Changes of three tables with few names, so that they meet each other. */
function randomStatement(random: Random): string {
  const pick = (list: readonly string[]): string => random.pick(list);
  const table = (): string => `r${random.between(0, 2)}`;
  const name = (): string => pick(['a', 'b', 'c', 'd', '`e f`']);
  const column = (own = name()): string => `${own} ${pick(columnTypesToChoose)}`;
  const place = (): string => pick(['', '', ' FIRST', ` AFTER ${name()}`]);
  const part = (): string =>
    pick([
      `ADD ${column()}${place()}`,
      `ADD COLUMN ${column()}${place()}`,
      `ADD (${column()}, ${column()})`,
      `DROP ${name()}`,
      `RENAME COLUMN ${name()} TO ${name()}`,
      `CHANGE ${name()} ${column()}${place()}`,
      `MODIFY ${column()}${place()}`,
      `ADD KEY k${random.between(0, 99)} (${name()})`,
      'FORCE',
      `DEFAULT CHARACTER SET ${pick(['latin1', 'utf8mb4'])}`,
    ]);
  const parts = Array.from({ length: random.between(1, 3) }, part).join(', ');
  return pick([
    `CREATE TABLE ${table()} (${column('a')}, ${column('b')}, ${column('c')})${pick(['', ' CHARACTER SET latin2'])}`,
    `CREATE TABLE ${table()} LIKE ${table()}`,
    `DROP TABLE ${table()}`,
    `RENAME TABLE ${table()} TO r9, ${table()} TO ${table()}, r9 TO ${table()}`,
    `ALTER TABLE ${table()} CONVERT TO CHARACTER SET ${pick(['latin1', 'utf8mb4'])}`,
    ...Array.from({ length: 12 }, () => `ALTER TABLE ${table()} ${parts}`),
  ]);
}

const cases: readonly Case[] = [
  {
    name: 'a column renamed',
    create: 'CREATE TABLE T (a INT, b VARCHAR(20))',
    statements: [
      "INSERT INTO T VALUES (1, 'x')",
      'ALTER TABLE T RENAME COLUMN b TO c',
      "INSERT INTO T VALUES (2, 'ä')",
    ],
  },
  {
    name: 'columns in another order',
    create: 'CREATE TABLE T (a INT, b INT, c INT)',
    statements: [
      'INSERT INTO T VALUES (1, 2, 3)',
      'ALTER TABLE T MODIFY a INT AFTER c',
      'INSERT INTO T VALUES (4, 5, 6)',
      'ALTER TABLE T MODIFY b INT AFTER c, MODIFY c INT FIRST',
      'INSERT INTO T VALUES (7, 8, 9)',
    ],
  },
  {
    name: 'columns swapped',
    create: 'CREATE TABLE T (a INT, b INT)',
    statements: [
      'INSERT INTO T VALUES (1, 2)',
      'ALTER TABLE T RENAME COLUMN a TO b, RENAME COLUMN b TO a',
      'INSERT INTO T VALUES (3, 4)',
      'ALTER TABLE T CHANGE a b INT, CHANGE b a INT',
      'INSERT INTO T VALUES (5, 6)',
    ],
  },
  {
    name: 'tables swapped',
    create: 'CREATE TABLE T (a INT, b INT)',
    statements: [
      'INSERT INTO T VALUES (1, 2)',
      'CREATE TABLE T_new (x INT, y INT)',
      'INSERT INTO T_new VALUES (3, 4)',
      'RENAME TABLE T TO T_old, T_new TO T',
      'INSERT INTO T VALUES (5, 6)',
      'INSERT INTO T_old VALUES (7, 8)',
    ],
  },
  {
    name: 'a table renamed by ALTER TABLE, and another one in its place',
    create: 'CREATE TABLE T (a INT, b INT)',
    statements: [
      'INSERT INTO T VALUES (1, 2)',
      'ALTER TABLE T RENAME TO T_old, DROP COLUMN b',
      'CREATE TABLE T (c INT, d INT)',
      'INSERT INTO T VALUES (3, 4)',
      'INSERT INTO T_old VALUES (5)',
    ],
  },
  {
    name: 'other types and signs',
    create: 'CREATE TABLE T (a INT, b INT UNSIGNED, c TINYINT)',
    statements: [
      'INSERT INTO T VALUES (-1, 4294967295, -1)',
      'ALTER TABLE T MODIFY a BIGINT, MODIFY b BIGINT UNSIGNED, MODIFY c INT',
      'INSERT INTO T VALUES (-5, 18446744073709551615, -7)',
      'DELETE FROM T',
      'ALTER TABLE T MODIFY a BIGINT UNSIGNED, MODIFY b BIGINT',
      'INSERT INTO T VALUES (18446744073709551615, -3, 4)',
    ],
  },
  {
    name: 'other character sets',
    create:
      'CREATE TABLE T (a VARCHAR(20) CHARACTER SET latin1, b TEXT CHARACTER SET utf8mb4) CHARACTER SET latin2',
    statements: [
      "INSERT INTO T VALUES ('äöü', 'äöü')",
      'DELETE FROM T',
      'ALTER TABLE T MODIFY a VARCHAR(80) CHARACTER SET cp1251, MODIFY b TEXT',
      "INSERT INTO T VALUES ('Привет', 'łódź')",
      'ALTER TABLE T ADD KEY (a)',
      'ALTER TABLE T CONVERT TO CHARACTER SET utf16',
      "INSERT INTO T VALUES ('Пока', 'źdźbło')",
    ],
  },
  {
    name: 'columns added and dropped',
    create: 'CREATE TABLE T (a INT, b INT)',
    statements: [
      'INSERT INTO T VALUES (1, 2)',
      'ALTER TABLE T ADD c INT FIRST, ADD COLUMN (d INT, e INT)',
      'INSERT INTO T VALUES (3, 4, 5, 6, 7)',
      'ALTER TABLE T DROP a, DROP COLUMN d, ADD a TEXT AFTER c',
      "INSERT INTO T VALUES (8, 'nine', 10, 11)",
    ],
  },
  {
    name: 'labels',
    create: "CREATE TABLE T (e ENUM('a', 'b'), s SET('x', 'y'))",
    statements: [
      "INSERT INTO T VALUES ('a', 'x,y')",
      "ALTER TABLE T MODIFY e ENUM('b', 'a', 'it''s'), MODIFY s SET('y', 'x', 'z')",
      "INSERT INTO T VALUES ('b', 'y')",
      "UPDATE T SET e = 'it''s', s = 'x,z' WHERE e = 'b'",
    ],
  },
  {
    name: 'dropped and made anew',
    create: 'CREATE TABLE T (a INT, b INT)',
    statements: [
      'INSERT INTO T VALUES (1, 2)',
      'DROP TABLE T',
      'CREATE TABLE T (b INT, a INT)',
      'INSERT INTO T VALUES (3, 4)',
      'DROP TABLE IF EXISTS T',
      'CREATE TABLE IF NOT EXISTS T (x INT, y INT)',
      'INSERT INTO T VALUES (5, 6)',
    ],
  },
  {
    name: 'an ALTER TABLE that is logged when it begins, and again when it ends',
    create: 'CREATE TABLE T (a INT, b INT)',
    statements: [
      'INSERT INTO T VALUES (1, 2)',
      'SET STATEMENT binlog_alter_two_phase = 1 FOR ALTER TABLE T RENAME COLUMN a TO c',
      'SET SESSION binlog_alter_two_phase = 1',
      'ALTER TABLE T FORCE',
      'INSERT INTO T VALUES (3, 4)',
      'ALTER TABLE T RENAME COLUMN c TO b, RENAME COLUMN b TO c, ADD KEY (c)',
      'INSERT INTO T VALUES (5, 6)',
      'ALTER TABLE T RENAME COLUMN c TO b, RENAME COLUMN b TO c',
      'INSERT INTO T VALUES (7, 8)',
      'SET SESSION binlog_alter_two_phase = 0',
    ],
    only: 'mariadb',
  },
  {
    name: 'generated columns',
    create: 'CREATE TABLE T (a INT, b INT AS (a + 1) STORED, c INT DEFAULT 5)',
    statements: [
      'INSERT INTO T (a) VALUES (1)',
      'ALTER TABLE T ADD d INT GENERATED ALWAYS AS (a * 2) VIRTUAL AFTER a, ALTER COLUMN a SET DEFAULT 3',
      'INSERT INTO T (a) VALUES (2)',
      'ALTER TABLE T DROP COLUMN c',
      'INSERT INTO T (a) VALUES (3)',
    ],
  },
  {
    name: 'made, filled and altered at once',
    create: 'CREATE TABLE T (id INT PRIMARY KEY)',
    statements: [
      'CREATE TABLE T_1 (a INT UNSIGNED, b VARCHAR(20), c ENUM("x", "y"))',
      "INSERT INTO T_1 VALUES (4294967295, 'ä', 'y')",
      'ALTER TABLE T_1 ADD KEY (a), CHANGE b d VARCHAR(40), DROP c',
      "INSERT INTO T_1 VALUES (1, 'b')",
      'CREATE TABLE T_2 LIKE T_1',
      "INSERT INTO T_2 VALUES (2, 'c')",
    ],
  },
];

let server: TestServer;
let version: ServerVersion;

type Row = { readonly table: string; readonly after: unknown; readonly proved?: false };

/** What SELECT gave of each row that was written, when it was. */
async function run(statements: readonly string[], table: string): Promise<Row[]> {
  const expected: Row[] = [];
  for (const statement of statements) {
    const sql = statement.replaceAll(/\bT(?=\b|_)/g, table);
    const into = /^(?:INSERT INTO|UPDATE) (\S+)/.exec(sql)?.[1];
    const before = into === undefined ? [] : await rowsOf(into);
    await server.query(sql);
    if (into === undefined) continue;
    const known = new Set(before.map((row) => JSON.stringify(row)));
    for (const after of await rowsOf(into)) {
      if (!known.has(JSON.stringify(after))) expected.push({ table: into, after });
    }
  }
  return expected;
}

async function succeeds(sql: string): Promise<boolean> {
  try {
    await server.query(sql);
    return true;
  } catch {
    return false;
  }
}

async function rowsOf(table: string): Promise<object[]> {
  const rows = await server.query(`SELECT * FROM ${table}`);
  // Numbers beyond 2^53 are text, as the agent gives them.
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row as Record<string, unknown>).map(([name, value]) => [
        name,
        typeof value === 'string' && /^-?\d+$/.test(value) && Number.isSafeInteger(Number(value))
          ? Number(value)
          : value,
      ]),
    ),
  );
}

/** Reads rows from a place to the log's end, or to what can't be told for certain. */
async function read(
  start: Coordinates,
  layouts: ProvedLayouts,
  unprovedNames: 'halt' | 'number',
  account?: { user: string; password: string },
): Promise<{ rows: Row[]; keys: string[]; end: Coordinates; halted: string | null }> {
  const { signal } = new AbortController();
  const instance = instanceOf(server, account);
  const logger = pino({ level: 'silent' });
  const source = new LayoutSource({ instance, version, layouts, unprovedNames, logger, signal });
  source.begin(layouts.version);
  const decoder = new RowDecoder(server.vendor, false);
  const rows: Row[] = [];
  /** The primary key of each row's table. */
  const keys: string[] = [];
  const assembler = new TransactionAssembler<Promise<void> | null>({
    tableMap: (buffer, at, to, _name, { file, end: position }): Promise<void> | null => {
      const undescribed = decoder.tableMap(buffer, at, to);
      const behind = { file, position };
      return undescribed && source.tableMap(undescribed, behind, assembler.open?.start ?? behind);
    },
    statement: (_open, statement, buffer, at) => {
      if (source.statement(statement, !isThreadSpecific(buffer, at))) decoder.reset();
      return null;
    },
    rows: (_open, event, { table }, buffer) => {
      for (const row of decoder.rows(event, buffer)) {
        if (row.operation === 'delete') continue;
        const { after, proved } = row;
        keys.push(decoder.reader(event.tableId).key.join());
        rows.push({ table, after, ...(proved === false ? { proved } : {}) });
      }
      return null;
    },
    end: () => undefined,
  });
  let end = start;
  try {
    for await (const batch of readCommitted({ instance, start, signal, nonBlocking: true })) {
      for (let waiting = batch.visit(assembler.event); waiting; waiting = batch.visit(assembler.event)) {
        await waiting;
      }
      ({ end } = batch);
    }
  } catch (error) {
    if (!hasCode(error, 'unsupported-event')) throw error;
    return { rows, keys, end, halted: messageOf(error) };
  } finally {
    source.close();
  }
  return { rows, keys, end, halted: null };
}

for (const kind of kinds.filter(({ name }) => name !== 'MySQL without GTIDs')) {
  describe.skipIf(!kind.supported)(kind.vendor, () => {
    beforeAll(async () => {
      server = await startServer({ vendor: kind.vendor, settings: kind.settings });
      await server.query('CREATE DATABASE shop CHARACTER SET latin1');
      await server.query('USE shop');
      const [row] = await server.query<{ version: string }>('SELECT VERSION() AS version');
      version = parseServerVersion(row!.version);
    });

    afterAll(async () => {
      await server.stop();
    });

    test.skipIf(kind.vendor === 'mysql')('columns that the server makes for itself', async () => {
      await server.query('SET GLOBAL binlog_row_metadata = NO_LOG');
      await server.query('SET SESSION system_versioning_alter_history = KEEP');
      await server.query('CREATE TABLE versioned (a INT, b BLOB, UNIQUE (b)) WITH SYSTEM VERSIONING');
      const start = await newLog(server);
      const layouts = new ProvedLayouts();
      const columnsOf = ({ rows }: { rows: Row[] }): string[][] =>
        rows.map(({ after }) => Object.keys(after as object));
      await server.query("INSERT INTO versioned VALUES (1, 'x')");
      const before = await read(start, layouts, 'halt');
      expect(columnsOf(before)).toEqual([['a', 'b', 'row_start', 'row_end']]);
      await server.query("INSERT INTO versioned VALUES (2, 'y')");
      await server.query('ALTER TABLE versioned ADD c TIMESTAMP(6) NULL, RENAME COLUMN a TO d');
      await server.query("INSERT INTO versioned VALUES (3, 'z', NULL)");
      await server.query('ALTER TABLE versioned DROP COLUMN b');
      await server.query('INSERT INTO versioned VALUES (4, NULL)');
      const behind = await read(before.end, layouts, 'halt');
      expect(behind.halted).toBeNull();
      expect(columnsOf(behind)).toEqual([
        ['a', 'b', 'row_start', 'row_end'],
        ['d', 'b', 'c', 'row_start', 'row_end'],
        ['d', 'c', 'row_start', 'row_end'],
      ]);
    });

    test.skipIf(kind.vendor === 'mysql')('a temporary table of the same name is another table', async () => {
      await server.query('SET GLOBAL binlog_row_metadata = NO_LOG');
      const start = await newLog(server);
      await server.query('CREATE TABLE shadowed (a INT, b INT)');
      await server.query("SET SESSION binlog_format = 'MIXED'");
      await server.query('CREATE TEMPORARY TABLE shadowed (a INT, b INT)');
      await server.query('ALTER TABLE shadowed RENAME COLUMN a TO b, RENAME COLUMN b TO a');
      await server.query('DROP TEMPORARY TABLE shadowed');
      await server.query("SET SESSION binlog_format = 'ROW'");
      const shown = await shownEvents(server, start.file);
      expect(shown.map(({ info }) => info).join()).toContain('RENAME COLUMN a TO b');
      await server.query('INSERT INTO shadowed VALUES (1, 2)');
      const { rows, halted } = await read(start, new ProvedLayouts(), 'halt');
      expect({ rows, halted }).toEqual({
        rows: [{ table: 'shadowed', after: { a: 1, b: 2 } }],
        halted: null,
      });
      await server.query('ALTER TABLE shadowed RENAME COLUMN a TO c');
      expect((await read(start, new ProvedLayouts(), 'halt')).rows).toEqual([]);
    });

    describe('a change without a statement in the log', () => {
      test('is found by the next look-up: nothing is proved up to there, and everything behind it', async () => {
        await server.query('SET GLOBAL binlog_row_metadata = MINIMAL');
        await server.query('CREATE TABLE hidden (a INT, b INT)');
        const start = await newLog(server);
        const layouts = new ProvedLayouts();
        await server.query('INSERT INTO hidden VALUES (1, 2)');
        const known = await read(start, layouts, 'halt');
        expect(known).toMatchObject({ rows: [{ after: { a: 1, b: 2 } }], halted: null });
        await server.query('INSERT INTO hidden VALUES (3, 4)');
        await server.query('SET SESSION sql_log_bin = 0');
        await server.query('ALTER TABLE hidden RENAME COLUMN a TO b, RENAME COLUMN b TO a');
        await server.query('SET SESSION sql_log_bin = 1');
        await server.query('INSERT INTO hidden VALUES (5, 6)');
        const halted = await read(known.end, layouts, 'halt');
        expect(halted.rows).toEqual([]);
        expect(halted.halted).toContain('without a statement in the log');
        // A restart changes nothing of that.
        expect((await read(known.end, layouts, 'halt')).halted).toBe(halted.halted);
        const numbered = await read(known.end, layouts, 'number');
        expect(numbered.rows).toMatchObject([
          { after: { '@1': 3, '@2': 4 } },
          { after: { '@1': 5, '@2': 6 } },
        ]);
      });
    });

    const noNames = kind.vendor === 'mysql' ? 'MINIMAL' : 'NO_LOG';

    describe('the primary key', () => {
      const keyed = [
        'CREATE TABLE T (a INT, b INT, c INT)',
        'INSERT INTO T VALUES (1, 2, 3)',
        'ALTER TABLE T ADD PRIMARY KEY (b, a)',
        'INSERT INTO T VALUES (2, 3, 4)',
        'ALTER TABLE T RENAME COLUMN a TO x, ADD KEY (c)',
        'INSERT INTO T VALUES (3, 4, 5)',
        'ALTER TABLE T CHANGE b y BIGINT, MODIFY c INT FIRST',
        'INSERT INTO T VALUES (4, 5, 6)',
        'DELETE FROM T',
        'ALTER TABLE T DROP PRIMARY KEY, ADD CONSTRAINT PRIMARY KEY (c DESC)',
        'INSERT INTO T VALUES (5, 6, 7)',
        'DROP INDEX `PRIMARY` ON T',
        'INSERT INTO T VALUES (6, 7, 8)',
        'ALTER TABLE T ADD d INT AUTO_INCREMENT PRIMARY KEY FIRST',
        'INSERT INTO T VALUES (NULL, 7, 8, 9)',
        'CREATE TABLE T_2 LIKE T',
        'INSERT INTO T_2 VALUES (NULL, 7, 8, 9)',
        'ALTER TABLE T_2 RENAME TO T_3, DROP COLUMN c',
        'INSERT INTO T_3 VALUES (NULL, 7, 8)',
        'CREATE TABLE T_4 (`a b` VARCHAR(20), k INT UNIQUE, PRIMARY KEY (`a b`(3)))',
        "INSERT INTO T_4 VALUES ('x', 1)",
      ];

      test('is without FULL what the log says with it', async () => {
        const told: string[][] = [];
        for (const setting of ['FULL', noNames]) {
          await server.query(`SET GLOBAL binlog_row_metadata = ${setting}`);
          const start = await newLog(server);
          await run(keyed, `keyed_${setting.toLowerCase()}`);
          const { keys, halted } = await read(start, new ProvedLayouts(), 'halt');
          expect(halted).toBeNull();
          told.push(keys);
        }
        expect(told[0]).toEqual(['', 'b,a', 'b,x', 'y,x', 'c', '', 'd', 'd', 'd', 'a b']);
        expect(told[1]).toEqual(told[0]);
      });

      test('that the dictionary alone tells', async () => {
        const tables = [
          ...['(a INT, b INT, PRIMARY KEY (b, a))', '(a VARCHAR(9), b INT, PRIMARY KEY (a(2)))', '(a INT)'],
          ...['(a INT, `b``c, d` INT PRIMARY KEY)', "(a INT COMMENT ', PRIMARY KEY (a)', b INT PRIMARY KEY)"],
        ];
        const told: string[][] = [];
        for (const setting of ['FULL', noNames]) {
          await server.query(`SET GLOBAL binlog_row_metadata = ${setting}`);
          await server.query(`SET GLOBAL sql_mode = CONCAT(@@GLOBAL.sql_mode, ',ANSI_QUOTES')`);
          const names = tables.map((_, index) => `told_${index}_${setting.toLowerCase()}`);
          for (const [index, name] of names.entries())
            await server.query(`CREATE TABLE ${name} ${tables[index]!}`);
          const start = await newLog(server);
          for (const name of names)
            await server
              .query(`INSERT INTO ${name} (a) VALUES (1)`)
              .catch(async () => server.query(`INSERT INTO ${name} VALUES (1, 1)`));
          const { keys, halted } = await read(start, new ProvedLayouts(), 'halt');
          await server.query(`SET GLOBAL sql_mode = REPLACE(@@GLOBAL.sql_mode, 'ANSI_QUOTES', '')`);
          expect(halted).toBeNull();
          told.push(keys);
        }
        expect(told[0]).toEqual(['b,a', 'a', '', 'b`c, d', 'b']);
        expect(told[1]).toEqual(told[0]);
      });

      test('that has changed without a statement in the log is told again behind the look-up', async () => {
        await server.query(`SET GLOBAL binlog_row_metadata = ${noNames}`);
        await server.query('CREATE TABLE rekeyed (a INT, b INT, PRIMARY KEY (a))');
        const start = await newLog(server);
        const layouts = new ProvedLayouts();
        await server.query('INSERT INTO rekeyed VALUES (1, 2)');
        const known = await read(start, layouts, 'halt');
        await server.query('INSERT INTO rekeyed VALUES (3, 4)');
        await server.query('SET SESSION sql_log_bin = 0');
        await server.query('ALTER TABLE rekeyed DROP PRIMARY KEY, ADD PRIMARY KEY (b)');
        await server.query('SET SESSION sql_log_bin = 1');
        await server.query('INSERT INTO rekeyed VALUES (5, 6)');
        const disputed = await read(known.end, layouts, 'halt');
        expect(disputed.rows.map(({ after }) => after)).toEqual([
          { a: 3, b: 4 },
          { a: 5, b: 6 },
        ]);
        expect([known.keys, disputed.keys, disputed.halted]).toEqual([['a'], ['', ''], null]);
        // A restart changes nothing of that.
        expect((await read(known.end, layouts, 'halt')).keys).toEqual(['', '']);
        // A statement that is in the log explains it.
        await server.query('ALTER TABLE rekeyed RENAME COLUMN b TO c, DROP PRIMARY KEY, ADD PRIMARY KEY (c)');
        await server.query('INSERT INTO rekeyed VALUES (7, 8)');
        expect((await read(disputed.end, layouts, 'halt')).keys).toEqual(['c']);
      });

      test.skipIf(kind.vendor === 'mysql')(
        'of a versioned table, and WITHOUT OVERLAPS, is not told',
        async () => {
          await server.query('SET GLOBAL binlog_row_metadata = NO_LOG');
          await server.query('CREATE TABLE versioned_key (a INT PRIMARY KEY) WITH SYSTEM VERSIONING');
          await server.query(
            'CREATE TABLE period_key (a INT, f DATE, t DATE, PERIOD FOR p (f, t), PRIMARY KEY (a, p WITHOUT OVERLAPS))',
          );
          const start = await newLog(server);
          await server.query('INSERT INTO versioned_key VALUES (1)');
          await server.query("INSERT INTO period_key VALUES (1, '2026-11-29', '2026-11-30')");
          const { keys, halted } = await read(start, new ProvedLayouts(), 'halt');
          expect([keys, halted]).toEqual([['', ''], null]);
        },
      );
    });

    test.skipIf(kind.vendor === 'mysql').each(['FULL', 'NO_LOG'])(
      'what is JSON, and what is text of it; binlog_row_metadata=%s',
      async (setting) => {
        await server.query(`SET GLOBAL binlog_row_metadata = ${setting}`);
        const table = `json_${setting.toLowerCase()}`;
        const insert = `INSERT INTO ${table} VALUES ('{"b": 1, "a": [2.50]}')`;
        const steps: [statement: string, isJson: boolean][] = [
          [`CREATE TABLE ${table} (j JSON)`, true],
          [`ALTER TABLE ${table} RENAME COLUMN j TO k`, true],
          [`ALTER TABLE ${table} CHANGE k j LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`, false],
          [
            `ALTER TABLE ${table} MODIFY j LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin CHECK (json_valid(j))`,
            true,
          ],
          [`ALTER TABLE ${table} MODIFY j JSON CHECK (json_length(j) > 1)`, false],
          [`ALTER TABLE ${table} MODIFY j JSON COMPRESSED NOT NULL`, true],
          [`ALTER TABLE ${table} MODIFY j JSON COLLATE utf8mb4_general_ci`, false],
          [`ALTER TABLE ${table} MODIFY j JSON`, true],
        ];
        const start = await newLog(server);
        for (const [statement] of steps) {
          await server.query(statement);
          await server.query(insert);
        }
        const text = '{"b": 1, "a": [2.50]}';
        const valuesOf = ({ rows }: { rows: Row[] }): unknown[] =>
          rows.map(({ after, proved }) => [
            ...Object.values(after as Record<string, unknown>),
            ...(proved === false ? [false] : []),
          ]);
        const all = await read(start, new ProvedLayouts(), 'halt');
        expect(all.halted).toBeNull();
        expect(valuesOf(all)).toEqual(steps.map(([, isJson]) => [isJson ? { b: 1, a: [2.5] } : text]));
        // Where what it was isn't known, it is text and marked so, or stops.
        const late = await newLog(server);
        await server.query(insert);
        await server.query(`ALTER TABLE ${table} MODIFY j LONGTEXT`);
        const unproved = await read(late, new ProvedLayouts(), 'halt');
        if (setting === 'FULL')
          expect([valuesOf(unproved), unproved.halted]).toEqual([[[text, false]], null]);
        else expect([unproved.rows, unproved.halted]).toEqual([[], expect.stringContaining(table)]);
        // And behind what made it JSON it is known also after a restart.
        const known = new ProvedLayouts();
        await read(start, known, 'halt');
        const behind = await newLog(server);
        await server.query(`ALTER TABLE ${table} MODIFY j JSON`);
        await server.query(insert);
        await server.query(`ALTER TABLE ${table} MODIFY j LONGTEXT`);
        const restored = new ProvedLayouts();
        restored.restore(known);
        expect(valuesOf(await read(behind, restored, 'halt'))).toEqual([[{ b: 1, a: [2.5] }]]);
      },
    );

    test('an account that sees no table reads those that the log has made', async () => {
      const account = { user: 'blind', password: 'a password' };
      await server.query(`CREATE USER '${account.user}'@'%' IDENTIFIED BY '${account.password}'`);
      await server.query(`GRANT ${agentPrivileges(server)} ON *.* TO '${account.user}'@'%'`);
      for (const setting of ['FULL', noNames]) {
        await server.query(`SET GLOBAL binlog_row_metadata = ${setting}`);
        const table = `unseen_${setting.toLowerCase()}`;
        const start = await newLog(server);
        await server.query(`CREATE TABLE ${table} (id INT PRIMARY KEY, j JSON) CHARACTER SET utf8mb4`);
        await server.query(`INSERT INTO ${table} VALUES (1, '{"a": 1}')`);
        await server.query(`ALTER TABLE ${table} RENAME COLUMN j TO k`);
        await server.query(`INSERT INTO ${table} VALUES (2, '[]')`);
        const { rows, keys, halted } = await read(start, new ProvedLayouts(), 'halt', account);
        expect({ rows, keys, halted }).toEqual({
          rows: [
            { table, after: { id: 1, j: { a: 1 } } },
            { table, after: { id: 2, k: [] } },
          ],
          keys: ['id', 'id'],
          halted: null,
        });
      }
    });

    test('random changes of random tables', async () => {
      await server.query(
        `SET GLOBAL binlog_row_metadata = ${kind.vendor === 'mysql' ? 'MINIMAL' : 'NO_LOG'}`,
      );
      const random = new Random(seed);
      const start = await newLog(server);
      const expected: Row[] = [];
      let carriedOut = 0;
      for (let step = 0; step < 400; step += 1) {
        const sql = randomStatement(random);
        // Many make no sense: they aren't logged.
        if (await succeeds(sql)) carriedOut += 1;
        const into = `r${random.between(0, 2)}`;
        if (await succeeds(`INSERT INTO ${into} () VALUES ()`)) {
          const [after] = await rowsOf(into);
          expected.push({ table: into, after });
          await server.query(`DELETE FROM ${into}`);
        }
      }
      expect(carriedOut).toBeGreaterThan(50);
      // MariaDB takes some that say two things of one column: what they come to isn't told.
      const { rows } = await read(start, new ProvedLayouts(), 'number');
      expect(rows).toHaveLength(expected.length);
      const proved = [...rows.entries()].filter(([, row]) => row.proved !== false);
      for (const [index, row] of proved) expect(row, `seed ${seed}`).toEqual(expected[index]);
      expect(proved.length, `seed ${seed}`).toBeGreaterThan(expected.length / 2);
    });

    const metadata = kind.vendor === 'mysql' ? ['FULL', 'MINIMAL'] : ['FULL', 'MINIMAL', 'NO_LOG'];

    describe.each(metadata)('binlog_row_metadata=%s', (setting) => {
      beforeAll(async () => {
        await server.query(`SET GLOBAL binlog_row_metadata = ${setting}`);
      });

      const ours = cases.filter(({ only }) => only === undefined || only === kind.vendor);
      const named = ours.map((one, index) => ({ ...one, table: `t${index}_${setting.toLowerCase()}` }));

      test.each(named)('$name: right where all of the log is read', async ({ create, statements, table }) => {
        const start = await newLog(server);
        const expected = await run([create, ...statements], `${table}_all`);
        const { rows, halted } = await read(start, new ProvedLayouts(), 'halt');
        expect({ rows, halted }).toEqual({ rows: expected, halted: null });
      });

      test.each(named)('$name: right where it was read before', async ({ create, statements, table }) => {
        await run([create], `${table}_known`);
        const start = await newLog(server);
        const layouts = new ProvedLayouts();
        const [first = '', ...rest] = statements;
        const expected = await run([first], `${table}_known`);
        const before = await read(start, layouts, 'halt');
        const later = await run(rest, `${table}_known`);
        const behind = await read(before.end, layouts, 'halt');
        expect({ rows: before.rows, halted: before.halted }).toEqual({ rows: expected, halted: null });
        expect({ rows: behind.rows, halted: behind.halted }).toEqual({ rows: later, halted: null });
      });

      test.each(named)(
        '$name: right or halted, where nothing is known',
        async ({ create, statements, table }) => {
          await run([create], `${table}_new`);
          const start = await newLog(server);
          const expected = await run(statements, `${table}_new`);
          const halting = await read(start, new ProvedLayouts(), 'halt');
          expect(halting.rows).toEqual(expected.slice(0, halting.rows.length));
          if (halting.halted !== null) {
            expect(halting.halted).toContain('SET GLOBAL binlog_row_metadata = FULL');
            expect(halting.halted).toContain(`shop.${table}_new`);
          }
          // Unless no row stands before what makes its table.
          const isMadeFirst = statements[0]?.startsWith('CREATE') === true;
          expect(halting.halted !== null).toBe(setting !== 'FULL' && !isMadeFirst);
          const numbering = await read(start, new ProvedLayouts(), 'number');
          expect(numbering.halted).toBeNull();
          expect(numbering.rows).toHaveLength(expected.length);
          for (const [index, row] of numbering.rows.entries()) {
            if (row.proved === false) {
              expect(Object.keys(row.after as object).every((key) => /^@\d+$/.test(key))).toBe(true);
            } else expect(row).toEqual(expected[index]);
          }
        },
      );
    });
  });
}

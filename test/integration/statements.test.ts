import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Coordinates } from '../../src/binlog/coordinates.js';
import { isDmlStatement } from '../../src/sql/dml-statement.js';
import type { LoggedStatement } from '../../src/binlog/query-event.js';
import { tableFilter } from '../../src/config/table-filter.js';
import { defaultHintFormat, hintRecogniser, hintStatement } from '../../src/hints/hint.js';
import { lastHint } from '../../src/matching/locate.js';
import { isStatementDeliverable } from '../../src/matching/deliverable.js';
import { readParts } from '../../src/correlate/transaction-parts.js';
import type { ShownStatement } from '../../src/records/record.js';
import { shownStatement } from '../../src/tail/statement-record.js';
import { startTopology, type TestServer, type Topology } from '../servers/index.js';
import { ascendingHint } from './fixtures/hints.js';
import { instanceOf, kinds, newLog, readTransactions } from './fixtures/log-reading.js';

type Read = { readonly statement: LoggedStatement; readonly shown: ShownStatement };

/** The statements behind a place. */
async function statementsOf(server: TestServer, start: Coordinates): Promise<Read[]> {
  const statements: Read[] = [];
  await readTransactions(server, start, {
    statement: (_open, statement) => {
      statements.push({ statement, shown: shownStatement(statement) });
    },
  });
  return statements;
}

/** Runs statements in a session of their own. Those that this vendor doesn't know fail; gives how many it took. */
async function runAll(server: TestServer, statements: readonly string[]): Promise<number> {
  const connection = await server.connect({ database: 'shop' });
  let taken = 0;
  try {
    for (const sql of statements) {
      try {
        await connection.query(sql);
        taken += 1;
      } catch (error) {
        // A test that waits for what it logs tells what is missing.
        if (!(error instanceof Error) || !('sqlState' in error)) throw error;
      }
    }
  } finally {
    connection.destroy();
  }
  return taken;
}

/** Text of some character sets that clients may have. */
const texts: Readonly<Record<string, string>> = {
  latin1: 'größe',
  cp1250: 'žluť',
  cp1251: 'размер',
  koi8r: 'размер',
  greek: 'μέγεθος',
  // The second byte of the first character is a backslash.
  sjis: 'ソート',
  cp932: 'ソート①',
  gbk: '大小',
  big5: '大小',
  euckr: '크기',
  utf8mb3: 'größe大小',
  utf8mb4: 'größe💡',
};

/** Statements that carry a secret, each of which one vendor at least knows. */
const secretStatements: readonly string[] = [
  "CREATE USER u1 IDENTIFIED BY 'geheim'",
  "ALTER USER u1 IDENTIFIED BY 'x\\'geheim'",
  "ALTER USER u1 IDENTIFIED BY 'geheim' RETAIN CURRENT PASSWORD",
  "SET PASSWORD FOR u1 = PASSWORD('geheim')",
  "SET PASSWORD FOR u1 = 'geheim'",
  "SET STATEMENT max_statement_time=10 FOR CREATE USER u2 IDENTIFIED BY 'geheim'",
  "GRANT SELECT ON shop.* TO u4 IDENTIFIED BY 'geheim'",
  "CREATE USER u5 IDENTIFIED VIA mysql_native_password USING PASSWORD('geheim') OR unix_socket",
  "CREATE USER /*!99999 ' */ u6 IDENTIFIED BY 'geheim'",
  "CREATE USER u7 IDENTIFIED /*!50100 BY */ 'geheim' /* geheim */",
  "CREATE SERVER s1 FOREIGN DATA WRAPPER mysql OPTIONS (USER 'x', PASSWORD 'geheim', HOST 'h', DATABASE 'd')",
  "ALTER SERVER s1 OPTIONS (PASSWORD 'geheim')",
  "CREATE TABLE far1 (a INT) CONNECTION='mysql://bob:geheim@host:3306/db/t'",
  "ALTER TABLE far1 CONNECTION='mysql://bob:geheim@other:3306/db/t'",
  'CREATE TABLE far2 (a INT) COMMENT=\'wrapper "mysql", password "geheim"\'',
  "CREATE PROCEDURE p1() BEGIN CREATE USER u9 IDENTIFIED BY 'geheim'; SET PASSWORD FOR u1 = 'geheim'; END",
  "CREATE PROCEDURE p2() BEGIN CHANGE MASTER TO MASTER_PASSWORD='geheim'; END",
  "CREATE PROCEDURE p3() BEGIN CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD='geheim'; END",
  "CREATE PROCEDURE p4() EXECUTE IMMEDIATE 'CREATE USER u IDENTIFIED BY ''geheim'''",
  "CREATE EVENT e1 ON SCHEDULE EVERY 1 DAY DISABLE DO ALTER USER u1 IDENTIFIED BY 'geheim'",
  "CREATE PROCEDURE p5() BEGIN SET @a = 1; /* SET PASSWORD = 'geheim' */ END",
  'SET SESSION binlog_format = STATEMENT',
  "INSERT INTO notes (a) VALUES (PASSWORD('geheim'))",
  "SET @p = 'geheim'",
  'INSERT INTO notes (a) VALUES (PASSWORD(@p))',
  "INSERT INTO mysql.servers (Server_name, Host, Db, Username, Password, Port, Socket, Wrapper, Owner) VALUES ('a', 'h', 'd', 'u', 'geheim', 1, 's', 'mysql', 'o')",
  "UPDATE mysql.servers SET Password = @p WHERE Server_name = 'a'",
  'USE mysql',
  "UPDATE servers SET Password = 'geheim2' WHERE Server_name = 'a'",
  'USE shop',
  "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'",
  "CREATE USER u20 IDENTIFIED BY 'geheim\\'",
  "SET SESSION sql_mode = 'ANSI_QUOTES'",
  'CREATE USER "u21"@"it\'s" IDENTIFIED BY \'geheim\'',
];

for (const kind of kinds.filter(({ name }) => name !== 'MySQL without GTIDs')) {
  describe.skipIf(!kind.supported)(`${kind.vendor}: statements`, () => {
    const isMariadb = kind.vendor === 'mariadb';
    let topology: Topology;
    let source: TestServer;

    beforeAll(async () => {
      topology = await startTopology({ vendor: kind.vendor, settings: kind.settings, replicas: 1 });
      ({ source } = topology);
      await source.query('CREATE DATABASE shop');
      await source.query(
        'CREATE TABLE shop.notes (id INT AUTO_INCREMENT PRIMARY KEY, a VARCHAR(500), b BLOB)',
      );
    });

    afterAll(async () => {
      await topology.stop();
    });

    test.each(Object.entries(texts))('text in %s', async (charset, text) => {
      const start = await newLog(source);
      const create = `CREATE TABLE c_${charset} (\`${text.replace('💡', '')}\` INT) COMMENT '${text}' /* ${text} */`;
      const filter = tableFilter({ include: [`shop.${text.replace('💡', '')}`], exclude: [] });
      const named = `CREATE TABLE ${text.replace('💡', '')}/* it's */(a INT)`;
      expect(await runAll(source, [`SET NAMES ${charset}`, create, named])).toBe(3);
      const statements = await statementsOf(source, start);
      expect(statements.map(({ shown: { schema, sql } }) => ({ schema, sql }))).toEqual([
        { schema: 'shop', sql: create },
        { schema: 'shop', sql: named },
      ]);
      // Some bytes of these could be UTF-8.
      const isSure = statements.every(({ shown }) => shown.sqlBytes === undefined);
      expect(isSure).toBe(!['gbk', 'euckr'].includes(charset));
      expect(statements.map(({ statement }) => isStatementDeliverable(statement, filter))).toEqual([
        false,
        true,
      ]);
      await source.query(`DROP TABLE shop.\`${text.replace('💡', '')}\``);
    });

    test('a hint in a schema beyond ASCII, from a session with another character set', async () => {
      const format = { ...defaultHintFormat, schema: 'größe' };
      await source.query('CREATE DATABASE größe');
      const start = await newLog(source);
      const hints = ['utf8mb4', 'latin1', 'cp850'].map((charset, index) => ({
        charset,
        hint: ascendingHint(index),
      }));
      for (const { charset, hint } of hints) {
        expect(await runAll(source, [`SET NAMES ${charset}`, hintStatement(hint, format)])).toBe(2);
        const instance = instanceOf(source);
        expect(await lastHint({ instance, format, signal: AbortSignal.timeout(20_000) })).toMatchObject({
          hint,
        });
      }
      const recognise = hintRecogniser(format);
      const transactions = await readTransactions(source, start);
      expect(transactions.flatMap(({ statement }) => (statement && recognise(statement)) ?? [])).toEqual(
        hints.map(({ hint }) => hint),
      );
    });

    test('bytes that are no text come beside it', async () => {
      const start = await newLog(source);
      const sql = 'CREATE TABLE no_text (a INT) /* \u00c3 */';
      expect(await runAll(source, ['SET NAMES ascii', sql])).toBe(2);
      const [read] = await statementsOf(source, start);
      expect(read?.shown).toEqual({
        schema: 'shop',
        sql: sql.replace('\u00c3', '\ufffd'),
        sqlBytes: { $base64: Buffer.from(sql, 'latin1').toString('base64') },
      });
    });

    test.runIf(isMariadb)('compressed', async () => {
      await source.query('SET GLOBAL log_bin_compress = ON');
      try {
        const start = await newLog(source);
        const sql = `CREATE TABLE compressed (a INT) COMMENT '${'größe '.repeat(100)}'`;
        expect(await runAll(source, ['SET NAMES latin1', sql])).toBe(2);
        const [read] = await statementsOf(source, start);
        expect(read?.shown).toEqual({ schema: 'shop', sql });
      } finally {
        await source.query('SET GLOBAL log_bin_compress = OFF');
      }
    });

    test('the context of DML', async () => {
      const start = await newLog(source);
      const insert = 'INSERT INTO notes (a, b) VALUES (CONCAT_WS(?, @a, @`b c`, @d, @e, @f, @n), @g)';
      const statements = [
        'SET SESSION binlog_format = STATEMENT',
        "SET @a = 'é', @`b c` = 18446744073709551615, @d = -5, @e = 1.50, @f = 2.5e0, @n = NULL, @g = x'ff00'",
        "SET @l = CONVERT('é' USING latin1)",
        insert.replace('?', "'|'"),
        'INSERT INTO notes (a) VALUES (@l)',
        'INSERT INTO notes (a) VALUES (LAST_INSERT_ID())',
        'INSERT INTO notes (id, a) VALUES (1000000, RAND())',
      ];
      expect(await runAll(source, statements)).toBe(statements.length);
      const shown = (await statementsOf(source, start)).map(({ shown: { context } }) => context);
      const first = (await source.query<{ id: number }>('SELECT MIN(id) AS id FROM shop.notes'))[0]!.id;
      expect(shown).toEqual([
        {
          insertId: first,
          variables: {
            a: 'é',
            'b c': '18446744073709551615',
            d: -5,
            e: '1.50',
            f: 2.5,
            n: null,
            g: { $base64: '/wA=' },
          },
        },
        { insertId: first + 1, variables: { l: 'é' } },
        { insertId: first + 2, lastInsertId: first + 1 },
        { rand: [expect.any(Number), expect.any(Number)] },
      ]);
    });

    test('no secret is shown', async () => {
      const start = await newLog(source);
      const taken = await runAll(source, secretStatements);
      expect(taken).toBeGreaterThan(isMariadb ? 26 : 19);
      const statements = await statementsOf(source, start);
      const inLog = statements.filter(({ statement: { sql } }) => sql.includes('geheim'));
      // In clear text: on MySQL only what isn't about its own accounts.
      expect(inLog.length).toBeGreaterThan(isMariadb ? 19 : 8);
      for (const { statement, shown } of statements) {
        const text = JSON.stringify(shown);
        expect(text).not.toContain('geheim');
        // Hashes: MySQL's and MariaDB's own form.
        expect(text).not.toMatch(/\$A\$0|'\*[0-9A-F]{40}/);
        if (statement.sql.includes('geheim') && !statement.sql.includes('/* SET')) {
          expect(text).toContain('<secret>');
        }
      }
      // What differs between two servers is said with as much of a statement.
      const parts = await readParts(start, {
        instance: instanceOf(source),
        signal: AbortSignal.timeout(60_000),
      });
      expect(parts[0]?.what).toMatch(/^CREATE USER/);
      expect(parts[0]?.what).toContain('<secret>');
      const variables = statements.flatMap(({ shown }) => Object.values(shown.context?.variables ?? {}));
      expect(variables.length).toBeGreaterThan(0);
      expect(new Set(variables)).toEqual(new Set(['<secret>']));
    });

    test('ANSI_QUOTES and comments in names', async () => {
      const start = await newLog(source);
      const statements = [
        "SET SESSION sql_mode = 'ANSI_QUOTES'",
        'CREATE TABLE "orders" (a INT)',
        'ALTER TABLE "shop"/* a */."orders" ADD b INT',
        'CREATE TABLE "items" (a INT)',
        'RENAME TABLE "items" TO "items2", "orders" TO "orders2"',
        'DROP TABLE "items2", shop . /* b */ "orders2"',
      ];
      expect(await runAll(source, statements)).toBe(statements.length);
      const filter = tableFilter({ include: ['shop.orders', 'shop.orders2'], exclude: [] });
      const read = await statementsOf(source, start);
      expect(read.map(({ statement }) => isStatementDeliverable(statement, filter))).toEqual([
        true,
        true,
        false,
        true,
        true,
      ]);
    });

    test("rows of the servers' own account tables", async () => {
      const start = await newLog(source);
      const statements = [
        "INSERT INTO mysql.servers (Server_name, Host, Db, Username, Password, Port, Socket, Wrapper, Owner) VALUES ('b', 'h', 'd', 'u', 'geheim', 1, 's', 'mysql', 'o')",
        "DELETE FROM mysql.servers WHERE Server_name = 'b'",
        "INSERT INTO notes (a) VALUES ('a')",
      ];
      expect(await runAll(source, statements)).toBe(3);
      const filter = tableFilter({ include: ['*.*'], exclude: [] });
      const byName = tableFilter({ include: ['mysql.servers'], exclude: [] });
      const delivered: string[] = [];
      const asked: string[] = [];
      await readTransactions(source, start, {
        rows: (_open, { operation }, { schema, table }) => {
          if (filter.table(schema, table)) delivered.push(`${operation} ${table}`);
          if (byName.table(schema, table)) asked.push(`${operation} ${table}`);
        },
      });
      expect(delivered).toEqual(['insert notes']);
      expect(asked).toEqual(['insert servers', 'delete servers']);
    });

    test('a replica logs DDL that is shown the same', async () => {
      const [replica] = topology.replicas;
      await topology.waitForReplicas();
      const shownOn = async (server: TestServer): Promise<ShownStatement[]> => {
        const [log] = await server.query<{ Log_name: string }>('SHOW BINARY LOGS');
        const statements = await statementsOf(server, { file: log!.Log_name, position: 4 });
        return (
          statements
            .filter(({ statement: { schema, sql } }) => schema === 'shop' && !isDmlStatement(sql))
            // MariaDB's replicas write IF EXISTS into it.
            .map(({ shown }) => ({ ...shown, sql: shown.sql.replace(/^DROP TABLE IF EXISTS/, 'DROP TABLE') }))
        );
      };
      const onSource = await shownOn(source);
      expect(onSource.length).toBeGreaterThan(40);
      expect(await shownOn(replica!)).toEqual(onSource);
    });

    test.runIf(isMariadb)('a statement that is read by one sql_mode and logged with another', async () => {
      // No replica can carry it out: it goes by the sql_mode in the log.
      const start = await newLog(source);
      const sql =
        "SET STATEMENT sql_mode='NO_BACKSLASH_ESCAPES' FOR CREATE USER u3 IDENTIFIED BY 'x\\'geheim'";
      expect(await runAll(source, [sql])).toBe(1);
      const [read] = await statementsOf(source, start);
      expect(read?.statement).toMatchObject({ sql, session: { quoting: { noBackslashEscapes: true } } });
      expect(read?.shown.sql).not.toContain('geheim');
      expect(read?.shown.sql).toContain('<secret>');
    });

    test('what servers put into statements themselves is UTF-8: the bytes come beside it', async () => {
      // No replica can carry it out: it goes by the character set in the log.
      const start = await newLog(source);
      const statements = [
        'SET NAMES latin1',
        "CREATE TABLE größer SELECT 'größe' AS größe",
        'DROP TABLE größer',
      ];
      expect(await runAll(source, statements)).toBe(3);
      const [create, drop] = await statementsOf(source, start);
      expect(create?.shown.sql).toContain('`grÃ¶ÃŸe`');
      const bytes = Buffer.from(create?.shown.sqlBytes?.$base64 ?? '', 'base64');
      expect(bytes.toString()).toMatch(/^CREATE TABLE `größer` \(\n {2}`größe` varchar/);
      const filter = tableFilter({ include: ['shop.größer'], exclude: [] });
      expect(isStatementDeliverable(create!.statement, filter)).toBe(true);
      expect(drop?.shown.sql).toMatch(/^DROP TABLE `größer`/);
      expect(drop?.shown.sqlBytes).toBeUndefined();
      expect(isStatementDeliverable(drop!.statement, filter)).toBe(true);
    });
  });
}

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LoggedStatement } from '../../../src/binlog/query-event.js';
import { effectOf, type StatementEffect } from '../../../src/layouts/ddl-statement.js';
import { ProvedLayouts } from '../../../src/layouts/proved-layouts.js';
import type { Vendor } from '../../../src/mysql/version.js';

const effect = (sql: string, vendor: Vendor = 'mysql'): StatementEffect =>
  effectOf({ schema: 'shop', sql }, vendor);

/** The columns of shop.t behind some statements; null: not known. */
function columnsBehind(statements: readonly string[], vendor: Vendor = 'mysql'): string[] | null {
  const layouts = new ProvedLayouts();
  for (const sql of statements) layouts.statement(effect(sql, vendor), true);
  const definition = layouts.of({ schema: 'shop', table: 't' })?.definition;
  return (
    definition?.columns.map(
      ({ name, type, charset }) => `${name} ${type}${charset === null ? '' : ` ${charset}`}`,
    ) ?? null
  );
}

const base = 'CREATE TABLE t (a INT, b VARCHAR(20), c INT) CHARACTER SET latin1';

describe('CREATE TABLE', () => {
  test.each<[columns: string, expected: string[]]>([
    ['a INT', ['a int']],
    ['`a b` INT(11) UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY', ['a b int(11) unsigned']],
    ['a INT ZEROFILL', ['a int unsigned']],
    ['a INTEGER, b INT8, c MIDDLEINT, d BOOL', ['a int', 'b bigint', 'c mediumint', 'd tinyint']],
    ['a DEC(10,2), b NUMERIC, c FIXED (5)', ['a decimal(10,2)', 'b decimal', 'c decimal(5)']],
    ['a DOUBLE PRECISION, b FLOAT(30), c FLOAT(7,3)', ['a double', 'b double', 'c float(7,3)']],
    ['a SERIAL, b INT', ['a bigint unsigned', 'b int']],
    ['a VARCHAR(20)', ['a varchar(20) @schema']],
    ['a CHAR, b CHARACTER VARYING(5)', ['a char(1) @schema', 'b varchar(5) @schema']],
    ['a VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_bin', ['a varchar(20) latin1']],
    ["a VARCHAR(20) NOT NULL DEFAULT 'x' COLLATE utf8mb4_bin", ['a varchar(20) utf8mb4']],
    ['a VARCHAR(20) COLLATE uca1400_ai_ci', ['a varchar(20) @unknown']],
    ['a VARCHAR(20) CHARACTER SET binary', ['a varchar(20)']],
    [
      'a NATIONAL CHAR(3), b NVARCHAR(9), c NCHAR VARYING(9)',
      ['a char(3) utf8mb3', 'b varchar(9) utf8mb3', 'c varchar(9) utf8mb3'],
    ],
    [
      'a LONG, b LONG VARBINARY, c LONG VARCHAR',
      ['a mediumtext @schema', 'b mediumblob', 'c mediumtext @schema'],
    ],
    ['a CHAR(4) BYTE, b BINARY(3), c VARBINARY(9)', ['a binary(4)', 'b binary(3)', 'c varbinary(9)']],
    [
      "e ENUM('a', 'it''s', 'b  '), s SET(\"p\",'q')",
      ["e enum('a','it''s','b') @schema", "s set('p','q') @schema"],
    ],
    ['a JSON, g POINT NOT NULL SRID 4326, v VECTOR(3)', ['a json', 'g point', 'v vector(3)']],
    [
      'a INT, b INT AS (a + 1) STORED, c INT GENERATED ALWAYS AS (f(a, b)) VIRTUAL',
      ['a int', 'b int', 'c int'],
    ],
    ['a TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)', ['a timestamp(3)']],
    ['a INT REFERENCES p (a) ON DELETE SET NULL, b INT CHECK (b > 0)', ['a int', 'b int']],
    [
      'a INT, PRIMARY KEY (a), KEY k (a), CONSTRAINT f FOREIGN KEY (a) REFERENCES p (a), CHECK (a > 0)',
      ['a int'],
    ],
    ['a INT, UNIQUE KEY (a), FULLTEXT (b), b TEXT', ['a int', 'b text @schema']],
    ["a INT COMMENT 'x, y) ''z'''", ['a int']],
    ['a INT /* , b INT */, -- c INT\n d INT # e INT', ['a int', 'd int']],
    ['a INT /*!80023 INVISIBLE */', ['a int']],
  ])('(%s)', (columns, expected) => {
    expect(columnsBehind([`CREATE TABLE t (${columns}\n)`])).toEqual(expected);
  });

  test.each([
    ['CREATE TABLE t (a INT) SELECT 1 AS b'],
    ['CREATE TABLE t (a INT) AS SELECT 1 AS b'],
    ['CREATE TABLE t SELECT 1 AS b'],
    ['CREATE TABLE t (a INT) WITH SYSTEM VERSIONING'],
    ['CREATE TABLE t (a INT, b INT WITH SYSTEM VERSIONING)'],
    ['CREATE TABLE IF NOT EXISTS t (a INT)'],
    ['CREATE TABLE t (a FANCY(3))'],
    ["CREATE TABLE t (a ENUM('x\\'y'))"],
    ['CREATE TABLE t (a INT, b /*!99999 BIGINT */ /*!50000 INT */)'],
    ['CREATE TABLE t (a INT, b INT'],
  ])('%s: not known', (sql) => {
    expect(columnsBehind([sql])).toBeNull();
    expect(columnsBehind([base, `${sql} `.replace('IF NOT EXISTS t', 't')])).not.toEqual(
      columnsBehind([base]),
    );
  });

  test.each([
    ['ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin'],
    ['COLLATE utf8mb4_bin'],
    ["CHARACTER SET = 'utf8mb4', COMMENT = 'SELECT'"],
    [
      'CHARSET utf8mb4 PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (5), PARTITION q VALUES LESS THAN MAXVALUE)',
    ],
    ['CHARSET utf8mb4 START TRANSACTION'],
    ['CHARSET=utf8mb4 /*!50100 PARTITION BY KEY (a) PARTITIONS 2 */'],
  ])('the default character set of its table: %s', (options) => {
    expect(columnsBehind([`CREATE TABLE t (a INT, b TEXT) ${options}`])).toEqual(['a int', 'b text utf8mb4']);
  });

  test.each<[definition: string, expected: string | null]>([
    ['j JSON', 'j json utf8mb4'],
    ["j JSON COMPRESSED NOT NULL DEFAULT '{}' COMMENT 'CHECK (x)'", 'j json utf8mb4'],
    ['j JSON CHECK (json_valid(j))', 'j json utf8mb4'],
    ['`J` JSON CHECK (JSON_VALID(`j`))', 'J json utf8mb4'],
    [
      'j LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_valid(`j`))',
      'j json utf8mb4',
    ],
    ['j JSON COLLATE utf8mb4_bin', 'j json utf8mb4'],
    // Without a CHECK that says it is JSON alone, it may be anything.
    ['j JSON CHECK (json_length(j) > 0)', 'j longtext utf8mb4'],
    ["j JSON CHECK (json_valid(j) AND j <> '{}')", 'j longtext utf8mb4'],
    ['j JSON CHECK (json_valid(k))', 'j longtext utf8mb4'],
    ['j JSON COLLATE utf8mb4_general_ci', 'j longtext utf8mb4'],
    ['j LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin', 'j longtext utf8mb4'],
    ['j LONGTEXT COLLATE latin1_bin CHECK (json_valid(j))', 'j longtext latin1'],
    [
      'j VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin CHECK (json_valid(j))',
      'j varchar(20) utf8mb4',
    ],
    // The collation may be the table's.
    ['j LONGTEXT CHECK (json_valid(j))', null],
    ['j LONGTEXT CHARACTER SET utf8mb4 CHECK (json_valid(j))', null],
    ['j TEXT(5000000000) COLLATE utf8mb4_bin CHECK (json_valid(j))', null],
  ])("MariaDB's JSON: %s", (definition, expected) => {
    const columns = columnsBehind([`CREATE OR REPLACE TABLE t (${definition})`], 'mariadb');
    expect(columns).toEqual(expected === null ? null : [expected]);
  });

  test.each<[parts: string, expected: string]>([
    ['RENAME COLUMN j TO k', 'k json utf8mb4'],
    ['CHANGE j k LONGTEXT', 'k longtext latin1'],
    ['MODIFY j JSON NOT NULL', 'j json utf8mb4'],
    ['DROP CONSTRAINT j', 'j json utf8mb4'],
    ['CONVERT TO CHARACTER SET utf8mb4', 'j longtext @unknown'],
  ])("MariaDB's JSON behind %s", (parts, expected) => {
    const create = 'CREATE TABLE t (j JSON) CHARACTER SET latin1';
    expect(columnsBehind([create, `ALTER TABLE t ${parts}`], 'mariadb')).toEqual([expected]);
  });

  test('the default of its schema, said before or behind', () => {
    expect(columnsBehind(['CREATE DATABASE shop CHARACTER SET latin1', 'CREATE TABLE t (a TEXT)'])).toEqual([
      'a text latin1',
    ]);
    expect(columnsBehind(['CREATE TABLE t (a TEXT)', 'ALTER DATABASE shop CHARACTER SET latin1'])).toEqual([
      'a text @unknown',
    ]);
  });

  test('LIKE another one, and where there is one', () => {
    expect(columnsBehind(['CREATE TABLE s (x INT)', 'CREATE TABLE t LIKE s'])).toEqual(['x int']);
    expect(columnsBehind(['CREATE TABLE s (x INT)', 'CREATE TABLE t (LIKE shop.s)'])).toEqual(['x int']);
    expect(columnsBehind(['CREATE TABLE t LIKE s'])).toBeNull();
    expect(columnsBehind(['CREATE TABLE t (x INT)', 'CREATE TABLE IF NOT EXISTS t (y INT)'])).toEqual([
      'x int',
    ]);
  });
});

describe('ALTER TABLE', () => {
  test.each<[parts: string, expected: string[]]>([
    ['ADD d INT', ['a int', 'b varchar(20) latin1', 'c int', 'd int']],
    ['ADD COLUMN d INT FIRST', ['d int', 'a int', 'b varchar(20) latin1', 'c int']],
    ['ADD COLUMN d INT NOT NULL DEFAULT 5 AFTER `a`', ['a int', 'd int', 'b varchar(20) latin1', 'c int']],
    [
      'ADD (d INT, e TEXT), ADD INDEX (d)',
      ['a int', 'b varchar(20) latin1', 'c int', 'd int', 'e text latin1'],
    ],
    ['ADD d INT AFTER a, ADD e INT AFTER a', ['a int', 'e int', 'd int', 'b varchar(20) latin1', 'c int']],
    ['DROP b', ['a int', 'c int']],
    ['DROP COLUMN `B`, DROP COLUMN c', ['a int']],
    ['DROP a, ADD a TEXT', ['b varchar(20) latin1', 'c int', 'a text latin1']],
    ['RENAME COLUMN a TO c, RENAME COLUMN c TO a', ['c int', 'b varchar(20) latin1', 'a int']],
    ['CHANGE a c INT, CHANGE c a BIGINT', ['c int', 'b varchar(20) latin1', 'a bigint']],
    ['CHANGE COLUMN a x INT UNSIGNED AFTER c', ['b varchar(20) latin1', 'c int', 'x int unsigned']],
    ['MODIFY c INT FIRST, MODIFY a INT AFTER b', ['c int', 'b varchar(20) latin1', 'a int']],
    ['MODIFY b VARCHAR(9) CHARACTER SET utf8mb4', ['a int', 'b varchar(9) utf8mb4', 'c int']],
    [
      'CONVERT TO CHARACTER SET utf8mb4, ADD d TEXT',
      ['a int', 'b varchar(20) utf8mb4', 'c int', 'd text utf8mb4'],
    ],
    [
      'DEFAULT CHARACTER SET utf8mb4, ADD d TEXT',
      ['a int', 'b varchar(20) latin1', 'c int', 'd text utf8mb4'],
    ],
    ['COLLATE utf8mb4_bin ENGINE=InnoDB', ['a int', 'b varchar(20) latin1', 'c int']],
    ['ADD d INT, ALGORITHM=INSTANT, LOCK=NONE', ['a int', 'b varchar(20) latin1', 'c int', 'd int']],
    [
      'ALTER a SET DEFAULT 5, ALTER COLUMN b DROP DEFAULT, ADD PRIMARY KEY (a)',
      ['a int', 'b varchar(20) latin1', 'c int'],
    ],
    [
      'ADD UNIQUE KEY (a), DROP INDEX k, DROP PRIMARY KEY, DROP FOREIGN KEY f',
      ['a int', 'b varchar(20) latin1', 'c int'],
    ],
    [
      'ENGINE=InnoDB, FORCE, ROW_FORMAT=DYNAMIC, AUTO_INCREMENT = 7',
      ['a int', 'b varchar(20) latin1', 'c int'],
    ],
    ['PARTITION BY KEY (a) PARTITIONS 4', ['a int', 'b varchar(20) latin1', 'c int']],
    [
      'ADD PARTITION (PARTITION p VALUES IN (1), PARTITION q VALUES IN (2))',
      ['a int', 'b varchar(20) latin1', 'c int'],
    ],
    ['ADD COLUMN IF NOT EXISTS a TEXT, DROP COLUMN IF EXISTS x', ['a int', 'b varchar(20) latin1', 'c int']],
    ['WAIT 5 DROP b', ['a int', 'c int']],
  ])('%s', (parts, expected) => {
    expect(columnsBehind([base, `ALTER TABLE t ${parts}`])).toEqual(expected);
  });

  test.each([
    ['DROP x'],
    ['RENAME COLUMN x TO y'],
    ['ADD a INT'],
    ['ADD d INT AFTER x'],
    ['CHANGE x y INT'],
    ['RENAME COLUMN a TO b'],
    ['ADD SYSTEM VERSIONING'],
    ['SOMETHING NEW'],
    ["ADD d INT COMMENT 'a\\'b'"],
    ['EXCHANGE PARTITION p WITH TABLE u'],
    ['CONVERT PARTITION p TO TABLE u'],
  ])('%s: not known', (parts) => {
    expect(columnsBehind([base, `ALTER TABLE t ${parts}`])).toBeNull();
  });

  test('with variables that are set for it', () => {
    const sql = 'SET STATEMENT lock_wait_timeout=5, max_statement_time = 0 FOR ALTER TABLE t DROP b';
    expect(columnsBehind([base, sql])).toEqual(['a int', 'c int']);
  });

  test('moves it, changed or not', () => {
    expect(columnsBehind([base.replace(' t ', ' u '), 'ALTER TABLE u RENAME TO t'])).toHaveLength(3);
    expect(columnsBehind([base.replace(' t ', ' x.u '), 'ALTER TABLE x.u DROP b, RENAME AS shop.t'])).toEqual(
      ['a int', 'c int'],
    );
    expect(columnsBehind([base, 'ALTER TABLE t RENAME u'])).toBeNull();
  });
});

describe('the primary key', () => {
  const keyBehind = (statements: readonly string[]): readonly string[] | null | undefined => {
    const layouts = new ProvedLayouts();
    for (const sql of statements) layouts.statement(effect(sql), true);
    return layouts.of({ schema: 'shop', table: 't' })?.definition.key;
  };

  test.each<[definition: string, key: string[] | null]>([
    ['a INT', []],
    ['a INT UNIQUE, b INT UNIQUE KEY', []],
    ['a INT PRIMARY KEY', ['a']],
    ['a INT UNIQUE PRIMARY KEY', ['a']],
    ['a INT NOT NULL AUTO_INCREMENT KEY, b INT', ['a']],
    ["a INT COMMENT 'PRIMARY KEY', b INT", []],
    ['Aa INT, b INT, PRIMARY KEY (b, aA)', ['b', 'Aa']],
    ['a INT, CONSTRAINT PRIMARY KEY USING BTREE (`a` DESC)', ['a']],
    ['a TEXT, b INT, CONSTRAINT `x` PRIMARY KEY k (a(10) ASC, b) COMMENT "c"', ['a', 'b']],
    ['a INT, b DATE, c DATE, PRIMARY KEY (a, p WITHOUT OVERLAPS)', null],
    ['a INT, PRIMARY KEY (z)', null],
  ])('of (%s)', (definition, key) => {
    expect(keyBehind([`CREATE TABLE t (${definition})`])).toEqual(key);
  });

  test.each<[statement: string, key: string[] | null]>([
    ['ALTER TABLE t ADD KEY (c)', ['b', 'a']],
    ['ALTER TABLE t DROP PRIMARY KEY', []],
    ['ALTER TABLE t DROP INDEX `PRIMARY`', []],
    ['ALTER TABLE t DROP CONSTRAINT `PRIMARY`', []],
    ['DROP INDEX `PRIMARY` ON shop.t', []],
    ['DROP /* x */ INDEX /* y */ `primary` ON t ALGORITHM=COPY', []],
    ['DROP INDEX other ON t', ['b', 'a']],
    ['ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (c)', ['c']],
    ['ALTER TABLE t ADD CONSTRAINT x PRIMARY KEY (c, a), DROP PRIMARY KEY', ['c', 'a']],
    ['ALTER TABLE t DROP PRIMARY KEY, ADD d INT PRIMARY KEY', ['d']],
    ['ALTER TABLE t DROP PRIMARY KEY, ADD (d INT, PRIMARY KEY (d, c))', ['d', 'c']],
    ['ALTER TABLE t DROP PRIMARY KEY, MODIFY c INT PRIMARY KEY', ['c']],
    ['ALTER TABLE t ADD PRIMARY KEY IF NOT EXISTS (c)', null],
    ['ALTER TABLE t RENAME COLUMN a TO x', ['b', 'x']],
    ['ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a', ['a', 'b']],
    ['ALTER TABLE t CHANGE a x BIGINT', ['b', 'x']],
    ['ALTER TABLE t DROP PRIMARY KEY, RENAME COLUMN a TO x, ADD PRIMARY KEY (x)', ['x']],
    ['ALTER TABLE t DROP a', null],
    ['ALTER TABLE t DROP c', ['b', 'a']],
    ['RENAME TABLE t TO u, u TO t', ['b', 'a']],
  ])('behind %s', (statement, key) => {
    expect(keyBehind(['CREATE TABLE t (a INT, b INT, c INT, PRIMARY KEY (b, a))', statement])).toEqual(key);
  });

  test('that is not known stays so', () => {
    const create = 'CREATE TABLE t (a INT, b INT, PRIMARY KEY (a, p WITHOUT OVERLAPS))';
    expect(keyBehind([create, 'ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (a)'])).toBeNull();
    expect(keyBehind([create, 'CREATE OR REPLACE TABLE t (a INT PRIMARY KEY)'])).toEqual(['a']);
  });
});

describe('other statements', () => {
  test('RENAME TABLE, one after the other', () => {
    expect(
      columnsBehind([base, 'CREATE TABLE u (x INT)', 'RENAME TABLE t TO tmp, u TO t, tmp TO u']),
    ).toEqual(['x int']);
    expect(columnsBehind([base, 'RENAME TABLE `shop`.`t` TO u'])).toBeNull();
    expect(columnsBehind([base, 'RENAME TABLE unknown TO u, t TO x, u TO t'])).toBeNull();
  });

  test.each([
    ['DROP TABLE t'],
    ['DROP TABLE IF EXISTS `x`.`y`, `t` /* generated by server */'],
    ['DROP DATABASE shop'],
    ['DROP SCHEMA IF EXISTS Shop'],
    ['CREATE TABLE T (x INT)'],
    ['ALTER TABLE SHOP.T ADD x INT'],
    ["SET STATEMENT sql_mode='ANSI_QUOTES' FOR ALTER TABLE t ADD x INT"],
    ['/*!50000 ALTER TABLE t ADD x INT */'],
    ['FROBNICATE EVERYTHING'],
    ['CALL something()'],
  ])('behind %s nothing is known', (sql) => {
    expect(columnsBehind([base, sql])).toBeNull();
  });

  test.each([
    ['DROP VIEW IF EXISTS `meta`.`_pseudo_gtid_hint__asc:1`'],
    ['CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW `v` AS select 1'],
    ['CREATE DEFINER=`root`@`%` TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1'],
    ['CREATE DEFINER = CURRENT_USER PROCEDURE p() ALTER TABLE t ADD x INT'],
    ['CREATE UNIQUE INDEX i ON t (a)'],
    ['DROP INDEX i ON t'],
    ['TRUNCATE TABLE t'],
    ['INSERT INTO t VALUES (1)'],
    ['GRANT SELECT ON *.* TO x'],
    ['CREATE DATABASE other'],
    ['ANALYZE TABLE t'],
    ['ALTER TABLE other ADD x INT'],
    ['DROP TABLE other'],
    ['ALTER TABLE t ENGINE=InnoDB'],
    ['CREATE TEMPORARY TABLE t (x INT)'],
    ["CREATE USER x IDENTIFIED BY 'y'"],
  ])('%s changes nothing of it', (sql) => {
    expect(columnsBehind([base, sql])).toHaveLength(3);
  });

  test('without a default schema a table has to be named with its own', () => {
    expect(effectOf({ schema: '', sql: 'DROP TABLE t' }, 'mysql')).toEqual({ kind: 'anything' });
    expect(effectOf({ schema: '', sql: 'DROP TABLE s.t' }, 'mysql')).toMatchObject({
      changes: [{ kind: 'dropped', table: { schema: 's', table: 't' } }],
    });
  });
});

describe('what the session says', () => {
  const behind = (sql: string, session: LoggedStatement['session']): string | null => {
    const layouts = new ProvedLayouts();
    layouts.statement(effectOf({ schema: 'shop', sql, session: session! }, 'mysql'), true);
    const definition = layouts.of({ schema: 'shop', table: 't' })?.definition;
    return definition?.columns.map(({ name, type }) => `${name} ${type}`).join() ?? null;
  };
  const usual = { ansiQuotes: false, noBackslashEscapes: false };
  const utf8mb4 = 45;

  test.each<[sql: string, quoting: Partial<typeof usual>, expected: string | null]>([
    [
      "CREATE TABLE t (e ENUM('it\\'s', 'a\\\\b'), x INT COMMENT 'y\\'z')",
      {},
      "e enum('it''s','a\\\\b'),x int",
    ],
    ["CREATE TABLE t (e ENUM('a\\'), x INT)", { noBackslashEscapes: true }, "e enum('a\\\\'),x int"],
    ['CREATE TABLE t ("a""b" INT)', { ansiQuotes: true }, 'a"b int'],
    ['CREATE TABLE t (a INT DEFAULT "1")', {}, 'a int'],
  ])('%s, %j', (sql, quoting, expected) => {
    expect(behind(sql, { collation: utf8mb4, quoting: { ...usual, ...quoting } })).toBe(expected);
  });

  test('a text that could be another one is not read', () => {
    const [latin1, sql] = [8, 'CREATE TABLE t (`ä` INT)'];
    expect(behind(sql, { collation: latin1, quoting: usual })).toBeNull();
    expect(behind(sql, { collation: utf8mb4, quoting: usual })).toBe('ä int');
    expect(behind('CREATE TABLE t (a INT)', { collation: latin1, quoting: usual })).toBe('a int');
  });
});

describe('any text', () => {
  const pieces = [
    ...[
      'CREATE',
      'TABLE',
      'ALTER',
      'DROP',
      'RENAME',
      'TO',
      'ADD',
      'COLUMN',
      'CHANGE',
      'MODIFY',
      'FIRST',
      'AFTER',
    ],
    ...[
      'IF',
      'NOT',
      'EXISTS',
      'SET',
      'STATEMENT',
      'FOR',
      'DATABASE',
      'CONVERT',
      'CHARACTER',
      'COLLATE',
      'ENUM',
    ],
    ...[
      'PARTITION',
      'BY',
      'WITH',
      'LIKE',
      'SELECT',
      'INT',
      'TEXT',
      'VARCHAR',
      '(',
      ')',
      ',',
      '.',
      '=',
      ';',
      '@',
    ],
    ...[
      't',
      'a',
      '`t`',
      '"t"',
      "'x'",
      "'",
      '`',
      '"',
      '/*',
      '*/',
      '/*!50000',
      '/*M!',
      '--',
      '#',
      '\n',
      ' ',
      '5',
      '\\',
    ],
  ];

  test('has an effect, and is read to its end', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...pieces), { maxLength: 30 }),
        fc.constantFrom(' ', ''),
        fc.constantFrom<Vendor>('mysql', 'mariadb'),
        (parts, between, vendor) => {
          const layouts = new ProvedLayouts();
          layouts.statement(effect(base, vendor), true);
          layouts.statement(effect(parts.join(between), vendor), true);
        },
      ),
      { numRuns: 5000 },
    );
  });

  test.each([
    ['CREATE TABLE t (', 'a INT, ', 'z INT)'],
    ['CREATE TABLE t (a INT DEFAULT ', '(', '1'],
    ['ALTER TABLE t ', 'ADD a INT, ', 'DROP b'],
    ['SET STATEMENT ', 'a = 1 FOR SET STATEMENT ', 'b = 1 FOR DROP TABLE t'],
    ['RENAME TABLE ', 't TO u, u TO t, ', 't TO u'],
    ['CREATE TABLE t (a INT ', '/*! */ ', ')'],
  ])('takes time that grows with its length alone: %s%s…', (begin, repeated, end) => {
    const sql = begin + repeated.repeat(500_000 / repeated.length) + end;
    const start = performance.now();
    effect(sql);
    expect(performance.now() - start).toBeLessThan(5000);
  });
});

describe('what a session set', () => {
  const add = { schema: 'shop', sql: 'ALTER TABLE t ADD c INT' };
  const quoting = { ansiQuotes: false, noBackslashEscapes: false };

  test('a text that is not sure can be about any table', () => {
    const bytes = Buffer.from('ALTER TABLE t ADD caf\u00e9 INT', 'latin1');
    const statement = { schema: 'shop', sql: bytes.toString('utf8'), bytes };
    expect(effectOf(statement, 'mysql')).toEqual({ kind: 'anything' });
    expect(effectOf({ ...statement, session: { collation: 8, quoting } }, 'mysql')).toMatchObject({
      kind: 'tables',
    });
  });

  test('a backslash that does not escape makes strings end elsewhere', () => {
    const session = { collation: 45, quoting: { ...quoting, noBackslashEscapes: true } };
    expect(effectOf({ ...add, session }, 'mysql')).toMatchObject({ kind: 'tables' });
    const sql = String.raw`ALTER TABLE t ADD c INT COMMENT '\', DROP d`;
    expect(effectOf({ schema: 'shop', sql, session }, 'mysql')).toMatchObject({
      changes: [{ changes: [{ kind: 'add' }, { kind: 'drop', column: 'd' }] }],
    });
    // Where it does, the text has no end.
    expect(effectOf({ schema: 'shop', sql, session: { ...session, quoting } }, 'mysql')).toMatchObject({
      changes: [{ kind: 'changed', table: { table: 't' } }],
    });
  });
});

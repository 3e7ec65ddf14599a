import { describe, expect, test } from 'vitest';
import { isDmlStatement } from '../../../src/sql/dml-statement.js';

describe('what a server that logs rows logs otherwise', () => {
  test.each([
    'INSERT INTO t VALUES (1)',
    'insert into t values (1)',
    'UPDATE t SET a = 1',
    'DELETE FROM t',
    'REPLACE INTO t VALUES (1)',
    "LOAD DATA INFILE 'x' INTO TABLE t",
    'SELECT `shop`.`f`()',
    'WITH x AS (SELECT 1) DELETE FROM t',
    'CALL p()',
    'DO f()',
    'SET STATEMENT max_statement_time=1 FOR INSERT INTO t VALUES (1)',
    'CREATE TABLE c SELECT id FROM a',
    'CREATE OR REPLACE TABLE c AS SELECT id FROM a',
    'CREATE TABLE IF NOT EXISTS c (id INT) AS (SELECT id FROM a)',
    'CREATE TABLE c AS TABLE a',
    'CREATE TABLE c AS VALUES (1)',
  ])('%s', (sql) => {
    expect(isDmlStatement(sql)).toBe(true);
  });
});

describe('what every server logs as it is', () => {
  test.each([
    'CREATE TABLE t (a INT)',
    "CREATE TABLE t (a INT COMMENT 'SELECT it')",
    'CREATE TABLE t (`select` INT, `values` INT)',
    'CREATE TABLE t (a INT) PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (5))',
    'CREATE TABLE t (a INT) PARTITION BY LIST (a) (PARTITION p VALUES IN (5))',
    'CREATE TABLE t LIKE u',
    'CREATE TABLE `c` (`id` int) START TRANSACTION',
    'CREATE VIEW v AS SELECT 1',
    'CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW UPDATE u SET a = 1',
    'ALTER TABLE t ADD b INT',
    'TRUNCATE TABLE t',
    'DROP TABLE `t`',
    'RENAME TABLE t TO u',
    'GRANT SELECT ON *.* TO x',
    'SET PASSWORD FOR x = y',
    'drop view if exists `meta`.`_pseudo_gtid_hint__asc:1`',
  ])('%s', (sql) => {
    expect(isDmlStatement(sql)).toBe(false);
  });
});

test('takes time in proportion to the text', () => {
  const time = (bytes: number): number => {
    const sql = `CREATE TABLE t (a INT COMMENT '${"SELECT ''".repeat(bytes / 9)}`;
    const begun = performance.now();
    expect(isDmlStatement(sql)).toBe(false);
    return performance.now() - begun;
  };
  time(1_000_000);
  expect(time(8_000_000)).toBeLessThan(2000);
});

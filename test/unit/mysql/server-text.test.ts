import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/config/secret.js';
import { serverTextOf, statementError } from '../../../src/mysql/server-error.js';
import { serverText } from '../../../src/mysql/server-text.js';

describe('statements that an applier stands at', () => {
  test.each([
    [
      // MariaDB 11.8.
      "Error 'You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version for the right syntax to use near 'geheim'' at line 1' on query. Default database: 'shop'. Query: 'CREATE USER u3 IDENTIFIED BY 'x\\'geheim''",
      "Error 'You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version for the right syntax to use near '<secret>' Query: '<secret>'",
    ],
    [
      "Error 'Operation CREATE USER failed for 'u'@'%'' on query. Default database: ''. Query: 'CREATE USER u IDENTIFIED BY 'geheim''",
      "Error 'Operation CREATE USER failed for 'u'@'%'' on query. Default database: ''. Query: '<secret>'",
    ],
    [
      "Error 'Table 't' already exists' on query. Default database: 'shop'. Query: 'CREATE TABLE t (a INT)'",
      "Error 'Table 't' already exists' on query. Default database: 'shop'. Query: 'CREATE TABLE t (a INT)'",
    ],
    [
      "Error 'Unknown column' on query. Default database: ''. Query: 'INSERT INTO t VALUES ('geheim')'",
      "Error 'Unknown column' on query. Default database: ''. Query: '<secret>'",
    ],
    [
      "Error 'No' on query. Default database: ''. Query: 'CREATE TABLE t AS SELECT 'geheim''",
      "Error 'No' on query. Default database: ''. Query: '<secret>'",
    ],
    [
      "Error 'No' on query. Default database: ''. Query: '/* x */ ALTER/**/USER u IDENTIFIED/**/BY 'geheim''",
      "Error 'No' on query. Default database: ''. Query: '<secret>'",
    ],
  ])('%s', (said, shown) => {
    expect(serverText(said)).toBe(shown);
  });
});

describe('values out of rows', () => {
  test.each([
    ["Duplicate entry 'geheim-1' for key 'users.email'", "Duplicate entry '<value>' for key 'users.email'"],
    [
      "Duplicate entry 'it's 'geheim' for key 'x' for key 'PRIMARY'",
      "Duplicate entry '<value>' for key 'PRIMARY'",
    ],
    [
      "Could not execute Write_rows_v1 event on table shop.t; Duplicate entry 'geheim' for key 'PRIMARY', Error_code: 1062; handler error HA_ERR_FOUND_DUPP_KEY; the event's master log mysql-bin.000001, end_log_pos 1234",
      "Could not execute Write_rows_v1 event on table shop.t; Duplicate entry '<value>' for key 'PRIMARY', Error_code: 1062; handler error HA_ERR_FOUND_DUPP_KEY; the event's master log mysql-bin.000001, end_log_pos 1234",
    ],
    ["Duplicate entry 'geheim, cut off by the ser", "Duplicate entry '<value>"],
    [
      "Incorrect integer value: 'geheim' for column `d`.`t`.`n` at row 1",
      "Incorrect integer value: '<value>' for column `d`.`t`.`n` at row 1",
    ],
    [
      "Incorrect string value: '\\xF0\\x9Fgeheim' for column 's' at row 1",
      "Incorrect string value: '<value>' for column 's' at row 1",
    ],
    ["Truncated incorrect DOUBLE value: 'geheim'", "Truncated incorrect DOUBLE value: '<value>"],
    ["BIGINT value is out of range in '(4711 + geheim)'", "BIGINT value is out of range in '<value>'"],
  ])('%s', (said, shown) => {
    expect(serverText(said)).toBe(shown);
  });

  test('told by the number where the server speaks another language', () => {
    const german = "Doppelter Eintrag 'geheim' für Schlüssel 'PRIMARY'";
    expect(serverText(german, 1062)).toBe("Doppelter Eintrag '<value>'");
    expect(serverText("Tabelle 't' existiert nicht", 1146)).toBe("Tabelle 't' existiert nicht");
  });
});

test('control characters, line breaks and endless texts', () => {
  expect(serverText('\u001B[2J\u009B31m\u202Ea\r\nb\u0007')).toBe('\\u001b[2J\\u009b31m\\u202ea b\\u0007');
  expect(serverText('x'.repeat(1_000_000)).length).toBeLessThan(3_000);
});

test('of an error that the driver gives, nothing but what may be shown is kept: not in its cause either', () => {
  const thrown = Object.assign(new Error("Duplicate entry 'geheim' for key 'PRIMARY'"), {
    ...{ errno: 1062, sqlState: '23000', code: 'ER_DUP_ENTRY' },
    ...{ sql: "INSERT … 'geheim'", sqlMessage: "Duplicate entry 'geheim' for key 'PRIMARY'" },
  });
  const instance = {
    address: { host: 'db1', port: 3306 },
    account: { user: 'u', password: new Secret('p') },
  };
  const error = statementError(thrown, instance, 'keep the checkpoint') as Error;
  expect(serverTextOf(error)).toBe("Duplicate entry '<value>' for key 'PRIMARY'");
  const cause = error.cause as Error & Record<string, unknown>;
  expect([error.message, cause.message, cause.stack, JSON.stringify(cause)].join()).not.toContain('geheim');
  expect(cause['sql']).toBeUndefined();
});

import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  readConnection,
  readMeaning,
  readRowsQuery,
  readStatement,
  readStatementBeginning,
  readXaOutcome,
  readXaPrepare,
  roleOfStatement,
  statementOffset,
  statementOfOutcome,
} from '../../../src/binlog/query-event.js';
import { event, queryEvent, uint } from './event-bytes.js';

const read = (bytes: Buffer): ReturnType<typeof readStatement> => readStatement(bytes, 0, bytes.length);

describe('reading', () => {
  test('schema and text, whatever status variables stand before them', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 20 }),
        fc.string({ unit: 'grapheme', maxLength: 2000 }),
        fc.uint8Array({ maxLength: 300 }),
        (schema, sql, variables) => {
          const bytes = queryEvent(sql, { schema, statusVariables: Buffer.from(variables) });
          expect(read(bytes)).toEqual({ schema, sql });
          expect(bytes.toString('utf8', statementOffset(bytes, 0, bytes.length))).toBe(sql);
        },
      ),
    );
  });

  test('MariaDB compresses the text alone', () => {
    const sql = `INSERT INTO t VALUES ('${'x'.repeat(1000)}')`;
    const packed = Buffer.concat([
      Buffer.of(0x82),
      Buffer.of(sql.length >> 8, sql.length & 0xff),
      deflateSync(sql),
    ]);
    expect(read(queryEvent(packed, { type: 165, schema: 'shop' }))).toEqual({ schema: 'shop', sql });
  });

  test('in the middle of a buffer', () => {
    const bytes = queryEvent('BEGIN', { schema: 'shop' });
    const buffer = Buffer.concat([uint(0xffff, 7), bytes, uint(0xffff, 7)]);
    expect(readStatement(buffer, 7, 7 + bytes.length)).toEqual({ schema: 'shop', sql: 'BEGIN' });
  });
});

describe('what the session says of a statement', () => {
  const catalog = Buffer.concat([Buffer.of(6, 3), Buffer.from('std')]);
  const oldCatalog = Buffer.concat([Buffer.of(2, 3), Buffer.from('std'), Buffer.of(0)]);
  const flags = Buffer.of(0, 9, 9, 9, 9);
  const mode = (sqlMode: number): Buffer => Buffer.concat([Buffer.of(1), uint(sqlMode, 8)]);
  const increments = Buffer.of(3, 1, 0, 1, 0);
  const charset = Buffer.concat([Buffer.of(4), uint(45, 2), uint(8, 2), uint(33, 2)]);
  const session = (...variables: Buffer[]) => {
    const statusVariables = Buffer.concat(variables);
    const bytes = queryEvent('SELECT 1', { statusVariables, schema: 'shop' });
    return readMeaning(read(bytes), bytes, 0, bytes.length, null).session;
  };
  const [noQuoting, unknown] = [{ ansiQuotes: false, noBackslashEscapes: false }, { collation: null }];

  test('its character set and its way of quoting, among what servers write', () => {
    expect(session(flags, mode(0), catalog, increments, charset)).toEqual({
      collation: 45,
      quoting: noQuoting,
    });
    expect(session(flags, mode(0x4), oldCatalog, charset)).toEqual({
      ...{ collation: 45, quoting: { ansiQuotes: true, noBackslashEscapes: false } },
    });
    expect(session(mode(0x10_0000), charset)?.quoting).toEqual({
      ansiQuotes: false,
      noBackslashEscapes: true,
    });
    expect(session(mode(0x10_0004))?.quoting).toEqual({ ansiQuotes: true, noBackslashEscapes: true });
    expect(session(mode(0xffef_fffb))?.quoting).toEqual(noQuoting);
  });

  test('unknown where the log doesn’t say, or says it behind what nobody knows', () => {
    expect(session()).toEqual({ ...unknown, quoting: noQuoting });
    expect(session(Buffer.of(99, 0), mode(0x4), charset)).toEqual({ ...unknown, quoting: noQuoting });
    expect(session(mode(0x4), Buffer.of(99), charset)).toMatchObject({
      ...unknown,
      quoting: { ansiQuotes: true },
    });
    // Cut off.
    expect(session(mode(0x4).subarray(0, 8))).toEqual({ ...unknown, quoting: noQuoting });
    expect(session(charset.subarray(0, 6))).toEqual({ ...unknown, quoting: noQuoting });
    expect(session(Buffer.of(6))).toEqual({ ...unknown, quoting: noQuoting });
  });

  test('the first character set counts, and nothing behind it', () => {
    const other = Buffer.concat([Buffer.of(4), uint(8, 2), uint(8, 2), uint(33, 2)]);
    expect(session(charset, other, mode(0x4))).toEqual({ collation: 45, quoting: noQuoting });
  });

  test('its bytes are kept where they are no UTF-8, and only there', () => {
    const meaning = (sql: Buffer, type = 2) => {
      const bytes = queryEvent(sql, { type });
      const buffer = Buffer.concat([Buffer.alloc(5), bytes, Buffer.alloc(5)]);
      const end = 5 + bytes.length;
      return readMeaning(readStatement(buffer, 5, end), buffer, 5, end, null);
    };
    const latin1 = Buffer.from("INSERT INTO t VALUES ('é')", 'latin1');
    expect(meaning(latin1).bytes).toEqual(latin1);
    const packed = Buffer.concat([Buffer.of(0x81, latin1.length), deflateSync(latin1)]);
    expect(meaning(packed, 165).bytes).toEqual(latin1);
    expect(meaning(Buffer.from("INSERT INTO t VALUES ('é')")).bytes).toBeUndefined();
    // It is really there.
    expect(meaning(Buffer.from("INSERT INTO t VALUES ('\ufffd')")).bytes).toBeUndefined();
  });

  test('what stood before it is kept with it, if anything did', () => {
    const bytes = queryEvent('SELECT 1');
    const context = { insertId: 5n, lastInsertId: null, rand: null, variables: [] };
    expect(readMeaning(read(bytes), bytes, 0, bytes.length, context)).toMatchObject({ context });
    expect(readMeaning(read(bytes), bytes, 0, bytes.length, null)).not.toHaveProperty('context');
  });

  test('the id of its session', () => {
    expect(readConnection(queryEvent('SELECT 1'), 0)).toBe(7);
  });
});

test('the text of a statement whose rows follow: behind a length in MySQL, alone in MariaDB', () => {
  const text = Buffer.from('INSERT INTO t VALUES (1)');
  const mysql = event({ type: 29 }, Buffer.concat([Buffer.of(text.length), text]));
  const mariadb = event({ type: 160 }, text);
  for (const bytes of [mysql, mariadb]) expect(readRowsQuery(bytes, 0, bytes.length)).toBe(String(text));
});

test('the beginning of a statement is enough for its role, however long it is', () => {
  const sql = `/* ${'ä'.repeat(2000)} */ CREATE TEMPORARY TABLE t (a INT) COMMENT '${'x'.repeat(30_000)}'`;
  const bytes = queryEvent(sql, { schema: 'shop' });
  const beginning = readStatementBeginning(bytes, 0, bytes.length);
  expect(sql.startsWith(beginning)).toBe(true);
  expect(beginning.length).toBeLessThan(20_000);
  expect(roleOfStatement(beginning)).toBe('temporary-table');
  const short = queryEvent('COMMIT');
  expect(readStatementBeginning(Buffer.concat([short, Buffer.from('x')]), 0, short.length)).toBe('COMMIT');
  const packed = queryEvent(Buffer.concat([Buffer.of(0x81, 6), deflateSync('COMMIT')]), { type: 165 });
  expect(readStatementBeginning(packed, 0, packed.length)).toBe('COMMIT');
});

test('a statement that has no room for its schema is refused', () => {
  const bytes = queryEvent('', { schema: 'shop', statusVariables: Buffer.of(0, 0, 0, 0, 0) });
  expect(read(bytes)).toEqual({ schema: 'shop', sql: '' });
  for (const readIt of [readStatement, statementOffset]) {
    expect(() => readIt(bytes, 0, bytes.length - 1)).toThrow(expect.objectContaining({ code: 'protocol' }));
  }
});

describe('roles', () => {
  test.each([
    ['BEGIN', 'begin'],
    ['begin', 'begin'],
    ['START TRANSACTION', 'begin'],
    ['COMMIT', 'commit'],
    ['COMMIT /* implicit, from Xid_log_event */', 'commit'],
    ['ROLLBACK', 'rollback'],
    ['ROLLBACK TO `a`', 'rollback-to-savepoint'],
    ['ROLLBACK TO SAVEPOINT a', 'rollback-to-savepoint'],
    ['ROLLBACK WORK TO a', 'rollback-to-savepoint'],
    ['SAVEPOINT `commit`', 'savepoint'],
    ['RELEASE SAVEPOINT a', 'release-savepoint'],
    ["XA START X'31',X'',1", 'xa-begin'],
    ["XA BEGIN X'31'", 'xa-begin'],
    ["XA END X'31',X'',1", 'xa-end'],
    ["XA COMMIT X'31',X'',1", 'xa-outcome'],
    ["XA ROLLBACK X'31',X'',1", 'xa-outcome'],
    ['CREATE TEMPORARY TABLE t (a INT)', 'temporary-table'],
    ['/* app */ -- by hand\n create  or replace\ttemporary table t SELECT 1', 'temporary-table'],
    ['CREATE TEMPORARY TABLE t (a INT) COMMENT "' + 'x'.repeat(500) + '"', 'temporary-table'],
    ['DROP TEMPORARY TABLE IF EXISTS `shop`.`t` /* generated by server */', 'temporary-table'],
    ['DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `t`', 'temporary-table'],
    ['DROP TABLE `temporary table`', 'content'],
    ['CREATE TABLE t (a INT) /* TEMPORARY TABLE */', 'content'],
    ['CREATE TABLE begin (a INT)', 'content'],
    ['BEGINNING', 'content'],
    ['COMMITTED', 'content'],
    ['/*!50000 COMMIT */', 'content'],
    ['drop view if exists `meta`.`_pseudo_gtid_hint__asc:0`', 'content'],
    ['', 'content'],
    ['/* never closed', 'content'],
    ['-- nothing else', 'content'],
  ] as const)('%s: %s', (sql, role) => {
    expect(roleOfStatement(sql)).toBe(role);
  });
});

describe('XA', () => {
  test('outcomes, as servers write them', () => {
    const read = (sql: string): unknown => readXaOutcome({ schema: 'shop', sql });
    expect(read("XA COMMIT X'6f6e65',X'74776f',7")).toEqual({
      outcome: 'commit',
      xid: "X'6f6e65',X'74776f',7",
    });
    expect(read("XA ROLLBACK X'6F',X'',1")).toEqual({ outcome: 'rollback', xid: "X'6f',X'',1" });
    expect(read("XA COMMIT 'one'")).toBeNull();
    expect(read("xa commit x'6F', X'41',  12")).toEqual({ outcome: 'commit', xid: "X'6f',X'41',12" });
    expect(read("/* it */ XA COMMIT X'6f',X'',1")).toBeNull();
    expect(read("XA COMMIT X'6g',X'',1")).toBeNull();
  });

  test('an outcome reads the same for all servers', () => {
    expect(statementOfOutcome({ outcome: 'rollback', xid: "X'6f',X'',1" })).toEqual({
      ...{ schema: '', sql: "XA ROLLBACK X'6f',X'',1" },
    });
  });

  test('one that is prepared and cut off is refused', () => {
    const prepared = event({ type: 38 }, Buffer.from('000700000003000000030000006f6e6574776f', 'hex'));
    for (const end of [prepared.length - 1, 19]) {
      expect(() => readXaPrepare(prepared, 0, end)).toThrow(expect.objectContaining({ code: 'protocol' }));
    }
  });

  test('what is prepared, and what is committed at once', () => {
    // As MySQL 9.7 and MariaDB 10.11 write it.
    const prepared = event({ type: 38 }, Buffer.from('000700000003000000030000006f6e6574776f', 'hex'));
    expect(readXaPrepare(prepared, 0, prepared.length)).toBe("X'6f6e65',X'74776f',7");
    const committed = event({ type: 38 }, Buffer.from('010100000002000000000000007231', 'hex'));
    expect(readXaPrepare(committed, 0, committed.length)).toBeNull();
    const largest = event({ type: 38 }, Buffer.from('00ffffffff010000000000000061', 'hex'));
    expect(readXaPrepare(largest, 0, largest.length)).toBe("X'61',X'',4294967295");
  });
});

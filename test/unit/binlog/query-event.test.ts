import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readStatement, roleOfStatement, statementOffset } from '../../../src/binlog/query-event.js';
import { queryEvent, uint } from './event-bytes.js';

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
          expect(bytes.toString('utf8', statementOffset(bytes, 0))).toBe(sql);
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
    ['RELEASE SAVEPOINT a', 'savepoint'],
    ["XA START X'31',X'',1", 'xa-begin'],
    ["XA BEGIN X'31'", 'xa-begin'],
    ["XA END X'31',X'',1", 'xa-end'],
    ["XA COMMIT X'31',X'',1", 'content'],
    ["XA ROLLBACK X'31',X'',1", 'content'],
    ['CREATE TABLE begin (a INT)', 'content'],
    ['BEGINNING', 'content'],
    ['COMMITTED', 'content'],
    ['drop view if exists `meta`.`_pseudo_gtid_hint__asc:0`', 'content'],
    ['', 'content'],
    [`COMMIT ${' '.repeat(400)}`, 'content'],
  ] as const)('%s: %s', (sql, role) => {
    expect(roleOfStatement(sql)).toBe(role);
  });
});

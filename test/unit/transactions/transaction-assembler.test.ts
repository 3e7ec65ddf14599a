import { describe, expect, test } from 'vitest';
import type { EndedTransaction } from '../../../src/transactions/transaction.js';
import { TransactionAssembler } from '../../../src/transactions/transaction-assembler.js';
import {
  event,
  listOf,
  queryEvent,
  rotateEvent,
  rowsEvent,
  tableMapEvent,
  uint,
} from '../binlog/event-bytes.js';

const xid = event({ type: 16 }, uint(99, 8));
const insert = (rows: string, second?: number): Buffer =>
  rowsEvent(30, 5, Buffer.from(rows), {
    extra: Buffer.alloc(0),
    ...(second === undefined ? {} : { second }),
  });
const orders = tableMapEvent(5, 'shop', 'orders');

function assemble(events: readonly Buffer[]): { ended: EndedTransaction[]; assembler: TransactionAssembler } {
  const ended: EndedTransaction[] = [];
  const assembler = new TransactionAssembler({ end: (transaction) => ended.push(transaction) });
  listOf(events).forEach(assembler.event);
  return { ended, assembler };
}

describe('what would be lost is refused, with its place', () => {
  test.each([
    ['an incident', 26, 'incident'],
    ['LOAD DATA', 18, 'binlog_format'],
  ])('%s', (_name, type, text) => {
    const refusal: unknown = expect.objectContaining({
      code: 'unsupported-event',
      message: expect.stringMatching(new RegExp(`bin\\.000001:\\d+.*${text}`)) as string,
    });
    expect(() => assemble([queryEvent('BEGIN'), event({ type }, Buffer.alloc(30))])).toThrow(refusal);
  });

  test('a transaction that another one follows without an end', () => {
    const anonymous = event({ type: 34 }, Buffer.alloc(60));
    expect(() => assemble([queryEvent('BEGIN'), orders, insert('row'), anonymous])).toThrow(
      expect.objectContaining({ code: 'protocol' }),
    );
  });

  test('a transaction that the end of the file cuts off', () => {
    expect(() =>
      assemble([queryEvent('BEGIN'), orders, insert('row'), rotateEvent('bin.000002', 4)]),
    ).toThrow(expect.objectContaining({ code: 'protocol' }));
  });

  test('rows outside of a transaction, and of an unknown table', () => {
    expect(() => assemble([orders, insert('row')])).toThrow(expect.objectContaining({ code: 'protocol' }));
    expect(() => assemble([queryEvent('BEGIN'), insert('row')])).toThrow(
      expect.objectContaining({ code: 'protocol' }),
    );
  });
});

test('a GTID with nothing behind it is no part of the history', () => {
  const gtid = event({ type: 33 }, Buffer.alloc(60));
  const { ended } = assemble([gtid, gtid, queryEvent('BEGIN'), queryEvent('COMMIT')]);
  expect(ended.map(({ identity }) => identity)).toEqual([null]);
});

test('the second is that of the first content, not that of the BEGIN', () => {
  const { ended } = assemble([
    queryEvent('BEGIN', { second: 5 }),
    orders,
    insert('a', 10),
    insert('b', 11),
    xid,
  ]);
  expect(ended[0]?.identity?.second).toBe(10);
});

test('a statement is told when it is all there is', () => {
  const ddl = queryEvent('CREATE TABLE t (a INT)', { schema: 'shop' });
  const mixed = [queryEvent('BEGIN'), queryEvent('CREATE TABLE u (a INT)'), orders, insert('row'), xid];
  const { ended } = assemble([ddl, ...mixed]);
  expect(ended.map(({ statement }) => statement)).toMatchObject([
    { schema: 'shop', sql: 'CREATE TABLE t (a INT)' },
    null,
  ]);
});

test('a temporary table is no content, alone or in a transaction', () => {
  const gtid = event({ type: 33 }, Buffer.alloc(60));
  const create = queryEvent('CREATE TEMPORARY TABLE tmp (a INT)');
  const plain = assemble([queryEvent('BEGIN'), orders, insert('a'), xid]);
  const { ended } = assemble([gtid, create, queryEvent('BEGIN'), orders, insert('a'), create, xid]);
  expect(ended.map(({ identity }) => identity)).toEqual([null, plain.ended[0]?.identity]);
});

describe('what is promised not to be there', () => {
  const savepoint = queryEvent('SAVEPOINT `s`');

  test.each(['ROLLBACK', 'ROLLBACK TO `s`'])('%s, where rows were passed on, is refused', (sql) => {
    const events = [queryEvent('BEGIN'), orders, insert('a'), savepoint, insert('b'), queryEvent(sql), xid];
    expect(() => assemble(events)).toThrow(expect.objectContaining({ code: 'unsupported-event' }));
  });

  test('savepoints by themselves are no content', () => {
    const { ended } = assemble([queryEvent('BEGIN'), orders, insert('a'), savepoint, xid]);
    const plain = assemble([queryEvent('BEGIN'), orders, insert('a'), xid]);
    expect(ended[0]?.identity).toEqual(plain.ended[0]?.identity);
  });
});

describe('an ALTER TABLE in two phases', () => {
  const alter = queryEvent('ALTER TABLE t ADD x INT', { schema: 'shop' });
  /** MariaDB's GTID event of a statement alone, with extra flags. */
  const gtid = (sequence: number, extra: number): Buffer =>
    event(
      { type: 162 },
      Buffer.concat([uint(sequence, 8), uint(0, 4), Buffer.of(0x29, extra), Buffer.alloc(8)]),
    );

  test('counts when it is committed, and never if it is rolled back', () => {
    const { ended } = assemble([gtid(1, 2), alter, gtid(2, 4), alter, gtid(3, 2), alter, gtid(4, 8), alter]);
    expect(ended.map(({ gtid: name, statement }) => [name, statement?.sql ?? null])).toEqual([
      ['0-1-1', null],
      ['0-1-2', 'ALTER TABLE t ADD x INT'],
      ['0-1-3', null],
      ['0-1-4', null],
    ]);
    expect(ended.map(({ identity }) => identity !== null)).toEqual([false, true, false, false]);
  });
});

test('the outcome of an XA transaction has an identity, whoever ended it', () => {
  const outcome = "XA COMMIT X'6f6e65',X'',1";
  const outcomes: unknown[] = [];
  const identities: unknown[] = [];
  for (const schema of ['', 'shop']) {
    const assembler = new TransactionAssembler({
      outcome: (_open, told) => outcomes.push(told),
      end: ({ identity, statement }) => identities.push([identity, statement]),
    });
    listOf([queryEvent(outcome, { schema })]).forEach(assembler.event);
  }
  expect(outcomes[0]).toEqual({ outcome: 'commit', xid: "X'6f6e65',X'',1" });
  expect(identities[0]).toEqual([expect.objectContaining({ second: 1_700_000_000 }), null]);
  expect(identities[1]).toEqual(identities[0]);
});

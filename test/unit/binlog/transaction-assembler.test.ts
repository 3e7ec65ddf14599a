import { describe, expect, test } from 'vitest';
import { type EndedTransaction, TransactionAssembler } from '../../../src/binlog/transaction-assembler.js';
import {
  event,
  lengthEncoded,
  queryEvent,
  rotateEvent,
  rowsEvent,
  tableMapEvent,
  uint,
} from './event-bytes.js';
import { plainZstd } from './zstd-frames.js';

const start = { file: 'bin.000001', position: 4 };
const xid = event({ type: 16 }, uint(99, 8));
const insert = (rows: string, second?: number): Buffer =>
  rowsEvent(30, 5, Buffer.from(rows), {
    extra: Buffer.alloc(0),
    ...(second === undefined ? {} : { second }),
  });
const orders = tableMapEvent(5, 'shop', 'orders');

function assemble(events: readonly Buffer[]): { ended: EndedTransaction[]; assembler: TransactionAssembler } {
  const ended: EndedTransaction[] = [];
  const assembler = new TransactionAssembler(start, { end: (transaction) => ended.push(transaction) });
  for (const bytes of events) assembler.event(bytes, 0, bytes.length);
  return { ended, assembler };
}

/** The events of a transaction in a TRANSACTION_PAYLOAD_EVENT, in blocks of the given size. */
function payloadEvent(events: readonly Buffer[], blockBytes: number): Buffer {
  const content = Buffer.concat(events);
  const blocks = Array.from({ length: Math.ceil(content.length / blockBytes) }, (_, index) =>
    content.subarray(index * blockBytes, (index + 1) * blockBytes),
  );
  const packed = plainZstd(blocks);
  const size = lengthEncoded(packed.length);
  return event({ type: 40 }, Buffer.concat([Buffer.of(1, size.length), size, Buffer.of(0), packed]));
}

describe('compressed transactions', () => {
  const inner = [queryEvent('BEGIN'), orders, insert('row 1'), insert('row 2', 1_700_000_001), xid];
  const plain = assemble(inner).ended[0]!;

  test.each([1, 7, 19, 64, 10_000])('have the identity of plain ones; blocks of %i bytes', (blockBytes) => {
    const { ended } = assemble([payloadEvent(inner, blockBytes)]);
    expect(ended.map(({ identity }) => identity)).toEqual([plain.identity]);
  });

  test('that end in the middle of an event are refused', () => {
    const cut = [...inner.slice(0, -1), xid.subarray(0, 22)];
    expect(() => assemble([payloadEvent(cut, 64)])).toThrow(
      expect.objectContaining({ code: 'unsupported-event' }),
    );
  });
});

describe('what would be lost is refused, with its place', () => {
  test.each([
    ['a partial JSON update', 39, 'binlog_row_value_options'],
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
  expect(ended.map(({ statement }) => statement)).toEqual([
    { schema: 'shop', sql: 'CREATE TABLE t (a INT)' },
    null,
  ]);
});

describe('savepoints', () => {
  const savepoint = queryEvent('SAVEPOINT `s`');
  const rollback = queryEvent('ROLLBACK TO `s`');

  test('are no content', () => {
    const { ended } = assemble([queryEvent('BEGIN'), orders, insert('a'), savepoint, rollback, xid]);
    const plain = assemble([queryEvent('BEGIN'), orders, insert('a'), xid]);
    expect(ended[0]?.identity).toEqual(plain.ended[0]?.identity);
  });

  test('what a rollback to one takes back must not be delivered', () => {
    const taken = [queryEvent('BEGIN'), orders, insert('a'), savepoint, insert('b'), rollback, xid];
    expect(() => assemble(taken)).toThrow(expect.objectContaining({ code: 'unsupported-event' }));
  });
});

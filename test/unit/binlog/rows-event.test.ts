import { describe, expect, test } from 'vitest';
import { comparisonOf } from '../../../src/transactions/identity.js';
import { readRowsEvent } from '../../../src/binlog/rows-event.js';
import type { EndedTransaction } from '../../../src/transactions/transaction.js';
import { TransactionAssembler } from '../../../src/transactions/transaction-assembler.js';
import { event, listOf, queryEvent, rowsEvent, tableMapEvent, uint } from './event-bytes.js';

const extra = Buffer.alloc(0);

describe('whether images are whole', () => {
  test.each<[string, number, number, number[], boolean]>([
    ['all columns', 30, 2, [0b11], true],
    ['all columns, unused bits set', 30, 2, [0xff], true],
    ['all columns, unused bits clear', 30, 10, [0xff, 0b11], true],
    ['whole bytes', 30, 16, [0xff, 0xff], true],
    ['the last one is missing', 30, 10, [0xff, 0b01], false],
    ['the first one is missing', 32, 10, [0xfe, 0b11], false],
    ['of the rows before the update one is missing', 31, 2, [0b01, 0b11], false],
    ['of the rows behind the update one is missing', 31, 10, [0xff, 0b11, 0xff, 0b10], false],
    ['an update of all columns', 31, 10, [0xff, 0b11, 0xff, 0b11], true],
    ['JSON in part', 39, 2, [0b11, 0b11], false],
  ])('%s', (_name, type, columns, present, complete) => {
    const bytes = rowsEvent(type, 5, Buffer.from('row'), { extra, columns, present: Buffer.from(present) });
    const read = readRowsEvent(bytes, 0, bytes.length);
    expect(read).toMatchObject({ complete, columnCount: columns });
    expect(read.images.toString()).toBe('row');
  });
});

test('what lacks something can be compared by its shape, and so can all of its transaction', () => {
  const compared = (...rows: readonly Buffer[]): string => {
    const ended: EndedTransaction[] = [];
    const assembler = new TransactionAssembler({ end: (transaction) => ended.push(transaction) });
    const events = [queryEvent('BEGIN'), tableMapEvent(5, 'shop', 'orders'), ...rows];
    listOf([...events, event({ type: 16 }, uint(99, 8))]).forEach(assembler.event);
    return comparisonOf(ended[0]!.identity!.digest);
  };
  const whole = rowsEvent(30, 5, Buffer.from('row'), { extra });
  const part = rowsEvent(31, 5, Buffer.from('row'), { extra, present: Buffer.from([0b01, 0b11]) });
  const json = rowsEvent(39, 5, Buffer.from('row'), { extra });
  expect(compared(whole)).toBe('content');
  expect(compared(whole, part, whole)).toBe('shape');
  expect(compared(whole, json)).toBe('shape');
});

import { describe, expect, test } from 'vitest';
import type { EndedTransaction } from '../../../src/transactions/transaction.js';
import { TransactionAssembler } from '../../../src/transactions/transaction-assembler.js';
import { unpackEvents } from '../../../src/binlog/unpacked-events.js';
import { batchesOf, event, payloadEvent, queryEvent, rowsEvent, tableMapEvent, uint } from './event-bytes.js';

const xid = event({ type: 16 }, uint(99, 8));
const insert = (rows: string | Buffer, second?: number): Buffer =>
  rowsEvent(30, 5, Buffer.from(rows), {
    extra: Buffer.alloc(0),
    ...(second === undefined ? {} : { second }),
  });
const orders = tableMapEvent(5, 'shop', 'orders');

async function assemble(events: readonly Buffer[]): Promise<EndedTransaction[]> {
  const ended: EndedTransaction[] = [];
  const assembler = new TransactionAssembler({ end: (transaction) => ended.push(transaction) });
  for await (const batch of unpackEvents(batchesOf(events), 'server')) batch.forEach(assembler.event);
  return ended;
}

describe('compressed transactions', () => {
  const inner = [queryEvent('BEGIN'), orders, insert('row 1'), insert('row 2', 1_700_000_001), xid];

  test.each([1, 7, 19, 64, 10_000])(
    'have the identity of plain ones; blocks of %i bytes',
    async (blockBytes) => {
      const [plain] = await assemble(inner);
      const ended = await assemble([payloadEvent(inner, blockBytes)]);
      expect(ended.map(({ identity }) => identity)).toEqual([plain?.identity]);
    },
  );

  test('end where the payload does, between what stands around it', async () => {
    const before = queryEvent('CREATE TABLE t (a INT)');
    const payload = payloadEvent(inner, 64);
    const ended = await assemble([before, payload, before]);
    const from = 4 + before.length;
    expect(ended.map(({ start, end }) => [start.position, end.position])).toEqual([
      [4, from],
      [from, from + payload.length],
      [from + payload.length, from + payload.length + before.length],
    ]);
  });

  test('that end in the middle of an event are refused', async () => {
    const cut = [...inner.slice(0, -1), xid.subarray(0, 22)];
    await expect(assemble([payloadEvent(cut, 64)])).rejects.toMatchObject({ code: 'unsupported-event' });
  });

  test('come in parts, none of them large, with a turn of the event loop between them', async () => {
    const rows = Array.from({ length: 4000 }, (_, index) => insert(Buffer.alloc(4000, index)));
    const content = [queryEvent('BEGIN'), orders, ...rows, xid];
    let turns = 0;
    const counting = setInterval(() => (turns += 1), 0);
    let largest = 0;
    let parts = 0;
    const ended: EndedTransaction[] = [];
    const assembler = new TransactionAssembler({ end: (transaction) => ended.push(transaction) });
    for await (const batch of unpackEvents(batchesOf([payloadEvent(content, 128 * 1024)]), 'server')) {
      let bytes = 0;
      batch.forEach((buffer, start, end, place) => {
        bytes += end - start;
        assembler.event(buffer, start, end, place);
      });
      largest = Math.max(largest, bytes);
      parts += 1;
    }
    clearInterval(counting);
    expect(ended).toHaveLength(1);
    expect(parts).toBeGreaterThan(100);
    expect(largest).toBeLessThan(300 * 1024);
    expect(turns).toBeGreaterThan(10);
  });
});

import { describe, expect, test } from 'vitest';
import { EventType } from '../../../src/binlog/event.js';
import type { EndedTransaction } from '../../../src/transactions/transaction.js';
import { TransactionAssembler } from '../../../src/transactions/transaction-assembler.js';
import { unpackEvents } from '../../../src/binlog/unpacked-events.js';
import {
  batchesOf,
  event,
  packedByMariadb,
  payloadEvent,
  queryEvent,
  rowsEvent,
  tableMapEvent,
  uint,
} from './event-bytes.js';

/** Large row events come in parts, which have whole rows and the identity of the event. */

const mib = 1024 * 1024;
const begin = queryEvent('BEGIN');
const xid = event({ type: 16 }, uint(99, 8));

/** Of a table (INT, LONGBLOB). */
const tableMap = ((): Buffer => {
  const names = tableMapEvent(5, 'shop', 'files').subarray(19);
  return event({ type: 19 }, Buffer.concat([names, Buffer.of(2, 3, 252, 1, 4, 0)]));
})();

function row(id: number, blob: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0xfc), uint(id, 4), uint(blob.length, 4), blob]);
}

type Read = { readonly ended: readonly EndedTransaction[]; readonly images: readonly Buffer[] };

async function read(events: readonly Buffer[], each = events.length): Promise<Read> {
  const ended: EndedTransaction[] = [];
  const images: Buffer[] = [];
  const assembler = new TransactionAssembler({
    rows: (_open, part) => {
      images.push(Buffer.from(part.images));
    },
    end: (transaction) => ended.push(transaction),
  });
  const batches = batchesOf(events, each);
  for await (const batch of unpackEvents(batches, 'server')) batch.forEach(assembler.event);
  return { ended, images };
}

const many = Buffer.concat(Array.from({ length: 3000 }, (_, id) => row(id, Buffer.alloc(1000, id))));
const pairs = Buffer.concat([many, many]);
const mixed = Buffer.concat([row(1, Buffer.alloc(10)), row(2, Buffer.alloc(3 * mib, 'x')), many]);
const extra = { extra: Buffer.alloc(0) };

type Form = readonly [name: string, plain: Buffer, sent: readonly Buffer[]];
const forms = (name: string, images: Buffer): Form[] => {
  const v1 = rowsEvent(EventType.writeRowsV1, 5, images);
  const v2 = rowsEvent(EventType.writeRowsV2, 5, images, extra);
  const packed = rowsEvent(EventType.mariadbWriteRowsCompressedV1, 5, packedByMariadb(images, 4));
  const payload = payloadEvent([begin, tableMap, v2, xid], 128 * 1024);
  return [
    [`${name}, as it is`, v2, [begin, tableMap, v2, xid]],
    [`${name}, compressed by MariaDB`, v1, [begin, tableMap, packed, xid]],
    [`${name}, in a compressed transaction`, v2, [payload]],
  ];
};
const update = rowsEvent(EventType.updateRowsV2, 5, pairs, extra);

describe('large row events', () => {
  test.each<Form>([
    ...forms('many rows', many),
    ...forms('a large row among small ones', mixed),
    ['updates', update, [begin, tableMap, update, xid]],
  ])('%s', async (_name, plain, sent) => {
    // Small enough to come whole.
    const whole: EndedTransaction[] = [];
    const assembler = new TransactionAssembler({ end: (transaction) => whole.push(transaction) });
    for await (const batch of batchesOf([begin, tableMap, plain, xid])) batch.forEach(assembler.event);
    const { ended, images } = await read(sent, 1);
    expect(ended.map(({ identity }) => identity)).toEqual(whole.map(({ identity }) => identity));
    expect(whole[0]?.identity).not.toBeNull();
    expect(images.length).toBeGreaterThan(5);
    // Each part ends where a row does: before the first column of the next one, whose number follows.
    for (const part of images) expect(part[0]).toBe(0xfc);
  });

  test('one row stays one event', async () => {
    const large = rowsEvent(EventType.writeRowsV2, 5, row(1, Buffer.alloc(5 * mib)), extra);
    expect((await read([begin, tableMap, large, xid])).images).toHaveLength(1);
  });

  test('images that are not what the table map says lose nothing', async () => {
    const odd = Buffer.concat([many, Buffer.of(0xfc, 1)]);
    for (const [, , sent] of forms('odd', odd)) {
      expect(Buffer.concat((await read(sent)).images).equals(odd)).toBe(true);
    }
  });

  test('a compressed event in a compressed transaction is refused', async () => {
    const packed = rowsEvent(EventType.mariadbWriteRowsCompressedV1, 5, packedByMariadb(many, 4));
    const payload = payloadEvent([begin, tableMap, packed, xid], 128 * 1024);
    await expect(read([payload])).rejects.toMatchObject({ code: 'protocol' });
  });

  test('many small events that unpack to much come in parts as well', async () => {
    const small = rowsEvent(
      EventType.mariadbWriteRowsCompressedV1,
      5,
      packedByMariadb(row(1, Buffer.alloc(100_000)), 4),
    );
    let largest = 0;
    const events = [begin, tableMap, ...Array.from({ length: 100 }, () => small), xid];
    for await (const batch of unpackEvents(batchesOf(events), 'server')) {
      let bytes = 0;
      batch.forEach((_buffer, start, end) => (bytes += end - start));
      largest = Math.max(largest, bytes);
    }
    expect(largest).toBeLessThan(mib);
  });
});

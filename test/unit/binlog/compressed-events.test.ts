import { deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { nativeZstd } from '../../../src/binlog/native-zstd.js';
import { nodeRuntime } from '../../../src/runtime/node.js';
import { type Runtime, runIn } from '../../../src/runtime/runtime.js';
import type { EndedTransaction } from '../../../src/transactions/transaction.js';
import { TransactionAssembler } from '../../../src/transactions/transaction-assembler.js';
import { unpackEvents } from '../../../src/binlog/unpacked-events.js';
import { longestPauseMs } from '../support/event-loop.js';
import {
  batchesOf,
  event,
  packedByMariadb,
  payloadEvent,
  payloadEventOf,
  queryEvent,
  rowsEvent,
  tableMapEvent,
  uint,
} from './event-bytes.js';
import { zstdCompress } from './zstd-frames.js';

const mib = 1024 * 1024;
const largestPauseMs = 50;
const begin = queryEvent('BEGIN');
const orders = tableMapEvent(5, 'shop', 'orders');
const xid = event({ type: 16 }, uint(99, 8));

async function assemble(events: readonly Buffer[]): Promise<EndedTransaction[]> {
  const ended: EndedTransaction[] = [];
  const assembler = new TransactionAssembler({ end: (transaction) => ended.push(transaction) });
  for await (const batch of unpackEvents(batchesOf(events), 'server')) batch.forEach(assembler.event);
  return ended;
}

/** Rows that can be compressed, and not to nothing. */
function images(bytes: number): Buffer {
  const rows = Buffer.alloc(bytes, 'a row that is like the others, ');
  for (let at = 0; at + 4 <= bytes; at += 64) rows.writeUInt32LE((at * 2654435761) >>> 0, at);
  return rows;
}

async function expectSame(
  packed: readonly Buffer[],
  plain: readonly Buffer[],
  boundMs = largestPauseMs,
): Promise<void> {
  const [expected] = await assemble(plain);
  let ended: EndedTransaction[] = [];
  const pauseMs = await longestPauseMs(async () => {
    ended = await assemble(packed);
  });
  expect(ended.map(({ identity }) => identity)).toEqual([expected?.identity]);
  expect(expected?.identity).not.toBeNull();
  expect(pauseMs).toBeLessThan(boundMs);
}

describe("MySQL's compressed transactions of 32 MiB: the same identity, and the event loop turns", () => {
  const rows = (bytes: number): Buffer => rowsEvent(30, 5, images(bytes), { extra: Buffer.alloc(0) });
  const contents: [string, Buffer[]][] = [
    ['in 4,096 events', [begin, orders, ...Array.from({ length: 4096 }, () => rows(8192)), xid]],
    ['in one event', [begin, orders, rows(32 * mib), xid]],
  ];

  test.each(contents)('%s', async (_name, content) => {
    await expectSame([payloadEvent(content, 128 * 1024)], content);
  });

  // Node 22.15 and later.
  test.skipIf(nativeZstd === null).each(contents)('%s, as zstd compresses it', async (_name, content) => {
    await expectSame([payloadEventOf(zstdCompress(Buffer.concat(content), 3))], content);
  });
});

describe("MariaDB's compressed events of 32 MiB: the same identity, and the event loop turns", () => {
  test.each([
    ['version 1', 23, 166],
    ['version 2', 30, 169],
    ['updates', 24, 167],
  ])('rows, %s', async (_name, plainType, packedType) => {
    const extra = packedType >= 169 ? { extra: Buffer.alloc(0) } : {};
    const rows = images(32 * mib);
    const plain = rowsEvent(plainType, 5, rows, extra);
    const packed = rowsEvent(packedType, 5, packedByMariadb(rows, 4), extra);
    await expectSame([begin, orders, packed, xid], [begin, orders, plain, xid]);
  });

  test('a statement', async () => {
    const sql = Buffer.alloc(32 * mib, "INSERT INTO t VALUES (1, 'one'); ");
    const packed = queryEvent(packedByMariadb(sql, 4), { type: 165 });
    // Its text is made and digested at once: some 100 ms on a machine that has nothing else to do.
    await expectSame([packed], [queryEvent(sql)], 1000);
  });
});

describe('a megabyte that unpacks to a gigabyte', () => {
  const zeros = deflateSync(Buffer.alloc(64 * mib));
  const rowsOf = (packed: Buffer): Buffer => rowsEvent(166, 5, packed);

  test('is refused when it is more than it says, and no more of it is unpacked', async () => {
    const before = process.memoryUsage().rss;
    const said = Buffer.concat([Buffer.of(0x84), Buffer.of(0, 0x20, 0, 0), zeros]);
    await expect(assemble([begin, orders, rowsOf(said), xid])).rejects.toMatchObject({ code: 'protocol' });
    expect(process.memoryUsage().rss - before).toBeLessThan(64e6);
  });

  test('is refused when it is less than it says, and what it only says costs no memory', async () => {
    const before = process.memoryUsage().rss;
    const said = Buffer.concat([Buffer.of(0x84), Buffer.of(0x3f, 0, 0, 0), zeros]);
    await expect(assemble([begin, orders, rowsOf(said), xid])).rejects.toMatchObject({ code: 'protocol' });
    expect(process.memoryUsage().rss - before).toBeLessThan(300e6);
  });

  test.each([0x04, 0x80, 0x94])('a head that is none (%i) is refused', async (head) => {
    const said = Buffer.concat([Buffer.of(head), Buffer.of(0x3f, 0, 0, 0), zeros]);
    await expect(assemble([begin, orders, rowsOf(said), xid])).rejects.toMatchObject({ code: 'protocol' });
  });
});

describe('where there are no other threads, whoever comes next finds it unpacked:', () => {
  /** Turns come at once, and nothing comes from elsewhere. */
  const alone: Runtime = {
    ...nodeRuntime,
    hasThreads: false,
    clock: {
      ...nodeRuntime.clock,
      turn: (action) => {
        queueMicrotask(action);
        return { cancel: () => undefined, unref: () => undefined };
      },
    },
  };
  const rows = images(2 * mib);
  const plainRows = rowsEvent(30, 5, rows, { extra: Buffer.alloc(0) });
  const sql = Buffer.alloc(2 * mib, "INSERT INTO t VALUES (1, 'one'); ");
  const transaction = [begin, orders, plainRows, xid];

  test.each<[string, Buffer[], Buffer[]]>([
    ["MySQL's transaction", [payloadEvent(transaction, 128 * 1024)], transaction],
    [
      "MariaDB's rows",
      [begin, orders, rowsEvent(169, 5, packedByMariadb(rows, 4), { extra: Buffer.alloc(0) }), xid],
      transaction,
    ],
    ["MariaDB's statement", [queryEvent(packedByMariadb(sql, 4), { type: 165 })], [queryEvent(sql)]],
  ])('%s', async (_name, packed, plain) => {
    const [expected] = await assemble(plain);
    const ended: EndedTransaction[] = [];
    void runIn(alone, () => assemble(packed)).then((all) => ended.push(...all));
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended.map(({ identity }) => identity)).toEqual([expected?.identity]);
    expect(expected?.identity).not.toBeNull();
  });
});

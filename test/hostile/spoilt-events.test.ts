import { crc32 } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { Secret } from '../../src/config/secret.js';
import { readDump } from '../../src/dump/dump-stream.js';
import { TransactionAssembler } from '../../src/transactions/transaction-assembler.js';
import { unpackEvents } from '../../src/binlog/unpacked-events.js';
import { WaymarkError } from '../../src/util/errors.js';
import { FakeServer } from '../support/fake-server.js';
import { Random } from '../support/random.js';
import {
  event,
  payloadEvent,
  queryEvent,
  rotateEvent,
  rowsEvent,
  tableMapEvent,
  uint,
} from '../unit/binlog/event-bytes.js';

/** What a server sends with a right checksum, and can't be: it ends that server's stream by name, and nothing else. */

let fake: FakeServer | null = null;

afterEach(async () => {
  await fake?.stop();
  fake = null;
});

const artificial = 0x20;

/** FORMAT_DESCRIPTION_EVENT of MySQL 8.4, with CRC32. */
function formatDescription(endPosition: number): Buffer {
  const lengths = Buffer.alloc(41, 8);
  const body = Buffer.concat([
    uint(4, 2),
    Buffer.from('8.4.0'.padEnd(50, '\0')),
    uint(0, 4),
    Buffer.from([19]),
    lengths,
  ]);
  return event({ type: 15, endPosition, checksumBytes: 4 }, Buffer.concat([body, Buffer.from([1])]));
}

/** As it goes over the wire. */
function checked(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt32LE(copy.length + 4, 9);
  return Buffer.concat([Buffer.from([0]), copy, uint(crc32(copy), 4)]);
}

/** Reads what a server sends behind a sound beginning; gives the error that it comes to. */
async function read(...packets: readonly Buffer[]): Promise<WaymarkError> {
  await fake?.stop();
  fake = await FakeServer.start(async (peer) => {
    await peer.login();
    for (let asked = await peer.read(); asked[0] !== 0x12; asked = await peer.read()) await peer.ok();
    await peer.send(
      checked(rotateEvent('mysql-bin.000001', 4, { flags: artificial })),
      checked(formatDescription(0)),
      checked(queryEvent('CREATE TABLE t (a INT)', { endPosition: 0 })),
      ...packets,
    );
  });
  const instance = { address: fake.address, account: { user: 'u', password: new Secret('p') } };
  const start = { file: 'mysql-bin.000001', position: 4 };
  const signal = AbortSignal.timeout(10_000);
  const assembler = new TransactionAssembler({ end: () => undefined });
  try {
    const events = readDump({ instance, start, signal, verifyChecksums: true, silenceMs: 300 });
    for await (const batch of unpackEvents(events, 'server')) batch.forEach(assembler.event);
  } catch (error) {
    if (error instanceof WaymarkError) return error;
    throw error;
  }
  throw new Error('it has ended by itself');
}

const query = queryEvent('BEGIN');
const insert = rowsEvent(30, 5, Buffer.from('a row'), { extra: Buffer.alloc(0) });
const table = tableMapEvent(5, 'shop', 'orders');

function sized(bytes: Buffer, size: number): Buffer {
  const copy = Buffer.from(checked(bytes));
  copy.writeUInt32LE(size, 1 + 9);
  const end = copy.length - 4;
  copy.writeUInt32LE(crc32(copy.subarray(1, end)), end);
  return copy;
}

test.each([
  ['a rotation to 2^64 - 1', [checked(rotateEvent('mysql-bin.000002', 4).fill(0xff, 19, 27))]],
  ['a rotation to 0', [checked(rotateEvent('mysql-bin.000002', 0))]],
  ['a rotation to another folder', [checked(rotateEvent('../../etc/passwd', 4))]],
  ['a rotation to a name that commands a terminal', [checked(rotateEvent('\u001B[2J', 4))]],
  ['a rotation to no name', [checked(rotateEvent('', 4))]],
  ['a rotation cut short', [checked(event({ type: 4 }, uint(4, 4)))]],
  ['a second format description in mid-file', [checked(formatDescription(500))]],
  [
    'a format description cut short',
    [checked(rotateEvent('mysql-bin.000002', 4)), checked(event({ type: 15, endPosition: 9 }, uint(4, 2)))],
  ],
  ['an event that says it is larger', [sized(query, query.length + 5000)]],
  ['an event that says it is smaller', [sized(query, 19)]],
  ['an event of 2^32 - 1 bytes', [sized(query, 0xffffffff)]],
  ['a statement whose schema is longer than the event', [checked(Buffer.from(query).fill(0xff, 27, 28))]],
  ['status variables longer than the event', [checked(Buffer.from(query).fill(0xff, 30, 32))]],
  ['a status byte that there is none of', [Buffer.concat([Buffer.from([0x17]), checked(query).subarray(1)])]],
  ['an event shorter than its header', [Buffer.alloc(12)]],
  ['nothing', [Buffer.alloc(0)]],
])('%s', async (_, packets) => {
  expect((await read(...packets)).code).toBe('protocol');
});

test('an event that isn’t whole, in a compressed transaction', async () => {
  const cut = [query, table, insert.subarray(0, insert.length - 7)];
  expect((await read(checked(payloadEvent(cut, 64)))).code).toMatch(/^(protocol|unsupported-event)$/);
});

test('the healthy beginning alone: no error but the silence behind it', async () => {
  expect((await read()).code).toBe('stream-silent');
});

test(
  'bytes changed at random, with right checksums: an end by name, whatever they are',
  { timeout: 60_000 },
  async () => {
    const random = new Random(Number(process.env['WAYMARK_TEST_SEED'] ?? 20_261_129));
    const sound = [
      query,
      table,
      insert,
      event({ type: 16 }, uint(99, 8)),
      payloadEvent([query, table, insert], 64),
      rotateEvent('mysql-bin.000002', 4),
    ];
    const codes = new Map<string, number>();
    for (let round = 0; round < 60; round += 1) {
      const spoilt = sound.map((bytes) => {
        const copy = Buffer.from(bytes);
        for (let changes = 0; changes < 2; changes += 1)
          copy[random.between(0, copy.length - 1)] = random.between(0, 255);
        return checked(copy);
      });
      const { code } = await read(...spoilt);
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    const known = ['protocol', 'unsupported-event', 'checksum', 'stream-silent', 'coordinates'];
    expect([...codes.keys()].filter((code) => !known.includes(code))).toEqual([]);
  },
);

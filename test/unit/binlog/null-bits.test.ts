import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readColumnSizes, setUnusedNullBits } from '../../../src/binlog/null-bits.js';
import { TransactionAssembler } from '../../../src/transactions/transaction-assembler.js';
import { event, listOf, queryEvent, rowsEvent, uint } from './event-bytes.js';

/** A column: its type, its metadata, and a value. */
type Column = { readonly type: number; readonly metadata: readonly number[]; readonly value: Buffer };

const value = (prefix: number, length: number): Buffer =>
  Buffer.concat([uint(length, prefix), Buffer.alloc(length, 7)]);

/** Every type that servers write, with the bytes that a value of it takes (MySQL Internals, "Table_map_event"). */
const columns: readonly [name: string, column: Column][] = [
  ['TINYINT', { type: 1, metadata: [], value: Buffer.alloc(1) }],
  ['SMALLINT', { type: 2, metadata: [], value: Buffer.alloc(2) }],
  ['MEDIUMINT', { type: 9, metadata: [], value: Buffer.alloc(3) }],
  ['INT', { type: 3, metadata: [], value: Buffer.alloc(4) }],
  ['BIGINT', { type: 8, metadata: [], value: Buffer.alloc(8) }],
  ['FLOAT', { type: 4, metadata: [4], value: Buffer.alloc(4) }],
  ['DOUBLE', { type: 5, metadata: [8], value: Buffer.alloc(8) }],
  ['YEAR', { type: 13, metadata: [], value: Buffer.alloc(1) }],
  ['DATE', { type: 10, metadata: [], value: Buffer.alloc(3) }],
  ['TIMESTAMP of old', { type: 7, metadata: [], value: Buffer.alloc(4) }],
  ['TIME of old', { type: 11, metadata: [], value: Buffer.alloc(3) }],
  ['DATETIME of old', { type: 12, metadata: [], value: Buffer.alloc(8) }],
  ['TIMESTAMP', { type: 17, metadata: [0], value: Buffer.alloc(4) }],
  ['TIMESTAMP(3)', { type: 17, metadata: [3], value: Buffer.alloc(6) }],
  ['DATETIME', { type: 18, metadata: [0], value: Buffer.alloc(5) }],
  ['DATETIME(6)', { type: 18, metadata: [6], value: Buffer.alloc(8) }],
  ['TIME(1)', { type: 19, metadata: [1], value: Buffer.alloc(4) }],
  ['DECIMAL(12,2)', { type: 246, metadata: [12, 2], value: Buffer.alloc(6) }],
  ['DECIMAL(65,30)', { type: 246, metadata: [65, 30], value: Buffer.alloc(30) }],
  ['BIT(1)', { type: 16, metadata: [1, 0], value: Buffer.alloc(1) }],
  ['BIT(20)', { type: 16, metadata: [4, 2], value: Buffer.alloc(3) }],
  ['BIT(64)', { type: 16, metadata: [0, 8], value: Buffer.alloc(8) }],
  ['VARCHAR(20)', { type: 15, metadata: [80, 0], value: value(1, 20) }],
  ['VARCHAR(100)', { type: 15, metadata: [144, 1], value: value(2, 300) }],
  ['CHAR(10)', { type: 254, metadata: [254, 40], value: value(1, 9) }],
  ['CHAR(255)', { type: 254, metadata: [206, 252], value: value(2, 700) }],
  ['BINARY(16)', { type: 254, metadata: [254, 16], value: value(1, 16) }],
  ['ENUM', { type: 254, metadata: [247, 1], value: Buffer.alloc(1) }],
  ['ENUM of many', { type: 254, metadata: [247, 2], value: Buffer.alloc(2) }],
  ['SET', { type: 254, metadata: [248, 8], value: Buffer.alloc(8) }],
  ['TINYBLOB', { type: 252, metadata: [1], value: value(1, 200) }],
  ['BLOB', { type: 252, metadata: [2], value: value(2, 1000) }],
  ['MEDIUMBLOB', { type: 252, metadata: [3], value: value(3, 66_000) }],
  ['LONGBLOB', { type: 252, metadata: [4], value: value(4, 70_000) }],
  ['JSON', { type: 245, metadata: [4], value: value(4, 33) }],
  ['GEOMETRY', { type: 255, metadata: [4], value: value(4, 25) }],
  ['VECTOR', { type: 242, metadata: [4], value: value(4, 12) }],
];

function tableMap(of: readonly Column[]): Buffer {
  const metadata = of.flatMap((column) => column.metadata);
  return event(
    { type: 19 },
    Buffer.concat([
      uint(5, 6),
      uint(1, 2),
      Buffer.from('\x04shop\0\x06orders\0', 'latin1'),
      uint(of.length, 1),
      Buffer.from(of.map(({ type }) => type)),
      uint(metadata.length, 1),
      Buffer.from(metadata),
      Buffer.alloc((of.length + 7) >> 3),
    ]),
  );
}

/** A row image; `unused` is what the bits behind the columns' are. */
function image(of: readonly Column[], nulls: readonly boolean[], unused: 0 | 1): Buffer {
  const bitmap = Buffer.alloc((of.length + 7) >> 3);
  for (let bit = 0; bit < bitmap.length * 8; bit += 1) {
    const set = bit < of.length ? nulls[bit % nulls.length] : unused === 1;
    if (set) bitmap[bit >> 3]! |= 1 << (bit & 7);
  }
  return Buffer.concat([
    bitmap,
    ...of.filter((_column, at) => !nulls[at % nulls.length]).map((c) => c.value),
  ]);
}

const someColumns = fc.array(fc.constantFrom(...columns.map(([, column]) => column)), {
  minLength: 1,
  maxLength: 20,
});
const someRows = fc.array(fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }), {
  minLength: 1,
  maxLength: 6,
});

function sizesOf(of: readonly Column[]): ReturnType<typeof readColumnSizes> {
  const map = tableMap(of);
  return readColumnSizes(map, 0, map.length);
}

describe('unused bits of null bitmaps', () => {
  test.each(columns)('%s: a row is walked to its end', (_name, column) => {
    const sizes = sizesOf([column]);
    const images = Buffer.concat([image([column], [false], 0), image([column], [true], 0)]);
    expect(setUnusedNullBits(images, sizes!)).toBe(true);
    expect(images).toEqual(Buffer.concat([image([column], [false], 1), image([column], [true], 1)]));
  });

  test('are set in every row, and nothing else is touched', () => {
    fc.assert(
      fc.property(someColumns, someRows, (of, rows) => {
        const sizes = sizesOf(of)!;
        const images = Buffer.concat(rows.map((nulls) => image(of, nulls, 0)));
        expect(setUnusedNullBits(images, sizes)).toBe(true);
        expect(images.equals(Buffer.concat(rows.map((nulls) => image(of, nulls, 1))))).toBe(true);
      }),
    );
  });

  test('rows that are not what the columns say stay as they are', () => {
    const sizes = sizesOf([columns[3]![1]])!;
    for (const bytes of [
      [0, 1, 2],
      [0, 1, 2, 3, 4, 0],
    ]) {
      const images = Buffer.from(bytes);
      expect(setUnusedNullBits(images, sizes)).toBe(false);
      expect(images).toEqual(Buffer.from(bytes));
    }
  });

  test('a type that is not known: such rows are not walked', () => {
    expect(sizesOf([{ type: 99, metadata: [], value: Buffer.alloc(0) }])).toBeNull();
  });
});

describe('the identity of a transaction', () => {
  const of = [columns[3]![1], columns[22]![1], columns[17]![1]];
  const nulls = [false, true, false];

  /** What the log says of the server that wrote it. */
  const formatDescription = (version: string): Buffer =>
    event(
      { type: 15, endPosition: 120 },
      Buffer.concat([uint(4, 2), Buffer.from(version.padEnd(50, '\0')), uint(0, 4), Buffer.alloc(60)]),
    );
  const present = (...bitmaps: number[]): Buffer => Buffer.from(bitmaps);
  function identityOf(version: string, type: number, bitmaps: Buffer, images: Buffer): unknown {
    const identities: unknown[] = [];
    const assembler = new TransactionAssembler({ end: ({ identity }) => identities.push(identity) });
    const head = rowsEvent(type, 5, Buffer.alloc(0), { extra: Buffer.alloc(0), columns: of.length });
    const rows = Buffer.concat([head.subarray(0, head.length - bitmaps.length), bitmaps, images]);
    rows.writeUInt32LE(rows.length, 9);
    const events = [
      formatDescription(version),
      queryEvent('BEGIN'),
      tableMap(of),
      rows,
      event({ type: 16 }, uint(1, 8)),
    ];
    listOf(events).forEach(assembler.event);
    return identities[0];
  }

  test('is the same from MySQL and from MariaDB', () => {
    const rows = (unused: 0 | 1): Buffer =>
      Buffer.concat([image(of, nulls, unused), image(of, [true], unused)]);
    const mariadb = identityOf('10.11.19-MariaDB-log', 31, present(0xff, 0xff), rows(1));
    expect(identityOf('9.7.4', 31, present(0xff, 0xff), rows(0))).toEqual(mariadb);
    expect(identityOf('5.7.44-log', 31, present(0xff, 0xff), rows(1))).toEqual(mariadb);
    expect(mariadb).toBeDefined();
  });

  test('also where images leave columns out', () => {
    const rows = (unused: 0 | 1): Buffer =>
      Buffer.concat([image(of.slice(0, 1), [false], unused), image(of.slice(1), [false], unused)]);
    const mariadb = identityOf('10.11.19-MariaDB-log', 31, present(0b001, 0b110), rows(1));
    expect(identityOf('9.7.4', 31, present(0b001, 0b110), rows(0))).toEqual(mariadb);
  });
});

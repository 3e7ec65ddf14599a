import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readRowsEvent } from '../../../src/binlog/rows-event.js';
import { imageValues, type RowImage } from '../../../src/decode/image-values.js';
import { JsonWriter } from '../../../src/decode/json-writer.js';
import { RowReader } from '../../../src/decode/row-reader.js';
import { readTableLayout } from '../../../src/decode/table-layout.js';
import { event, uint } from '../binlog/event-bytes.js';
import { type ColumnBytes, field, recordedMap, tableMap } from './table-maps.js';

const unsupported = expect.objectContaining({ code: 'unsupported-event' }) as unknown;

/** A row event of version 2 without extra data. */
function rowsEvent(type: 30 | 31 | 32, columns: number, bitmaps: Buffer, images: Buffer): Buffer {
  return event(
    { type },
    Buffer.concat([uint(7, 6), uint(1, 2), uint(2, 2), Buffer.of(columns), bitmaps, images]),
  );
}

type Row = { readonly images: readonly RowImage[]; readonly partial: boolean };

function readRows(map: Buffer, rows: Buffer, vendor: 'mysql' | 'mariadb' = 'mysql'): Row[] {
  const reader = new RowReader(readTableLayout(map, 0, map.length, vendor));
  const out = new JsonWriter(1);
  const found: Row[] = [];
  let [start, middle]: [number, number | null] = [0, null];
  const rowsOf = readRowsEvent(rows, 0, rows.length);
  reader.read(rowsOf, rows, out, {
    before: () => {
      [start, middle] = [out.at, null];
    },
    between: () => {
      middle = out.at;
    },
    after: (partial) => {
      expect(reader.isPartial(rowsOf, rows)).toBe(partial);
      const parts = [
        out.bytes.subarray(start, middle ?? out.at),
        out.bytes.subarray(middle ?? out.at, out.at),
      ];
      const images = parts.filter(({ length }) => length > 0).map((part) => imageValues(part, out.inexact));
      found.push({ images, partial });
    },
  });
  return found;
}

const columns: ColumnBytes[] = [
  { type: 3, name: 'id' },
  { type: 15, metadata: Buffer.of(40, 0), name: 'text' },
  { type: 1, name: 'small' },
];
const map = tableMap(columns, { fields: [field(1, Buffer.of(0)), field(2, Buffer.of(45))] });
const row = (id: number, text: string): Buffer =>
  Buffer.concat([Buffer.of(0xf8), uint(id, 4), Buffer.of(text.length), Buffer.from(text), Buffer.of(5)]);
const all = Buffer.of(0xff);

describe('images', () => {
  test('insert, delete: each row', () => {
    const images = Buffer.concat([row(1, 'one'), row(2, '')]);
    const expected = [
      { images: [{ id: 1, text: 'one', small: 5 }], partial: false },
      { images: [{ id: 2, text: '', small: 5 }], partial: false },
    ];
    expect(readRows(map, rowsEvent(30, 3, all, images))).toEqual(expected);
    expect(readRows(map, rowsEvent(32, 3, all, images))).toEqual(expected);
  });

  test('update: before and after, NULL', () => {
    const images = Buffer.concat([row(1, 'one'), Buffer.of(0xfe), uint(1, 4)]);
    expect(readRows(map, rowsEvent(31, 3, Buffer.of(0xff, 0xff), images))).toEqual([
      {
        images: [
          { id: 1, text: 'one', small: 5 },
          { id: 1, text: null, small: null },
        ],
        partial: false,
      },
    ]);
  });

  test('columns that an image lacks are absent, and it is called partial', () => {
    // Before: the key alone; after: what has changed.
    const images = Buffer.concat([
      Buffer.of(0xfe),
      uint(1, 4),
      Buffer.of(0xfc),
      Buffer.of(3),
      Buffer.from('new'),
      Buffer.of(9),
    ]);
    expect(readRows(map, rowsEvent(31, 3, Buffer.of(0x01, 0x06), images))).toEqual([
      { images: [{ id: 1 }, { text: 'new', small: 9 }], partial: true },
    ]);
  });

  test('columns without names are numbered, unsigned unknown: the bytes where it would matter', () => {
    const bare = tableMap([{ type: 3 }, { type: 15, metadata: Buffer.of(40, 0) }, { type: 1 }]);
    const images = Buffer.concat([Buffer.of(0xf8), uint(7, 4), Buffer.of(1, 0x61, 0x80)]);
    expect(readRows(bare, rowsEvent(30, 3, all, images))).toEqual([
      { images: [{ '@1': 7, '@2': { $base64: 'YQ==' }, '@3': { $base64: 'gA==' } }], partial: false },
    ]);
  });

  test('columns that servers make by themselves are left out', () => {
    const key = tableMap(
      [
        { type: 8, name: 'my_row_id' },
        { type: 3, name: 'id' },
      ],
      { fields: [field(12, Buffer.of(0x40))], flags: 5 },
    );
    const images = Buffer.concat([Buffer.of(0xfc), uint(1, 8), uint(5, 4)]);
    expect(readRows(key, rowsEvent(30, 2, all, images))).toEqual([{ images: [{ id: 5 }], partial: false }]);
    const hash = tableMap([
      { type: 3, name: 'id' },
      { type: 8, name: 'DB_ROW_HASH_1' },
    ]);
    const hashed = Buffer.concat([Buffer.of(0xfc), uint(5, 4), uint(77, 8)]);
    expect(readRows(hash, rowsEvent(30, 2, all, hashed), 'mariadb')).toEqual([
      { images: [{ id: 5 }], partial: false },
    ]);
    expect(readRows(hash, rowsEvent(30, 2, all, hashed), 'mysql')).toEqual([
      { images: [{ id: 5, DB_ROW_HASH_1: 77 }], partial: false },
    ]);
    // Updates and deletes may lack it.
    const without = Buffer.concat([Buffer.of(0xfe), uint(5, 4)]);
    expect(readRows(hash, rowsEvent(32, 2, Buffer.of(0b01), without), 'mariadb')).toEqual([
      { images: [{ id: 5 }], partial: false },
    ]);
    expect(readRows(hash, rowsEvent(32, 2, Buffer.of(0b01), without))).toEqual([
      { images: [{ id: 5 }], partial: true },
    ]);
  });

  test('a column called __proto__ is one like any other', () => {
    const odd = tableMap([
      { type: 3, name: '__proto__' },
      { type: 1, name: 'constructor' },
    ]);
    const [found] = readRows(
      odd,
      rowsEvent(30, 2, all, Buffer.concat([Buffer.of(0xfc), uint(5, 4), Buffer.of(1)])),
    );
    expect(Object.entries(found?.images[0] ?? {})).toEqual([
      ['__proto__', 5],
      ['constructor', 1],
    ]);
  });
});

describe('an event that is not what its table map says', () => {
  test('cut off anywhere: refused by name, with table, column and place', () => {
    const images = Buffer.concat([row(1, 'one'), row(2, 'second')]);
    for (let length = 1; length < images.length; length += 1) {
      if (length === row(1, 'one').length) continue;
      const cut = rowsEvent(30, 3, all, images.subarray(0, length));
      // What lies behind the event in the buffer must not be taken for it.
      const bytes = Buffer.concat([cut, Buffer.alloc(300, 1)]).subarray(0, cut.length);
      expect(() => readRows(map, bytes)).toThrow(unsupported);
      expect(() => readRows(map, bytes)).toThrow(/shop\.orders.*byte \d+/);
    }
  });

  test('another number of columns', () => {
    expect(() => readRows(map, rowsEvent(30, 2, all, row(1, 'one')))).toThrow(unsupported);
  });

  test('no columns at all', () => {
    expect(() => readRows(map, rowsEvent(30, 3, Buffer.of(0), Buffer.alloc(4)))).toThrow(unsupported);
  });

  test('any bytes for all types of a table: refused by name, or read to the end', () => {
    const reader = (['mysql', 'mariadb', 'mariadbTypes'] as const).map((name) => {
      const bytes = recordedMap(name);
      return new RowReader(readTableLayout(bytes, 0, bytes.length, name === 'mysql' ? 'mysql' : 'mariadb'));
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...reader),
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        (rows, bytes) => {
          const out = new JsonWriter(1);
          const count = rows.layout.columns.length;
          const made = rowsEvent(30, count, Buffer.alloc(2, 0xff), Buffer.from(bytes));
          let last = 0;
          try {
            rows.read(readRowsEvent(made, 0, made.length), made, out, {
              before: () => {
                expect(out.at).toBe(last);
              },
              between: () => undefined,
              after: () => {
                imageValues(out.bytes.subarray(last, out.at), out.inexact);
                last = out.at;
              },
            });
            expect(last).toBe(out.at);
          } catch (error) {
            expect(error).toEqual(unsupported);
          }
          expect(out.bytes.length).toBeLessThan(100_000);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

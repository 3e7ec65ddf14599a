import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readTableLayout } from '../../../src/decode/table-layout.js';
import { WaymarkError } from '../../../src/util/errors.js';
import { type ColumnBytes, field, recordedMap, tableMap } from './table-maps.js';

const read = (bytes: Buffer, vendor: 'mysql' | 'mariadb' = 'mysql') =>
  readTableLayout(bytes, 0, bytes.length, vendor);
const unsupported = expect.objectContaining({ code: 'unsupported-event' }) as unknown;

describe('what servers write with FULL metadata', () => {
  const names = ['a', 'y', 'c', 'b', 'v', 'e', 's', 'g', 'p', 't', 'bl', 'f', 'bi', 'j'];

  test.each([
    ['mysql', 'mysql'],
    ['mariadb', 'mariadb'],
  ] as const)('%s', (name, vendor) => {
    const layout = read(recordedMap(name), vendor);
    expect(layout).toMatchObject({ schema: 'probe', table: 't1', generatedKey: false });
    expect(layout.columns.map((column) => column.name)).toEqual(names);
    const charsets = layout.columns.map(({ name: column, charset }) => [column, charset?.name ?? null]);
    expect(Object.fromEntries(charsets)).toEqual({
      ...{ a: null, y: null, c: 'latin1', b: 'binary', v: 'utf8mb4', e: 'latin1', s: 'ucs2', t: 'big5' },
      ...{ bl: 'binary', f: null, bi: null },
      ...(vendor === 'mysql' ? { g: null, p: null, j: null } : { g: 'binary', p: 'binary', j: 'utf8mb4' }),
    });
    expect(layout.columns.map(({ unsigned }) => unsigned).filter((sign) => sign !== null)).toEqual([
      true,
      true,
      true,
    ]);
    expect(layout.columns[5]?.labels).toEqual([Buffer.from('x'), Buffer.of(0xe9)]);
    expect(layout.columns[6]?.labels).toEqual([Buffer.from('\0p'), Buffer.from('\0q')]);
    expect(layout.columns.map(({ geometryType }) => geometryType).filter((kind) => kind !== null)).toEqual([
      0, 1,
    ]);
    expect(layout.primaryKey).toEqual([
      { column: 0, prefix: null },
      { column: 4, prefix: 3 },
    ]);
    expect(layout.columns.map(({ nullable }) => nullable)).toEqual(
      names.map((column) => !['a', 'v', 'p'].includes(column)),
    );
  });

  test("MariaDB's own types: character sets counted among columns with text, ids beyond 255", () => {
    const { columns } = read(recordedMap('mariadbTypes'), 'mariadb');
    expect(columns.map(({ name, charset }) => [name, charset?.name])).toEqual([
      ['c', 'latin1'],
      ...['u', 'i4', 'i6', 'b', 'v'].map((name) => [name, 'binary']),
      ['vc', 'big5'],
      ['tc', 'utf8mb4'],
      ['bc', 'binary'],
      ['e', 'utf8mb4'],
      ['k', 'latin2'],
    ]);
  });
});

describe('metadata', () => {
  const numbers: ColumnBytes[] = [{ type: 3 }, { type: 15, metadata: Buffer.of(40, 0) }, { type: 8 }];

  test('none: what is not told is null', () => {
    expect(read(tableMap(numbers))).toMatchObject({
      primaryKey: null,
      columns: [{ name: null, unsigned: null }, { charset: null, metadata: 40 }, {}],
    });
  });

  test('with names a table without a field for it has no primary key', () => {
    expect(
      read(tableMap(numbers.map((column, index) => ({ ...column, name: `c${index}` })))).primaryKey,
    ).toEqual([]);
  });

  test('a length of a STRING beyond 255 stands in its type', () => {
    expect(read(tableMap([{ type: 254, metadata: Buffer.of(0xce, 0xfc) }])).columns[0]).toMatchObject({
      type: 254,
      metadata: 1020,
    });
  });

  test('visibility, and a primary key that the server made', () => {
    const layout = read(tableMap(numbers, { fields: [field(12, Buffer.of(0x60))], flags: 5 }));
    expect(layout.columns.map(({ visible }) => visible)).toEqual([false, true, true]);
    expect(layout.generatedKey).toBe(true);
  });

  test('a field that a later version adds is passed over', () => {
    expect(read(tableMap(numbers, { fields: [field(99, Buffer.of(1, 2, 3))] })).columns).toHaveLength(3);
  });

  test.each([
    ['a type that is not known', tableMap([{ type: 200 }])],
    ['a real type that is not known', tableMap([{ type: 254, metadata: Buffer.of(3, 1) }])],
    [
      'a collation that neither vendor has',
      tableMap(numbers, { fields: [field(2, Buffer.of(0xfc, 0xff, 0xff))] }),
    ],
    ['a collation too many', tableMap(numbers, { fields: [field(3, Buffer.of(8, 8))] })],
    [
      'a collation for a column that is not there',
      tableMap(numbers, { fields: [field(2, Buffer.of(8, 5, 8))] }),
    ],
    ['signs too few', tableMap(numbers, { fields: [field(1, Buffer.alloc(0))] })],
    ['signs too many', tableMap(numbers, { fields: [field(1, Buffer.of(0, 0))] })],
    ['names too few', tableMap(numbers, { fields: [field(4, Buffer.of(1, 0x61))] })],
    ['a key column that is not there', tableMap(numbers, { fields: [field(8, Buffer.of(9))] })],
    ['a field twice', tableMap(numbers, { fields: [field(1, Buffer.of(0)), field(1, Buffer.of(0))] })],
    ['a field that goes beyond the event', tableMap(numbers, { fields: [Buffer.of(1, 9, 0)] })],
    ["types' metadata too long", tableMap([{ type: 3, metadata: Buffer.of(1) }])],
  ])('refused by name: %s', (_name, bytes) => {
    expect(() => read(bytes)).toThrow(unsupported);
    expect(() => read(bytes)).toThrow('shop.orders');
  });
});

test.each(['mysql', 'mariadb', 'mariadbTypes'] as const)(
  '%s: cut off anywhere, it is refused or a whole one',
  (name) => {
    const whole = recordedMap(name);
    const vendor = name === 'mysql' ? 'mysql' : 'mariadb';
    let refused = 0;
    for (let end = 19; end < whole.length; end += 1) {
      // What lies behind the event must not be read.
      const bytes = Buffer.concat([whole.subarray(0, end), Buffer.alloc(64, 0xfe)]);
      try {
        const { columns } = readTableLayout(bytes, 0, end, vendor);
        expect(columns.length).toBe(name === 'mariadbTypes' ? 11 : 14);
      } catch (error) {
        expect(error).toEqual(unsupported);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(whole.length - 19 - 15);
  },
);

test('changed anywhere, it is refused by name or read to its end, in bounded time', () => {
  const whole = recordedMap('mariadbTypes');
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 19, max: whole.length - 1 }), fc.integer({ min: 0, max: 255 })), {
        minLength: 1,
        maxLength: 4,
      }),
      (changes) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        try {
          expect(read(bytes, 'mariadb').columns.length).toBeLessThanOrEqual(4096);
        } catch (error) {
          expect(error).toBeInstanceOf(WaymarkError);
          expect(error).toEqual(unsupported);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

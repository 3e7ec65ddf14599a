import { describe, expect, test } from 'vitest';
import { charsetByName } from '../../../src/decode/charset.js';
import { columnTypes } from '../../../src/decode/column-types.js';
import { type ColumnValue, imageValues } from '../../../src/decode/image-values.js';
import type { Column } from '../../../src/decode/column.js';
import type { TableLayout } from '../../../src/decode/table-layout.js';
import { RowValues } from '../../../src/zongji/row-values.js';
import { valueSettings } from '../../../src/zongji/value-settings.js';

const blank: Column = {
  ...{
    name: 'v',
    type: columnTypes.long,
    metadata: 0,
    nullable: true,
    unsigned: false,
    charset: null,
    collation: null,
    labels: null,
  },
  ...{ geometryType: null, visible: true, special: null, fraction: null },
};

function layoutOf(...columns: readonly Partial<Column>[]): TableLayout {
  return {
    ...{ tableId: 1, schema: 'shop', table: 't', primaryKey: null, generatedKey: false, vendor: 'mysql' },
    columns: columns.map((column) => ({ ...blank, ...column })),
  };
}

/** The value of a column, from the JSON that the decoder gives. */
function rendered(column: Partial<Column>, json: string, options: object = {}, inexact = false): unknown {
  const text = `{"v":${json}}`;
  const image = imageValues(Buffer.from(text), inexact);
  return new RowValues(layoutOf(column), valueSettings({ timezone: 'Z', ...options })).row(
    image,
    inexact ? text : null,
  )['v'];
}

const t = columnTypes;
const base64 = (bytes: string): string =>
  JSON.stringify({ $base64: Buffer.from(bytes, 'latin1').toString('base64') });

describe('a value', () => {
  const cases: readonly (readonly [string, Partial<Column>, string, unknown, object?, boolean?])[] = [
    ['a number', { type: t.long }, '5', 5],
    ['a number that is too large', { type: t.longLong }, '"18446744073709551615"', '18446744073709551615'],
    [
      'a number whose sign is not known',
      { type: t.long, unsigned: null },
      base64('\xff\xff\xff\xff'),
      Buffer.alloc(4, 0xff),
    ],
    ['DECIMAL', { type: t.newDecimal }, '"1.50"', '1.50'],
    ['DECIMAL as a number', { type: t.newDecimal }, '"1.50"', 1.5, { decimalNumbers: true }],
    ['BIT', { type: t.bit, metadata: 0x0201 }, '65537', Buffer.from([1, 0, 1])],
    [
      'BIT of 64',
      { type: t.bit, metadata: 0x0800 },
      '"9223372036854775808"',
      Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0]),
    ],
    ['text', { type: t.varchar, charset: charsetByName('utf8mb4') ?? null }, '"x"', 'x'],
    [
      'text that is none',
      { type: t.varchar, charset: charsetByName('utf8mb4') ?? null },
      base64('\xff'),
      Buffer.from([0xff]),
    ],
    ['BLOB', { type: t.blob, charset: charsetByName('binary') ?? null }, base64('ab'), Buffer.from('ab')],
    ['DATE', { type: t.date }, '"2024-02-29"', new Date('2024-02-29T00:00:00Z')],
    ['DATE as text', { type: t.date }, '"2024-00-00"', '2024-00-00', { dateStrings: ['DATE'] }],
    [
      'DATETIME, DATE being text',
      { type: t.dateTime2 },
      '"2024-02-29 01:02:03"',
      new Date('2024-02-29T01:02:03Z'),
      { dateStrings: ['DATE'] },
    ],
    [
      'TIMESTAMP',
      { type: t.timestamp2 },
      '"2024-02-29 01:02:03"',
      new Date('2024-02-29T01:02:03Z'),
      { timezone: '+09:00' },
    ],
    [
      'TIMESTAMP as text',
      { type: t.timestamp2 },
      '"2024-02-29 01:02:03.5"',
      '2024-02-29 10:02:03.5',
      { timezone: '+09:00', dateStrings: true },
    ],
    ['JSON', { type: t.json }, '{"a":[1,null]}', { a: [1, null] }],
    ['JSON that is null', { type: t.json }, '{"$json":null}', null],
    ['JSON like a mark', { type: t.json }, '{"$json":{"$base64":"QQ=="}}', { $base64: 'QQ==' }],
    [
      'JSON of many digits',
      { type: t.json },
      '[12345678901234567890,1.5]',
      ['12345678901234567890', 1.5],
      {},
      true,
    ],
    [
      'JSON as text',
      { type: t.json },
      '{"a":[12345678901234567890,2.50]}',
      '{"a": [12345678901234567890, 2.50]}',
      { jsonStrings: true },
      true,
    ],
    ['JSON with a key like a mark', { type: t.json }, '{"a":1,"$json":[2]}', { a: 1, $json: [2] }],
    [
      'JSON with a key like a mark, as text',
      { type: t.json },
      '{"a":1,"$json":[2]}',
      '{"a": 1, "$json": [2]}',
      { jsonStrings: true },
    ],
    ['JSON that is null, as text', { type: t.json }, '{"$json":null}', 'null', { jsonStrings: true }],
    ['a POINT', { type: t.geometry }, '{"type":"Point","coordinates":[1,2],"srid":4326}', { x: 1, y: 2 }],
    [
      'a MULTILINESTRING',
      { type: t.geometry },
      '{"type":"MultiLineString","coordinates":[[[0,0],[1,1]]],"srid":0}',
      [
        [
          { x: 0, y: 0 },
          { x: 1, y: 1 },
        ],
      ],
    ],
    [
      'a GEOMETRYCOLLECTION',
      { type: t.geometry },
      '{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2]}],"srid":0}',
      [{ x: 1, y: 2 }],
    ],
    ['no geometry', { type: t.geometry }, base64(''), null],
    ["MySQL's VECTOR", { type: t.vector }, '[1.5,0.1]', [1.5, 0.1]],
    [
      "MariaDB's VECTOR",
      { type: t.varchar, special: 'vector' },
      '[1.5,0.1]',
      Buffer.from('0000c03fcdcccc3d', 'hex'),
    ],
    ["MariaDB's UUID", { type: t.string, special: 'uuid' }, '"x"', 'x'],
    ['NULL', { type: t.date }, 'null', null],
  ];

  for (const [what, column, json, expected, options = {}, inexact = false] of cases) {
    test(what, () => {
      expect(rendered(column, json, options, inexact)).toEqual(expected);
    });
  }
});

test('columns that are missing stay missing, and any name will do', () => {
  const values = new RowValues(
    layoutOf(
      { name: 'id' },
      { name: '__proto__', type: t.date },
      { name: null, type: t.bit, metadata: 0x0100 },
    ),
    valueSettings({ timezone: 'Z' }),
  );
  const image: Readonly<Record<string, ColumnValue>> = imageValues(
    Buffer.from('{"id":1,"__proto__":"2024-01-01","@3":1}'),
    false,
  );
  expect(Object.entries(values.row(image))).toEqual([
    ['id', 1],
    ['__proto__', new Date('2024-01-01T00:00:00Z')],
    ['@3', Buffer.from([1])],
  ]);
  expect(Object.keys(values.row({ id: 1 }))).toEqual(['id']);
});

test('a time zone that mysql2 does not know is refused', () => {
  expect(() => valueSettings({ timezone: 'Europe/Paris' })).toThrow(/timezone/);
  expect(valueSettings({ timezone: 'local' }).offsetMinutes).toBeNull();
  expect(valueSettings({ timezone: '-03:30' }).offsetMinutes).toBe(-210);
});

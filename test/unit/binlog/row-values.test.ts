import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { specialColumns, toRowImage } from '../../../src/binlog/row-values.js';

const image = (type: number, value: unknown): unknown =>
  toRowImage({ c: value }, specialColumns([{ name: 'c', type }]))['c'];

describe('FLOAT (4)', () => {
  test.each([
    [Math.fround(0.1), 0.1],
    [Math.fround(3.4028235e38), 3.4028235e38],
    [Math.fround(-1.17549435e-38), -1.1754944e-38],
    [Math.fround(16_777_217), 16_777_216],
    [0, 0],
    [1.5, 1.5],
  ])('%d is shown as %d', (value, shown) => {
    expect(image(4, value)).toBe(shown);
  });

  test('always the same single-precision number, in 9 digits at most', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        // JSON has no -0.
        fc.pre(!Object.is(value, -0));
        const shown = image(4, value) as number;
        expect(Math.fround(shown)).toBe(value);
        expect(Number(shown.toPrecision(9))).toBe(shown);
      }),
    );
  });
});

describe('BIT (16)', () => {
  test.each([
    ['01', 1],
    ['00', 0],
    ['1fffffffffffff', Number.MAX_SAFE_INTEGER],
    ['20000000000000', '9007199254740992'],
    ['ffffffffffffffff', '18446744073709551615'],
    ['', 0],
  ])('%s', (hex, shown) => {
    expect(image(16, Buffer.from(hex, 'hex'))).toBe(shown);
  });
});

test('YEAR (13): 0000 comes as 1900', () => {
  expect(image(13, 1900)).toBe(0);
  expect(image(13, 1901)).toBe(1901);
  expect(image(13, 2155)).toBe(2155);
});

describe('TIMESTAMP (7, 17)', () => {
  test.each([
    ['2026-11-21 20:14:53', '2026-11-21 20:14:53'],
    ['0000-00-00 00:00:00', '0000-00-00 00:00:00'],
    ['1970-01-01 00:00:01.000001', '1970-01-01 00:00:01.000001'],
    ['2038-01-19 03:14:07', '2038-01-19 03:14:07'],
    // MariaDB 11.5 and later: 32 bits without sign.
    ['1901-12-13 20:45:52', '2038-01-19 03:14:08'],
    ['1969-12-31 23:59:59.999', '2106-02-07 06:28:15.999'],
  ])('%s', (value, shown) => {
    expect(image(17, value)).toBe(shown);
    expect(image(7, value)).toBe(shown);
  });
});

test('binary is marked as such, and comes back to the same bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const shown = image(252, Buffer.from(bytes)) as { $base64: string };
      expect(Object.keys(shown)).toEqual(['$base64']);
      expect(Buffer.from(shown.$base64, 'base64')).toEqual(Buffer.from(bytes));
    }),
  );
});

test('NULL is null, whatever the type', () => {
  for (const type of [4, 7, 13, 16, 17, 252]) expect(image(type, null)).toBeNull();
});

test('an invalid ENUM value, which has no name, is the empty string', () => {
  expect(image(254, undefined)).toBe('');
});

test('other values stay as they are, and columns keep their order', () => {
  const row = { b: 'text', a: 1, c: { json: [1, null] } };
  expect(Object.entries(toRowImage(row, []))).toEqual([
    ['b', 'text'],
    ['a', 1],
    ['c', { json: [1, null] }],
  ]);
});

test('what is no row is refused', () => {
  for (const value of [null, undefined, 'row']) {
    expect(() => toRowImage(value, [])).toThrow(expect.objectContaining({ code: 'protocol' }));
  }
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bitReader } from '../../../src/decode/bits.js';
import { JsonWriter } from '../../../src/decode/json-writer.js';
import { Malformed } from '../../../src/decode/malformed.js';
import { decimalReader, doubleReader, floatReader, integerReader } from '../../../src/decode/numbers.js';
import { highFirst, lowFirst, readValue } from './read-value.js';

const sizes = [1, 2, 3, 4, 8] as const;

/** As JSON: a number where JavaScript can hold it, or else text. */
const asJson = (value: bigint): string =>
  value > 2n ** 53n - 1n || value < -(2n ** 53n) + 1n ? `"${value}"` : `${value}`;

/** Numbers from one to another, both and what is near them among them. */
const between = (min: bigint, max: bigint) => fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max));

describe.each(sizes)('integers of %d bytes', (size) => {
  const end = 2n ** BigInt(8 * size);

  test('with a sign', () => {
    fc.assert(
      fc.property(between(-end / 2n, end / 2n - 1n), (value) => {
        expect(readValue(integerReader(size, false), lowFirst(value, size))).toBe(asJson(value));
      }),
    );
  });

  test('without one', () => {
    fc.assert(
      fc.property(between(0n, end - 1n), (value) => {
        expect(readValue(integerReader(size, true), lowFirst(value, size))).toBe(asJson(value));
      }),
    );
  });

  test('if the sign isn’t known, the bytes where it matters', () => {
    const reader = integerReader(size, null);
    fc.assert(
      fc.property(between(0n, end / 2n - 1n), between(end / 2n, end - 1n), (either, high) => {
        expect(readValue(reader, lowFirst(either, size))).toBe(asJson(either));
        const bytes = lowFirst(high, size);
        expect(readValue(reader, bytes)).toBe(`{"$base64":"${bytes.toString('base64')}"}`);
      }),
    );
  });
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])('a BIT of %d bytes', (size) => {
  fc.assert(
    fc.property(between(0n, 2n ** BigInt(8 * size) - 1n), (value) => {
      expect(readValue(bitReader(size), highFirst(value, size))).toBe(asJson(value));
    }),
  );
});

test('a BIT has one to eight bytes', () => {
  expect(() => bitReader(0)).toThrow(Malformed);
  expect(() => bitReader(9)).toThrow(Malformed);
});

describe('floating point', () => {
  const single = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value);
    return bytes;
  };
  const double = (value: number): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    return bytes;
  };
  const significantDigits = (text: string): number =>
    text.replace(/e.*$/, '').replace(/[-.]/g, '').replace(/^0+/, '').replace(/0+$/, '').length;

  test('FLOAT: the shortest decimal that is the same single-precision number', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = readValue(floatReader, single(value));
        expect(Math.fround(Number(text))).toBe(value);
        // All whole numbers that a FLOAT holds exactly are written in full.
        if (Number.isInteger(value) && Math.abs(value) < 2 ** 24)
          expect(text).toBe(Object.is(value, -0) ? '-0' : `${value}`);
        else {
          const digits = significantDigits(text);
          if (digits > 1) expect(Math.fround(Number(value.toPrecision(digits - 1)))).not.toBe(value);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    [0.1, '0.1'],
    [16_777_215, '16777215'],
    [-16_777_215, '-16777215'],
    [16_777_216, '16777216'],
    [16_777_220, '16777220'],
    [3.4028234663852886e38, '3.4028235e+38'],
    [2 ** -126, '1.1754944e-38'],
    [2 ** -126 * (1 - 2 ** -23), '1.1754942e-38'],
    [2 ** -149, '1e-45'],
    [2 ** -148, '3e-45'],
    [0.000_123_456, '0.000123456'],
    [1.000_000_1, '1.0000001'],
    [8_388_608.5, '8388608'],
  ])('FLOAT: %d', (value, expected) => {
    expect(readValue(floatReader, single(value))).toBe(expected);
  });

  test('DOUBLE: as JavaScript writes it', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(readValue(doubleReader, double(value))).toBe(Object.is(value, -0) ? '-0' : String(value));
      }),
    );
  });

  test('what no server stores is refused', () => {
    for (const value of [Infinity, -Infinity, NaN]) {
      expect(() => readValue(floatReader, single(value))).toThrow(Malformed);
      expect(() => readValue(doubleReader, double(value))).toThrow(Malformed);
    }
  });

  test('what the event doesn’t hold isn’t read: the caller sees that the end is beyond it', () => {
    const out = new JsonWriter();
    expect(floatReader(Buffer.alloc(6), 3, out)).toBe(7);
    expect(doubleReader(Buffer.alloc(10), 3, out)).toBe(11);
    expect(out.at).toBe(0);
    expect(floatReader(Buffer.alloc(7), 3, out)).toBe(7);
    expect(doubleReader(Buffer.alloc(11), 3, out)).toBe(11);
    expect(out.bytes.toString('utf8', 0, out.at)).toBe('00');
  });
});

describe('DECIMAL', () => {
  const bytesOf = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

  /** As servers store it: groups of nine digits from the point on, the first bit set, a negative number inverted. */
  function stored(whole: string, fraction: string, negative: boolean): Buffer {
    const first = whole.length % 9;
    const groups = [
      ...(first > 0 ? [whole.slice(0, first)] : []),
      ...(whole.slice(first).match(/.{9}/g) ?? []),
      ...(fraction.match(/.{1,9}/g) ?? []),
    ];
    const bytes = Buffer.concat(groups.map((group) => highFirst(BigInt(group), bytesOf[group.length] ?? 0)));
    bytes[0]! ^= 0x80;
    return negative ? Buffer.from(bytes.map((byte) => ~byte)) : bytes;
  }

  const digits = (length: number) => {
    const largest = 10n ** BigInt(length) - 1n;
    const padded = (value: bigint): string => (length === 0 ? '' : `${value}`.padStart(length, '0'));
    const short = fc.nat(length).chain((count) => fc.bigInt({ min: 0n, max: 10n ** BigInt(count) - 1n }));
    return fc.oneof(between(0n, largest), short).map(padded);
  };

  const decimals = fc
    .tuple(fc.integer({ min: 1, max: 65 }), fc.nat(30))
    .map(([precision, scale]) => [precision, Math.min(scale, precision)] as const)
    .chain(([precision, scale]) => fc.tuple(digits(precision - scale), digits(scale), fc.boolean()));

  test('all digits of its scale, and no zeros before it but one', () => {
    fc.assert(
      fc.property(decimals, fc.boolean(), ([whole, fraction, negative], quoted) => {
        const reader = decimalReader(whole.length + fraction.length, fraction.length, quoted);
        const point = fraction === '' ? '' : '.';
        const text = `${negative ? '-' : ''}${whole.replace(/^0+/, '') || '0'}${point}${fraction}`;
        expect(readValue(reader, stored(whole, fraction, negative))).toBe(quoted ? `"${text}"` : text);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    [0, 0],
    [66, 0],
    [65, 31],
    [5, 6],
  ])('none is a DECIMAL(%d,%d)', (precision, scale) => {
    expect(() => decimalReader(precision, scale, true)).toThrow(Malformed);
  });

  test('the largest, and one of nothing but a fraction', () => {
    expect(() => decimalReader(65, 30, true)).not.toThrow();
    expect(() => decimalReader(30, 30, true)).not.toThrow();
  });

  test('a group that has more than its digits is refused', () => {
    expect(() => readValue(decimalReader(1, 0, true), Buffer.of(0x8a))).toThrow(Malformed);
    expect(readValue(decimalReader(1, 0, true), Buffer.of(0x89))).toBe('"9"');
    const fraction = Buffer.concat([Buffer.of(0x80), highFirst(1_000_000_000n, 4)]);
    expect(() => readValue(decimalReader(10, 9, true), fraction)).toThrow(Malformed);
  });
});

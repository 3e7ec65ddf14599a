import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonWriter } from '../../../src/decode/json-writer.js';
import { Malformed } from '../../../src/decode/malformed.js';
import {
  dateReader,
  dateTimeReader,
  oldDateTimeReader,
  oldTimeReader,
  oldTimestampReader,
  timeReader,
  timestampReader,
  yearReader,
} from '../../../src/decode/temporal.js';
import { highFirst, lowFirst, readValue } from './read-value.js';

/** Decimal text of so many digits. */
const padded = (value: number, digits: number): string => String(value).padStart(digits, '0');
const fractionOf = (micros: number, digits: number): string =>
  digits === 0 ? '' : `.${padded(micros, 6).slice(0, digits)}`;
/** The fraction's digits as a number. */
const scaled = (micros: number, digits: number): bigint => BigInt(padded(micros, 6).slice(0, digits) || '0');
const json = (text: string): string => `"${text}"`;

const dates = fc.record({ year: fc.nat(9999), month: fc.nat(12), day: fc.nat(31) });
const clocks = fc.record({ hour: fc.nat(23), minute: fc.nat(59), second: fc.nat(59) });
/** A fraction whose digits beyond the column's are 0. */
const micros = fc.oneof(fc.nat(999_999), fc.constantFrom(0, 1, 999_999, 500_000));
const seconds = fc.oneof(fc.nat(2 ** 31 - 1), fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1));

type Date = { readonly year: number; readonly month: number; readonly day: number };
type Clock = { readonly hour: number; readonly minute: number; readonly second: number };
const dateText = ({ year, month, day }: Date): string =>
  `${padded(year, 4)}-${padded(month, 2)}-${padded(day, 2)}`;
const clockText = ({ hour, minute, second }: Clock): string =>
  `${padded(hour, 2)}:${padded(minute, 2)}:${padded(second, 2)}`;
const secondText = (second: number): string =>
  second === 0 ? '0000-00-00 00:00:00' : new Date(second * 1000).toISOString().slice(0, 19).replace('T', ' ');

/** Bytes of today's fractions, which are stored with an even number of digits. */
const bytesOf = (digits: number): number => Math.ceil(digits / 2);
const even = (micros: number, digits: number): bigint => {
  const odd = digits % 2 === 1;
  return scaled(micros, digits) * (odd ? 10n : 1n);
};

describe('DATE and YEAR', () => {
  const dateBits = ({ year, month, day }: Date): bigint => BigInt((year << 9) | (month << 5) | day);

  test('any date, and the parts of one that are 0', () => {
    fc.assert(
      fc.property(dates, (date) => {
        expect(readValue(dateReader, lowFirst(dateBits(date), 3))).toBe(json(dateText(date)));
      }),
    );
  });

  test.each([
    ['a month', { year: 2026, month: 13, day: 1 }],
    ['a year', { year: 10_000, month: 1, day: 1 }],
  ])('%s that there is not', (_name, date) => {
    expect(() => readValue(dateReader, lowFirst(dateBits(date), 3))).toThrow(Malformed);
  });

  test('years since 1900, and 0 for the year 0', () => {
    expect([0, 1, 126, 255].map((year) => readValue(yearReader, Buffer.of(year)))).toEqual([
      ...['0', '1901', '2026', '2155'],
    ]);
  });
});

describe.each([0, 1, 2, 3, 4, 5, 6])('with %d digits of a fraction', (digits) => {
  const fractionBytes = (value: number): Buffer => highFirst(even(value, digits), bytesOf(digits));

  test('DATETIME', () => {
    fc.assert(
      fc.property(dates, clocks, micros, (date, clock, fraction) => {
        const { year, month, day } = date;
        const { hour, minute, second } = clock;
        const days = (BigInt(year * 13 + month) << 5n) | BigInt(day);
        const bits = (days << 17n) | BigInt((hour << 12) | (minute << 6) | second);
        const bytes = Buffer.concat([highFirst(bits | (1n << 39n), 5), fractionBytes(fraction)]);
        expect(readValue(dateTimeReader(digits), bytes)).toBe(
          json(`${dateText(date)} ${clockText(clock)}${fractionOf(fraction, digits)}`),
        );
      }),
    );
  });

  test('TIMESTAMP', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(seconds, micros), { minLength: 1 }), (values) => {
        for (const [second, fraction] of values) {
          const bytes = Buffer.concat([highFirst(BigInt(second), 4), fractionBytes(fraction)]);
          expect(readValue(timestampReader(digits), bytes)).toBe(
            json(`${secondText(second)}${fractionOf(fraction, digits)}`),
          );
        }
      }),
    );
  });

  test('TIME', () => {
    fc.assert(
      fc.property(
        fc.nat(838),
        fc.nat(59),
        fc.nat(59),
        micros,
        fc.boolean(),
        (hour, minute, second, fraction, minus) => {
          const extra = bytesOf(digits);
          const magnitude =
            (BigInt((hour << 12) | (minute << 6) | second) << BigInt(8 * extra)) + even(fraction, digits);
          const value = (minus ? -magnitude : magnitude) + (0x80_0000n << BigInt(8 * extra));
          const sign = minus && magnitude > 0n ? '-' : '';
          expect(readValue(timeReader(digits), highFirst(value, 3 + extra))).toBe(
            json(`${sign}${clockText({ hour, minute, second })}${fractionOf(fraction, digits)}`),
          );
        },
      ),
    );
  });
});

describe('of today’s formats, what there is not is refused', () => {
  const dateTime = (hour: number, minute: number, second: number): Buffer =>
    highFirst(
      (1n << 39n) |
        (BigInt(2026 * 13 + 11) << 22n) |
        BigInt((1 << 17) | (hour << 12) | (minute << 6) | second),
      5,
    );

  test('an hour, a minute, a second', () => {
    expect(readValue(dateTimeReader(0), dateTime(23, 59, 59))).toBe('"2026-11-01 23:59:59"');
    for (const [hour, minute, second] of [
      [24, 0, 0],
      [0, 60, 0],
      [0, 0, 60],
    ] as const) {
      expect(() => readValue(dateTimeReader(0), dateTime(hour, minute, second))).toThrow(Malformed);
    }
  });

  test('a DATETIME that is negative', () => {
    const bytes = dateTime(1, 1, 1);
    bytes[0]! &= 0x7f;
    expect(() => readValue(dateTimeReader(0), bytes)).toThrow('a DATETIME is negative');
  });

  test('a fraction of more than its digits, or of more than six', () => {
    const hundredths = (value: number): Buffer => Buffer.concat([dateTime(1, 1, 1), Buffer.of(value)]);
    expect(readValue(dateTimeReader(2), hundredths(99))).toBe('"2026-11-01 01:01:01.99"');
    expect(() => readValue(dateTimeReader(2), hundredths(100))).toThrow(Malformed);
    for (const reader of [dateTimeReader, timeReader, timestampReader]) {
      expect(() => reader(7)).toThrow('a fraction of 7 digits');
    }
  });
});

describe('MariaDB’s formats from before 10.1.2', () => {
  test('without a fraction, decimal numbers', () => {
    fc.assert(
      fc.property(dates, clocks, seconds, fc.boolean(), fc.nat(838), (date, clock, second, minus, hours) => {
        const { year, month, day } = date;
        const { hour, minute } = clock;
        expect(readValue(oldTimestampReader(0), lowFirst(BigInt(second), 4))).toBe(json(secondText(second)));
        const whole = BigInt(
          `${padded(year, 4)}${padded(month, 2)}${padded(day, 2)}${clockText(clock).replaceAll(':', '')}`,
        );
        expect(readValue(oldDateTimeReader(0), lowFirst(whole, 8))).toBe(
          json(`${dateText(date)} ${clockText(clock)}`),
        );
        const time = BigInt(hours * 10_000 + hour * 100 + minute);
        const text = clockText({ hour: hours, minute: hour, second: minute });
        expect(readValue(oldTimeReader(0), lowFirst(minus ? -time : time, 3))).toBe(
          json(`${minus && time > 0n ? '-' : ''}${text}`),
        );
      }),
    );
  });

  test.each([
    // Bytes of TIMESTAMP's fraction, of TIME and of DATETIME.
    [1, 1, 4, 6],
    [2, 1, 4, 6],
    [3, 2, 5, 7],
    [4, 2, 5, 7],
    [5, 3, 5, 7],
    [6, 3, 6, 8],
  ])('with %d digits, units of them', (digits, timestampBytes, timeBytes, dateTimeBytes) => {
    const scale = 10n ** BigInt(digits);
    fc.assert(
      fc.property(
        dates,
        clocks,
        seconds,
        micros,
        fc.boolean(),
        fc.nat(838),
        (date, clock, second, fraction, minus, hours) => {
          const part = scaled(fraction, digits);
          const fractionText = fractionOf(fraction, digits);
          const stamp = Buffer.concat([highFirst(BigInt(second), 4), highFirst(part, timestampBytes)]);
          expect(readValue(oldTimestampReader(digits), stamp)).toBe(
            json(`${secondText(second)}${fractionText}`),
          );

          const time = BigInt(hours * 3600 + clock.minute * 60 + clock.second) * scale + part;
          const bytes = highFirst((minus ? -time : time) + 3_020_400n * scale, timeBytes);
          expect(readValue(oldTimeReader(digits), bytes)).toBe(
            json(`${minus && time > 0n ? '-' : ''}${clockText({ ...clock, hour: hours })}${fractionText}`),
          );

          const days = BigInt((date.year * 13 + date.month) * 32 + date.day);
          const units =
            (days * 86_400n + BigInt(clock.hour * 3600 + clock.minute * 60 + clock.second)) * scale + part;
          expect(readValue(oldDateTimeReader(digits), highFirst(units, dateTimeBytes))).toBe(
            json(`${dateText(date)} ${clockText(clock)}${fractionText}`),
          );
        },
      ),
    );
  });

  test('what there is not is refused', () => {
    const dateTime = (text: string) => () => readValue(oldDateTimeReader(0), lowFirst(BigInt(text), 8));
    expect(dateTime('20261131235959')()).toBe('"2026-11-31 23:59:59"');
    for (const text of [
      '20261131240000',
      '20261132000000',
      '20261331000000',
      '20261131006000',
      '20261131000060',
    ]) {
      expect(dateTime(text)).toThrow(Malformed);
    }
  });

  test('a DATETIME that the event doesn’t hold isn’t read', () => {
    const out = new JsonWriter();
    expect(oldDateTimeReader(0)(Buffer.alloc(10), 3, out)).toBe(11);
    expect(oldDateTimeReader(3)(Buffer.alloc(9), 3, out)).toBe(10);
    expect(out.at).toBe(0);
    expect(oldDateTimeReader(3)(Buffer.alloc(10), 3, out)).toBe(10);
    expect(out.bytes.toString('utf8', 0, out.at)).toBe('"0000-00-00 00:00:00.000"');
  });
});

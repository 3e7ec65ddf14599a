import { type JsonWriter, Literal } from './json-writer.js';
import { Malformed } from './malformed.js';
import { powersOfTen } from './numbers.js';
import type { ValueReader } from './value-reader.js';

const [quote, minus, colon, point, space] = [0x22, 0x2d, 0x3a, 0x2e, 0x20] as const;

function writeDate(year: number, month: number, day: number, out: JsonWriter): void {
  if (year > 9999 || month > 12 || day > 31) throw new Malformed(`a date is ${year}-${month}-${day}`);
  out.padded(year, 4);
  out.byte(minus);
  out.twoDigits(month);
  out.byte(minus);
  out.twoDigits(day);
}

function writeClock(hour: number, minute: number, second: number, out: JsonWriter): void {
  if (minute > 59 || second > 59) throw new Malformed(`a time is ${hour}:${minute}:${second}`);
  if (hour > 99) out.padded(hour, 3);
  else out.twoDigits(hour);
  out.byte(colon);
  out.twoDigits(minute);
  out.byte(colon);
  out.twoDigits(second);
}

/** @param value of as many digits. */
function writeFraction(value: number, digits: number, out: JsonWriter): void {
  if (digits === 0) return;
  if (value >= (powersOfTen[digits] ?? 0)) throw new Malformed(`a fraction of ${digits} digits is ${value}`);
  out.byte(point);
  out.padded(value, digits);
}

/** DATE: 15 bits of the year, 4 of the month, 5 of the day, in three bytes, the lowest first. */
export const dateReader: ValueReader = (bytes, at, out) => {
  const bits = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
  out.byte(quote);
  writeDate(bits >> 9, (bits >> 5) & 0x0f, bits & 0x1f, out);
  out.byte(quote);
  return at + 3;
};

/** YEAR: a number, 0 for the year 0000. */
export const yearReader: ValueReader = (bytes, at, out) => {
  const year = bytes[at] ?? 0;
  out.unsigned(year === 0 ? 0 : year + 1900);
  return at + 1;
};

/** Bytes of a fraction, which is stored as hundredths, ten-thousandths or millionths. */
function fractionBytes(digits: number): number {
  if (digits > 6) throw new Malformed(`a fraction of ${digits} digits`);
  return (digits + 1) >> 1;
}

/** A number of up to six bytes, the highest first. */
function highFirst(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let index = 0; index < count; index += 1) value = value * 256 + (bytes[at + index] ?? 0);
  return value;
}

/** A fraction with an odd number of digits has one more digit in the log. */
function fractionAt(bytes: Uint8Array, at: number, digits: number): number {
  const value = highFirst(bytes, at, fractionBytes(digits));
  return digits % 2 === 0 ? value : Math.floor(value / 10);
}

/**
 * DATETIME: five bytes, the highest first: a bit that is set, 17 bits of year × 13 + month, 5 of the day, 5 of the hour,
 * 6 and 6; then the fraction (MySQL: mysys/my_time.cc, my_datetime_packed_from_binary).
 */
export function dateTimeReader(digits: number): ValueReader {
  const size = 5 + fractionBytes(digits);
  return (bytes, at, out) => {
    const first = bytes[at] ?? 0;
    const low = highFirst(bytes, at + 1, 4);
    if ((first & 0x80) === 0) throw new Malformed('a DATETIME is negative');
    const yearMonth = ((first & 0x7f) << 10) | (low >>> 22);
    const hour = (low >>> 12) & 0x1f;
    if (hour > 23) throw new Malformed(`an hour is ${hour}`);
    out.byte(quote);
    writeDate(Math.floor(yearMonth / 13), yearMonth % 13, (low >>> 17) & 0x1f, out);
    out.byte(space);
    writeClock(hour, (low >>> 6) & 0x3f, low & 0x3f, out);
    writeFraction(fractionAt(bytes, at + 5, digits), digits, out);
    out.byte(quote);
    return at + size;
  };
}

/**
 * TIME: three bytes and the fraction, the highest first, as one number to which half of its range has been added: a bit
 * that isn't used, 10 bits of the hour, 6 and 6 (MySQL: mysys/my_time.cc, my_time_packed_from_binary).
 */
export function timeReader(digits: number): ValueReader {
  const extra = fractionBytes(digits);
  const unit = 256 ** extra;
  return (bytes, at, out) => {
    const value = highFirst(bytes, at, 3 + extra) - 0x80_0000 * unit;
    const magnitude = Math.abs(value);
    const clock = Math.floor(magnitude / unit);
    const fraction = magnitude % unit;
    out.byte(quote);
    if (value < 0) out.byte(minus);
    writeClock(clock >> 12, (clock >> 6) & 0x3f, clock & 0x3f, out);
    writeFraction(digits % 2 === 0 ? fraction : Math.floor(fraction / 10), digits, out);
    out.byte(quote);
    return at + 3 + extra;
  };
}

/** The last second that was written, as text. Thousands of rows may share a second. */
let lastSecond = -1;
let lastText = new Literal('');

/** `YYYY-MM-DD hh:mm:ss`, in UTC; 0 is the zero date. */
function writeSecond(second: number, out: JsonWriter): void {
  if (second !== lastSecond) {
    const text = second === 0 ? '0000-00-00 00:00:00' : new Date(second * 1000).toISOString();
    lastText = new Literal(text.slice(0, 19).replace('T', ' '));
    lastSecond = second;
  }
  out.literal(lastText);
}

/** TIMESTAMP, in UTC: seconds in four bytes without sign, the highest first, then the fraction. */
export function timestampReader(digits: number): ValueReader {
  const size = 4 + fractionBytes(digits);
  return (bytes, at, out) => {
    const second = highFirst(bytes, at, 4);
    out.byte(quote);
    writeSecond(second, out);
    writeFraction(fractionAt(bytes, at + 4, digits), digits, out);
    out.byte(quote);
    return at + size;
  };
}

/** Bytes of the fraction in MariaDB's formats before 10.1.2, by digits; it has just these digits. */
const oldFractionBytes = [0, 1, 1, 2, 2, 3, 3] as const;
/** Bytes of TIME with a fraction in MariaDB's formats before 10.1.2. */
const oldTimeBytes = [3, 4, 4, 5, 5, 5, 6] as const;
/** The same of DATETIME. */
const oldDateTimeBytes = [8, 6, 6, 7, 7, 7, 8] as const;

/** TIMESTAMP of old: seconds, the lowest byte first; with a fraction (MariaDB alone), the highest first. */
export function oldTimestampReader(digits: number): ValueReader {
  const extra = oldFractionBytes[digits] ?? 0;
  return (bytes, at, out) => {
    const second = digits === 0 ? lowFirst(bytes, at, 4) : highFirst(bytes, at, 4);
    out.byte(quote);
    writeSecond(second, out);
    writeFraction(highFirst(bytes, at + 4, extra), digits, out);
    out.byte(quote);
    return at + 4 + extra;
  };
}

function lowFirst(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let index = count - 1; index >= 0; index -= 1) value = value * 256 + (bytes[at + index] ?? 0);
  return value;
}

/**
 * TIME of old: hhmmss as a signed number of three bytes, the lowest first; with a fraction (MariaDB alone) units of it
 * since -838:59:60, the highest first (MariaDB: sql/field.cc, Field_time_hires).
 */
export function oldTimeReader(digits: number): ValueReader {
  const size = oldTimeBytes[digits] ?? 0;
  const scale = 10 ** digits;
  return (bytes, at, out) => {
    out.byte(quote);
    if (digits === 0) {
      const value = (lowFirst(bytes, at, 3) << 8) >> 8;
      const magnitude = Math.abs(value);
      if (value < 0) out.byte(minus);
      writeClock(Math.floor(magnitude / 10_000), Math.floor(magnitude / 100) % 100, magnitude % 100, out);
    } else {
      const value = highFirst(bytes, at, size) - 3_020_400 * scale;
      const magnitude = Math.abs(value);
      const seconds = Math.floor(magnitude / scale);
      if (value < 0) out.byte(minus);
      writeClock(Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60, out);
      writeFraction(magnitude % scale, digits, out);
    }
    out.byte(quote);
    return at + size;
  };
}

/**
 * DATETIME of old: YYYYMMDDhhmmss as a number of eight bytes, the lowest first; with a fraction (MariaDB alone) units of it
 * since the year 0, of months of 32 days and years of 13 months, the highest first
 * (MariaDB: sql/field.cc, Field_datetime_hires; sql/compat56.cc).
 */
export function oldDateTimeReader(digits: number): ValueReader {
  const size = oldDateTimeBytes[digits] ?? 0;
  return (bytes, at, out) => {
    if (at + size > bytes.length) return at + size;
    const packed =
      digits === 0
        ? inDecimal(bytes.readBigUInt64LE(at))
        : inUnits(
            size === 8 ? bytes.readBigUInt64BE(at) : BigInt(`0x${bytes.toString('hex', at, at + size)}`),
            digits,
          );
    const [year, month, day, hour, minute, second, fraction] = packed;
    if (hour > 23) throw new Malformed(`an hour is ${hour}`);
    out.byte(quote);
    writeDate(year, month, day, out);
    out.byte(space);
    writeClock(hour, minute, second, out);
    writeFraction(fraction, digits, out);
    out.byte(quote);
    return at + size;
  };
}

type DateTimeParts = readonly [number, number, number, number, number, number, number];

function inDecimal(value: bigint): DateTimeParts {
  const part = (unit: bigint, size: bigint): number => Number((value / unit) % size);
  return [
    Number(value / 10_000_000_000n),
    part(100_000_000n, 100n),
    part(1_000_000n, 100n),
    part(10_000n, 100n),
    part(100n, 100n),
    part(1n, 100n),
    0,
  ];
}

function inUnits(value: bigint, digits: number): DateTimeParts {
  let rest = value;
  const next = (size: bigint): number => {
    const part = Number(rest % size);
    rest /= size;
    return part;
  };
  const fraction = next(10n ** BigInt(digits));
  const [second, minute, hour, day, month] = [next(60n), next(60n), next(24n), next(32n), next(13n)];
  return [Number(rest), month, day, hour, minute, second, fraction];
}

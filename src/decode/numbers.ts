import type { JsonWriter } from './json-writer.js';
import { Malformed } from './malformed.js';
import type { ValueReader } from './value-reader.js';

/** The whole numbers of one size (TINYINT … BIGINT); `unsigned` null where neither log nor dictionary tells. */
export function integerReader(bytes: 1 | 2 | 3 | 4 | 8, unsigned: boolean | null): ValueReader {
  if (unsigned === null) return unknownSign(bytes);
  switch (bytes) {
    case 1:
      return unsigned ? tinyUnsigned : tiny;
    case 2:
      return unsigned ? smallUnsigned : small;
    case 3:
      return unsigned ? mediumUnsigned : medium;
    case 4:
      return unsigned ? longUnsigned : long;
    case 8:
      return unsigned ? longLongUnsigned : longLong;
  }
}

const tiny: ValueReader = (bytes, at, out) => {
  out.integer(((bytes[at] ?? 0) << 24) >> 24);
  return at + 1;
};

const tinyUnsigned: ValueReader = (bytes, at, out) => {
  out.unsigned(bytes[at] ?? 0);
  return at + 1;
};

const small: ValueReader = (bytes, at, out) => {
  out.integer((two(bytes, at) << 16) >> 16);
  return at + 2;
};

const smallUnsigned: ValueReader = (bytes, at, out) => {
  out.unsigned(two(bytes, at));
  return at + 2;
};

const medium: ValueReader = (bytes, at, out) => {
  out.integer((three(bytes, at) << 8) >> 8);
  return at + 3;
};

const mediumUnsigned: ValueReader = (bytes, at, out) => {
  out.unsigned(three(bytes, at));
  return at + 3;
};

const long: ValueReader = (bytes, at, out) => {
  out.integer(four(bytes, at));
  return at + 4;
};

const longUnsigned: ValueReader = (bytes, at, out) => {
  out.unsigned(four(bytes, at) >>> 0);
  return at + 4;
};

const longLong: ValueReader = (bytes, at, out) => {
  out.integer64(four(bytes, at + 4), four(bytes, at) >>> 0, true);
  return at + 8;
};

const longLongUnsigned: ValueReader = (bytes, at, out) => {
  out.integer64(four(bytes, at + 4), four(bytes, at) >>> 0, false);
  return at + 8;
};

/** A number whose sign isn't known is told where it makes no difference; else its bytes are given. */
function unknownSign(size: 1 | 2 | 3 | 4 | 8): ValueReader {
  const read = integerReader(size, true);
  return (bytes, at, out) => {
    if ((bytes[at + size - 1] ?? 0) < 0x80) return read(bytes, at, out);
    out.base64(bytes, at, at + size);
    return at + size;
  };
}

const two = (bytes: Uint8Array, at: number): number => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);

const three = (bytes: Uint8Array, at: number): number => two(bytes, at) | ((bytes[at + 2] ?? 0) << 16);

const four = (bytes: Uint8Array, at: number): number => two(bytes, at) | (two(bytes, at + 2) << 16);

/** FLOAT: the shortest decimal that is the same single-precision number (0.1, not 0.10000000149011612). */
export const floatReader: ValueReader = (bytes, at, out) => {
  if (at + 4 <= bytes.length) writeSingle(bytes.readFloatLE(at), out);
  return at + 4;
};

/** DOUBLE: the shortest decimal that is the same number. */
export const doubleReader: ValueReader = (bytes, at, out) => {
  if (at + 8 <= bytes.length) writeDouble(bytes.readDoubleLE(at), out);
  return at + 8;
};

/** A double-precision number. @throws Malformed for infinities and NaN, which no server stores. */
export function writeDouble(value: number, out: JsonWriter): void {
  out.number(finite(value));
}

/** A single-precision number, as {@link floatReader} says. */
export function writeSingle(value: number, out: JsonWriter): void {
  out.number(shortestSingle(finite(value)));
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw new Malformed(`a number is ${value}`);
  return value;
}

function shortestSingle(value: number): number {
  if (Number.isInteger(value) && Math.abs(value) < 0x100_0000) return value;
  for (let digits = 6; digits < 9; digits += 1) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return shorter;
  }
  return Number(value.toPrecision(9));
}

/** Bytes that this many digits below a group of nine take. */
const digitsToBytes = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4] as const;

/**
 * DECIMAL, as text: all digits of its scale, no leading zeros but one. Groups of nine digits take four bytes, on either
 * side of the point by itself; the highest bit is inverted, and all bits of negative numbers are
 * (MySQL: strings/decimal.cc, decimal2bin).
 * @param quoted false: as a JSON number.
 */
export function decimalReader(precision: number, scale: number, quoted: boolean): ValueReader {
  if (precision < 1 || precision > 65 || scale > 30 || scale > precision) {
    throw new Malformed(`a DECIMAL(${precision},${scale})`);
  }
  const whole = precision - scale;
  const sizes = [...groupsOf(whole).toReversed(), ...groupsOf(scale)];
  const fractionFrom = Math.ceil(whole / 9);
  return (bytes, start, out) => {
    const invert = ((bytes[start] ?? 0) & 0x80) === 0 ? 0xff : 0;
    if (quoted) out.byte(0x22);
    if (invert !== 0) out.byte(0x2d);
    let at = start;
    let leading = true;
    for (let place = 0; place < sizes.length; place += 1) {
      if (place === fractionFrom) {
        if (leading) out.byte(0x30);
        leading = false;
        out.byte(0x2e);
      }
      const digits = sizes[place] ?? 0;
      const end = at + (digitsToBytes[digits] ?? 0);
      let value = 0;
      for (; at < end; at += 1) {
        value = value * 256 + ((bytes[at] ?? 0) ^ invert ^ (at === start ? 0x80 : 0));
      }
      if (value >= (powersOfTen[digits] ?? 0)) throw new Malformed(`${digits} decimal digits are ${value}`);
      if (!leading) out.padded(value, digits);
      else if (value !== 0) {
        out.unsigned(value);
        leading = false;
      }
    }
    if (leading) out.byte(0x30);
    if (quoted) out.byte(0x22);
    return at;
  };
}

/** The digits on one side of the point in groups, from the point on. */
function groupsOf(digits: number): number[] {
  const groups = Array.from({ length: Math.floor(digits / 9) }, () => 9);
  return digits % 9 === 0 ? groups : [...groups, digits % 9];
}

/** 10^0 … 10^9 */
export const powersOfTen: readonly number[] = Array.from({ length: 10 }, (_, exponent) => 10 ** exponent);

/** BIT: a number. @param count of bytes, the highest first. */
export function bitReader(count: number): ValueReader {
  if (count < 1 || count > 8) throw new Malformed(`a BIT column of ${count} bytes`);
  return (bytes, at, out) => {
    let [high, low] = [0, 0];
    for (let index = 0; index < count; index += 1) {
      high = (high << 8) | (low >>> 24);
      low = (low << 8) | (bytes[at + index] ?? 0);
    }
    out.integer64(high, low >>> 0, false);
    return at + count;
  };
}

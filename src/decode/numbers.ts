import type { JsonWriter } from './json-writer.js';
import { Malformed } from './malformed.js';
import type { ValueReader } from './value-reader.js';

/**
 * The integers of one size (TINYINT … BIGINT). `unsigned` is null if neither the log nor the dictionary has
 * the sign.
 */
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

/**
 * If the sign isn't known, a number is written only if it is the same either way. Otherwise its bytes are
 * written.
 */
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

const smallestNormalSingle = 2 ** -126;

function shortestSingle(value: number): number {
  if (Number.isInteger(value) && Math.abs(value) < 0x100_0000) return value;
  // Six digits distinguish any two numbers, except near 0, where they have fewer bits.
  for (let digits = Math.abs(value) < smallestNormalSingle ? 1 : 6; digits < 9; digits += 1) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return shorter;
  }
  return Number(value.toPrecision(9));
}

/** Bytes that this many digits below a group of nine take. */
const digitsToBytes = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4] as const;

/**
 * DECIMAL as text, with all digits of its scale and at most one leading zero. Each side of the point is
 * stored in groups of nine digits, four bytes each. The highest bit is inverted. In negative numbers all bits
 * are inverted (MySQL: strings/decimal.cc, decimal2bin).
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

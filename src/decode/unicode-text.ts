import type { JsonWriter } from './json-writer.js';

/** Writes bytes of a Unicode set as a JSON string. Returns false and writes nothing if they are invalid. */
export type WriteText = (bytes: Uint8Array, from: number, to: number, out: JsonWriter) => boolean;

/** What a character takes at most in a JSON string. */
const characterBytes = 6;

export const writeUtf8mb4: WriteText = (bytes, from, to, out) => out.utf8Text(bytes, from, to);

/** UTF-8 of the Basic Multilingual Plane alone. */
export const writeUtf8mb3: WriteText = (bytes, from, to, out) => out.utf8Text(bytes, from, to, 3);

/** Writes units of a fixed size as a quoted string; `next` gives a code point, or -1, and says how far it went. */
function writeUnits(
  from: number,
  to: number,
  out: JsonWriter,
  next: (at: number) => number,
  unitBytes: (point: number) => number,
): boolean {
  const start = out.at;
  out.reserve(2);
  out.byte(0x22);
  for (let at = from; at < to;) {
    const point = next(at);
    if (point < 0) {
      out.at = start;
      return false;
    }
    at += unitBytes(point);
    out.reserve(characterBytes + 1);
    out.character(point);
  }
  out.byte(0x22);
  return true;
}

const isSurrogate = (unit: number): boolean => (unit & 0xf800) === 0xd800;

/** Two bytes a character, of the Basic Multilingual Plane. */
export const writeUcs2: WriteText = (bytes, from, to, out) => {
  const next = (at: number): number => {
    const unit = at + 2 <= to ? ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0) : -1;
    return isSurrogate(unit) ? -1 : unit;
  };
  return writeUnits(from, to, out, next, () => 2);
};

/** `utf16` (high byte first) and `utf16le`. */
function utf16(high: 0 | 1): WriteText {
  return (bytes, from, to, out) => {
    const unit = (at: number): number =>
      at + 2 <= to ? ((bytes[at + high] ?? 0) << 8) | (bytes[at + 1 - high] ?? 0) : -1;
    const next = (at: number): number => {
      const first = unit(at);
      if (first < 0 || !isSurrogate(first)) return first;
      const second = unit(at + 2);
      if (first >= 0xdc00 || second < 0xdc00 || second > 0xdfff) return -1;
      return 0x1_0000 + ((first & 0x3ff) << 10) + (second & 0x3ff);
    };
    return writeUnits(from, to, out, next, (point) => (point > 0xffff ? 4 : 2));
  };
}

export const writeUtf16 = utf16(0);
export const writeUtf16le = utf16(1);

/** Four bytes a character, high byte first. */
export const writeUtf32: WriteText = (bytes, from, to, out) => {
  const next = (at: number): number => {
    if (at + 4 > to || bytes[at] !== 0 || (bytes[at + 1] ?? 0) > 0x10) return -1;
    const point = ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
    return point < 0x1_0000 && isSurrogate(point) ? -1 : point;
  };
  return writeUnits(from, to, out, next, () => 4);
};

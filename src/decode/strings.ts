import type { Charset } from './charset.js';
import { JsonWriter, Literal } from './json-writer.js';
import { Malformed } from './malformed.js';
import { decompressColumn } from './compressed-column.js';
import type { Labels } from './column.js';
import { endOf, type LengthBytes, type ValueReader } from './value-reader.js';

/**
 * Text of a character set, or bytes, as a JSON value. Bytes that are invalid in the set, binary values, and
 * values that may be binary become `{"$base64": …}`.
 */
function writeString(
  charset: Charset | null,
  bytes: Uint8Array,
  from: number,
  to: number,
  out: JsonWriter,
): void {
  if (charset?.write?.(bytes, from, to, out) !== true) out.base64(bytes, from, to);
}

/** CHAR, VARCHAR, TEXT, BLOB and their kin: a length and the bytes. */
export function stringReader(charset: Charset | null, prefix: LengthBytes): ValueReader {
  return (bytes, at, out) => {
    const end = endOf(bytes, at, prefix);
    writeString(charset, bytes, at + prefix, end, out);
    return end;
  };
}

/** BINARY. The log leaves out trailing zeros. @param size of the column, in bytes. */
export function binaryReader(size: number, prefix: LengthBytes): ValueReader {
  return (bytes, at, out) => {
    const end = endOf(bytes, at, prefix);
    const length = end - at - prefix;
    if (length > size) throw new Malformed(`a BINARY(${size}) has ${length} bytes`);
    out.base64(bytes, at + prefix, end, size - length);
    return end;
  };
}

/** MariaDB's COMPRESSED columns. @param write writes a value that has been decompressed. */
export function compressedReader(
  write: (bytes: Buffer, from: number, to: number, out: JsonWriter) => void,
  prefix: LengthBytes,
): ValueReader {
  return (bytes, at, out) => {
    const end = endOf(bytes, at, prefix);
    const value = decompressColumn(bytes.subarray(at + prefix, end));
    write(value, 0, value.length, out);
    return end;
  };
}

/** MariaDB's COMPRESSED columns of text or bytes. */
export function compressedStringReader(charset: Charset | null, prefix: LengthBytes): ValueReader {
  return compressedReader((bytes, from, to, out) => {
    writeString(charset, bytes, from, to, out);
  }, prefix);
}

/** A label as JSON, made once. */
function labelJson(charset: Charset | null, label: Buffer | null): Buffer | null {
  if (label === null) return null;
  const out = new JsonWriter(label.length * 6 + 64);
  writeString(charset, label, 0, label.length, out);
  return Buffer.from(out.bytes.subarray(0, out.at));
}

const emptyText = new Literal('""');

/**
 * ENUM: its label. An invalid value is stored as 0 and becomes the empty string. If neither the log nor the
 * dictionary has the label, it is the number.
 */
export function enumReader(size: number, charset: Charset | null, labels: Labels | null): ValueReader {
  if (size !== 1 && size !== 2) throw new Malformed(`an ENUM of ${size} bytes`);
  const texts = labels?.map((label) => {
    const json = labelJson(charset, label);
    return json === null ? null : new Literal(json);
  });
  return (bytes, at, out) => {
    const index = (bytes[at] ?? 0) | (size === 2 ? (bytes[at + 1] ?? 0) << 8 : 0);
    const text = index === 0 ? emptyText : texts === undefined ? null : texts[index - 1];
    if (text === undefined)
      throw new Malformed(`an ENUM of ${texts?.length ?? 0} labels has the value ${index}`);
    if (text === null) out.unsigned(index);
    else out.literal(text);
    return at + size;
  };
}

/**
 * SET: its labels, separated by commas. If neither the log nor the dictionary has the labels, it is a number.
 */
export function setReader(size: number, charset: Charset | null, labels: Labels | null): ValueReader {
  if (size < 1 || size > 8) throw new Malformed(`a SET of ${size} bytes`);
  if (labels === null) return setNumberReader(size);
  const texts = labels.map((label) => labelJson(charset, label));
  const readNumber = setNumberReader(size);
  return (bytes, at, out) => {
    const chosen: number[] = [];
    for (let index = 0; index < size * 8; index += 1) {
      if (((bytes[at + (index >> 3)] ?? 0) & (1 << (index & 7))) === 0) continue;
      if (index >= labels.length) throw new Malformed(`a SET of ${labels.length} labels has bit ${index}`);
      chosen.push(index);
    }
    const parts = chosen.map((index) => texts[index] ?? null);
    if (parts.includes(null)) return readNumber(bytes, at, out);
    if (parts.every((part) => part?.[0] === quote)) writeJoined(parts, out);
    else {
      const joined = Buffer.concat(
        chosen.flatMap((index, place) => [comma.subarray(place > 0 ? 0 : 1), labels[index] ?? comma]),
      );
      out.base64(joined, 0, joined.length);
    }
    return at + size;
  };
}

const quote = 0x22;
const comma = Buffer.from(',');

/** Quoted texts as one, with commas between them. */
function writeJoined(parts: readonly (Buffer | null)[], out: JsonWriter): void {
  out.reserve(1);
  out.byte(quote);
  parts.forEach((part, place) => {
    if (place > 0) out.byte(0x2c);
    if (part !== null) out.copy(part.subarray(1, -1));
  });
  out.byte(quote);
}

function setNumberReader(size: number): ValueReader {
  return (bytes, at, out) => {
    let [high, low] = [0, 0];
    for (let index = size - 1; index >= 0; index -= 1) {
      high = (high << 8) | (low >>> 24);
      low = (low << 8) | (bytes[at + index] ?? 0);
    }
    out.integer64(high, low >>> 0, false);
    return at + size;
  };
}

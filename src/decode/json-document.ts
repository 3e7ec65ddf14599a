import { type JsonWriter, shortValueBytes } from './json-writer.js';
import { Malformed } from './malformed.js';
import { decimalReader, writeDouble } from './numbers.js';
import { dateTimeText, timeText } from './packed-temporal.js';
import { columnTypes } from './column-types.js';
import { endOf, type LengthBytes, type ValueReader } from './value-reader.js';

/** Types of values in MySQL's binary JSON (MySQL: sql-common/json_binary.cc). */
const kinds = {
  smallObject: 0,
  largeObject: 1,
  smallArray: 2,
  largeArray: 3,
  literal: 4,
  int16: 5,
  uint16: 6,
  int32: 7,
  uint32: 8,
  int64: 9,
  uint64: 10,
  double: 11,
  string: 12,
  opaque: 15,
} as const;

/** MySQL's own limit of nesting. */
export const maximumDepth = 100;
const literals = ['null', 'true', 'false'] as const;

/**
 * MySQL's JSON, as the server prints it: keys in the server's order, numbers with every digit, dates as text,
 * and other SQL values as `"base64:type…:…"`. The document `null` becomes `{"$json":null}`, unlike SQL NULL.
 * A document that looks like one of waymark's marks (an object whose only key begins with `$`) is wrapped in
 * the same way.
 */
export function jsonReader(prefix: LengthBytes): ValueReader {
  return (bytes, at, out) => {
    const end = endOf(bytes, at, prefix);
    const document = new Document(bytes.subarray(at + prefix, end), out);
    const start = out.at;
    document.write();
    if (document.needsMark(start)) markDocument(out, start);
    return end;
  };
}

const head = Buffer.from('{"$json":');

/** Wraps the document from `start` in `{"$json":…}` if it would be ambiguous without it. */
export function markDocument(out: JsonWriter, start: number): void {
  out.reserve(head.length + 1);
  out.bytes.copyWithin(start + head.length, start, out.at);
  out.bytes.set(head, start);
  out.at += head.length;
  out.byte(0x7d);
}

class Document {
  readonly #bytes: Buffer;
  readonly #out: JsonWriter;
  /** No byte may belong to two values. So malicious offsets can't make the document larger than its bytes. */
  #budget: number;

  constructor(bytes: Buffer, out: JsonWriter) {
    this.#bytes = bytes;
    this.#out = out;
    this.#budget = bytes.length;
  }

  write(): void {
    // A value that was never set (INSERT IGNORE into NOT NULL) has no bytes and counts as null.
    if (this.#bytes.length === 0) {
      this.#out.ascii('null');
      return;
    }
    this.#spend(1);
    this.#value(this.#uint(0, 1), 1, maximumDepth);
  }

  /** Whether the output from `start` is ambiguous. */
  needsMark(start: number): boolean {
    const { bytes, at } = this.#out;
    if (at - start === 4 && bytes.toString('latin1', start, at) === 'null') return true;
    const kind = this.#bytes[0];
    const isObject = kind === kinds.smallObject || kind === kinds.largeObject;
    return isObject && bytes[start + 2] === 0x24 && this.#uint(1, kind === kinds.largeObject ? 4 : 2) === 1;
  }

  #spend(bytes: number): void {
    this.#budget -= bytes;
    if (this.#budget < 0) throw new Malformed('a JSON document has more in it than there is room for');
  }

  #uint(at: number, size: 1 | 2 | 4): number {
    if (at + size > this.#bytes.length) throw new Malformed('a JSON document is cut off');
    return this.#bytes.readUIntLE(at, size);
  }

  #value(kind: number, at: number, depth: number): void {
    const out = this.#out;
    out.reserve(shortValueBytes);
    switch (kind) {
      case kinds.smallObject:
      case kinds.largeObject:
        this.#container(at, kind === kinds.largeObject, true, depth);
        return;
      case kinds.smallArray:
      case kinds.largeArray:
        this.#container(at, kind === kinds.largeArray, false, depth);
        return;
      case kinds.string:
        this.#string(at);
        return;
      case kinds.opaque:
        this.#opaque(at);
        return;
      default:
        this.#scalar(kind, at);
    }
  }

  #scalar(kind: number, at: number): void {
    const out = this.#out;
    switch (kind) {
      case kinds.literal:
        this.#literal(this.#uint(at, 1));
        return;
      case kinds.int16:
        out.integer((this.#uint(at, 2) << 16) >> 16);
        return;
      case kinds.uint16:
        out.unsigned(this.#uint(at, 2));
        return;
      case kinds.int32:
        out.integer(this.#uint(at, 4) | 0);
        return;
      case kinds.uint32:
        out.unsigned(this.#uint(at, 4));
        return;
      case kinds.int64:
        this.#spend(8);
        out.integer64(this.#uint(at + 4, 4) | 0, this.#uint(at, 4), true, true);
        return;
      case kinds.uint64:
        this.#spend(8);
        out.integer64(this.#uint(at + 4, 4) | 0, this.#uint(at, 4), false, true);
        return;
      case kinds.double:
        this.#spend(8);
        if (at + 8 > this.#bytes.length) throw new Malformed('a JSON document is cut off');
        this.#double(this.#bytes.readDoubleLE(at));
        return;
      default:
        throw new Malformed(`a JSON document has a value of type ${kind}`);
    }
  }

  #literal(value: number): void {
    const text = literals[value];
    if (text === undefined) throw new Malformed(`a JSON document has the literal ${value}`);
    this.#out.ascii(text);
  }

  /** A whole number that is a double has `.0`, as the server prints it. */
  #double(value: number): void {
    const start = this.#out.at;
    writeDouble(value, this.#out);
    const { bytes, at } = this.#out;
    for (let index = start; index < at; index += 1) {
      if (bytes[index] === 0x2e || bytes[index] === 0x65) return;
    }
    this.#out.ascii('.0');
    this.#out.inexact = true;
  }

  /** A length in groups of seven bits, the lowest first. */
  #variableLength(at: number): [length: number, next: number] {
    let length = 0;
    for (let index = 0; index < 5; index += 1) {
      const byte = this.#uint(at + index, 1);
      length += (byte & 0x7f) * 128 ** index;
      if (byte < 0x80) {
        this.#spend(index + 1 + length);
        if (at + index + 1 + length > this.#bytes.length) throw new Malformed('a JSON document is cut off');
        return [length, at + index + 1];
      }
    }
    throw new Malformed('a JSON document has a length without an end');
  }

  #string(at: number): void {
    const [length, start] = this.#variableLength(at);
    this.#text(start, length);
  }

  #text(start: number, length: number): void {
    if (!this.#out.utf8Text(this.#bytes, start, start + length)) {
      throw new Malformed('a JSON document has text that is no UTF-8');
    }
  }

  /**
   * Count and size, for objects an offset and a length for each key, a type and an offset (or the value itself, where it
   * has room there) for each value; offsets count from the count, and take four bytes in large containers, else two.
   */
  #container(start: number, large: boolean, isObject: boolean, depth: number): void {
    if (depth === 0) throw new Malformed('a JSON document is nested too deeply');
    const width = large ? 4 : 2;
    const count = this.#uint(start, width);
    const size = this.#uint(start + width, width);
    if (start + size > this.#bytes.length) throw new Malformed('a JSON document is cut off');
    const keys = start + 2 * width;
    const values = keys + (isObject ? count * (width + 2) : 0);
    this.#spend(values - start + count * (1 + width));
    const out = this.#out;
    out.byte(isObject ? 0x7b : 0x5b);
    for (let index = 0; index < count; index += 1) {
      out.reserve(2);
      if (index > 0) out.byte(0x2c);
      if (isObject) this.#key(start, keys + index * (width + 2), width);
      this.#entry(start, values + index * (1 + width), width, depth - 1);
    }
    out.reserve(1);
    out.byte(isObject ? 0x7d : 0x5d);
  }

  #key(start: number, entry: number, width: 2 | 4): void {
    const length = this.#uint(entry + width, 2);
    const at = start + this.#uint(entry, width);
    this.#spend(length);
    if (at + length > this.#bytes.length) throw new Malformed('a JSON document is cut off');
    this.#text(at, length);
    this.#out.reserve(1);
    this.#out.byte(0x3a);
  }

  #entry(start: number, entry: number, width: 2 | 4, depth: number): void {
    const kind = this.#uint(entry, 1);
    const isLong = width === 4 && (kind === kinds.int32 || kind === kinds.uint32);
    const isInline = isLong || kind === kinds.literal || kind === kinds.int16 || kind === kinds.uint16;
    const at = isInline ? entry + 1 : start + this.#uint(entry + 1, width);
    if (!isInline && (kind === kinds.int32 || kind === kinds.uint32)) this.#spend(4);
    this.#value(kind, at, depth);
  }

  /** A type of SQL, a length, and the bytes. */
  #opaque(at: number): void {
    const type = this.#uint(at, 1);
    this.#spend(1);
    const [length, start] = this.#variableLength(at + 1);
    const out = this.#out;
    out.reserve(shortValueBytes);
    switch (type) {
      case columnTypes.newDecimal:
        this.#decimal(start, length);
        return;
      case columnTypes.date:
      case columnTypes.dateTime:
      case columnTypes.timestamp:
      case columnTypes.time: {
        if (length !== 8) throw new Malformed(`a JSON document has a date of ${length} bytes`);
        const packed = this.#bytes.readBigInt64LE(start);
        out.byte(0x22);
        out.ascii(
          type === columnTypes.time ? timeText(packed) : dateTimeText(packed, type === columnTypes.date),
        );
        out.byte(0x22);
        return;
      }
      default:
        out.ascii(`"base64:type${type}:`);
        out.base64Digits(this.#bytes, start, start + length);
        out.reserve(1);
        out.byte(0x22);
    }
  }

  /** Precision, scale, and the number as a DECIMAL column has it. */
  #decimal(start: number, length: number): void {
    if (length < 2) throw new Malformed('a JSON document has a DECIMAL that is cut off');
    const out = this.#out;
    const from = out.at;
    const read = decimalReader(this.#uint(start, 1), this.#uint(start + 1, 1), false);
    if (read(this.#bytes, start + 2, out) !== start + length) {
      throw new Malformed(`a JSON document has a DECIMAL of ${length} bytes`);
    }
    const text = out.bytes.toString('latin1', from, out.at);
    out.inexact ||= text !== String(Number(text));
  }
}

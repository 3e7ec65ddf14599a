import type { JsonWriter } from './json-writer.js';
import { Malformed } from './malformed.js';
import type { SpecialType } from './column.js';
import { endOf, type LengthBytes, type ValueReader } from './value-reader.js';
import { vectorReader } from './vector.js';

/** A value's bytes, with the trailing zeros that the log leaves out. */
function paddedReader(
  size: number,
  prefix: LengthBytes,
  write: (value: Buffer, out: JsonWriter) => void,
): ValueReader {
  return (bytes, at, out) => {
    const end = endOf(bytes, at, prefix);
    const length = end - at - prefix;
    if (length > size) throw new Malformed(`a value of ${size} bytes has ${length}`);
    const value = Buffer.alloc(size);
    bytes.copy(value, 0, at + prefix, end);
    out.byte(0x22);
    write(value, out);
    out.byte(0x22);
    return end;
  };
}

/** A {@link SpecialType} that is logged as BINARY or VARBINARY. */
type BinaryType = Exclude<SpecialType, 'json'>;

/** Columns of MariaDB's UUID, INET4, INET6 (text as the server prints it) and VECTOR (an array of numbers). */
export function specialReader(type: BinaryType, prefix: LengthBytes): ValueReader {
  switch (type) {
    case 'uuid':
      return paddedReader(16, prefix, writeUuid);
    case 'inet4':
      return paddedReader(4, prefix, (value, out) => {
        writeInet4(value, 0, out);
      });
    case 'inet6':
      return paddedReader(16, prefix, writeInet6);
    case 'vector':
      return vectorReader(prefix);
  }
}

function writeUuid(value: Buffer, out: JsonWriter): void {
  const hex = value.toString('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  out.ascii(parts.join('-'));
}

function writeInet4(value: Buffer, at: number, out: JsonWriter): void {
  out.ascii([...value.subarray(at, at + 4)].join('.'));
}

/**
 * The longest run of zero groups (one at least, the first of several) is `::`; addresses that stand for one of IPv4
 * (`::ffff:` and `::` before it) end in its form (MariaDB: plugin/type_inet/sql_type_inet.cc, Inet6::to_string).
 */
function writeInet6(value: Buffer, out: JsonWriter): void {
  const groups = Array.from({ length: 8 }, (_, index) => value.readUInt16BE(2 * index));
  const gap = longestZeros(groups);
  const hasInet4 = gap.start === 0 && (gap.length === 6 || (gap.length === 5 && groups[5] === 0xffff));
  const count = hasInet4 ? 6 : 8;
  for (let index = 0; index < count; index += 1) {
    if (index === gap.start) {
      out.ascii('::');
      index += gap.length - 1;
    } else {
      if (index > 0 && index !== gap.start + gap.length) out.byte(0x3a);
      out.ascii((groups[index] ?? 0).toString(16));
    }
  }
  if (!hasInet4) return;
  if (gap.length === 5) out.byte(0x3a);
  writeInet4(value, 12, out);
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 0 };
  for (let start = 0; start < groups.length; start += 1) {
    let length = 0;
    while (groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
    if (length > 0) start += length;
  }
  return best;
}

import type { JsonWriter } from './json-writer.js';
import { Malformed } from './malformed.js';

/**
 * Writes the value at `at` as JSON, and returns where the next one begins. The writer has room for a short
 * value ({@link shortValueBytes}). Beyond the end of the bytes it may read zeros. So the caller must check
 * where it ended.
 * @throws Malformed if the bytes are no value of the type.
 */
export type ValueReader = (bytes: Buffer, at: number, out: JsonWriter) => number;

/** What a value's own length takes. */
export type LengthBytes = 1 | 2 | 3 | 4;

/** A value's length, the lowest byte first. */
function lengthAt(bytes: Uint8Array, at: number, prefix: LengthBytes): number {
  let length = bytes[at] ?? 0;
  if (prefix > 1) length |= (bytes[at + 1] ?? 0) << 8;
  if (prefix > 2) length |= (bytes[at + 2] ?? 0) << 16;
  return prefix > 3 ? length + (bytes[at + 3] ?? 0) * 0x100_0000 : length;
}

/** Where a value with its length before it ends. */
export function endOf(bytes: Uint8Array, at: number, prefix: LengthBytes): number {
  const end = at + prefix + lengthAt(bytes, at, prefix);
  if (end > bytes.length) throw new Malformed('a value goes beyond the end of the event');
  return end;
}

function isLengthBytes(value: number): value is LengthBytes {
  return Number.isInteger(value) && value >= 1 && value <= 4;
}

/** The bytes that a length takes, out of a table map. */
export function lengthBytesOf(metadata: number): LengthBytes {
  if (!isLengthBytes(metadata)) throw new Malformed(`a length of ${metadata} bytes`);
  return metadata;
}

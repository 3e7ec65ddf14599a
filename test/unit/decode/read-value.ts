import { JsonWriter } from '../../../src/decode/json-writer.js';
import type { ValueReader } from '../../../src/decode/value-reader.js';
import { expect } from 'vitest';

/** Bytes that stand around a value. They are read wrongly if a reader goes one byte too far, or begins one too late. */
const around = Buffer.from('a55a3c', 'hex');

/** What a reader makes of a value in the middle of others, as JSON text. It must end where the value ends. */
export function readValue(reader: ValueReader, value: Uint8Array): string {
  const bytes = Buffer.concat([around, value, around]);
  const out = new JsonWriter();
  expect(reader(bytes, around.length, out)).toBe(around.length + value.length);
  return out.bytes.toString('utf8', 0, out.at);
}

/** A number of so many bytes, the highest first. */
export function highFirst(value: bigint, count: number): Buffer {
  const hex = BigInt.asUintN(8 * count, value).toString(16);
  return Buffer.from(hex.padStart(2 * count, '0'), 'hex');
}

/** A number of so many bytes, the lowest first. */
export function lowFirst(value: bigint, count: number): Buffer {
  return highFirst(value, count).reverse();
}

import { deflateRawSync, deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { decompressColumn } from '../../../src/decode/compressed-column.js';
import { Malformed } from '../../../src/decode/malformed.js';
import { highFirst } from './read-value.js';

const text = Buffer.from('Zwölf '.repeat(50));

/** A value as MariaDB packs it, with its length in so many bytes. */
const packed = (lengthBytes: number, { raw = false, length = text.length } = {}): Buffer =>
  Buffer.concat([
    Buffer.of(0x80 | (raw ? 0x08 : 0) | lengthBytes),
    highFirst(BigInt(length), lengthBytes),
    raw ? deflateRawSync(text) : deflateSync(text),
  ]);

test('an empty value, and one that was left as it is', () => {
  expect(decompressColumn(Buffer.alloc(0))).toEqual(Buffer.alloc(0));
  expect(decompressColumn(Buffer.of(0, 1, 2))).toEqual(Buffer.of(1, 2));
  expect(decompressColumn(Buffer.of(0))).toEqual(Buffer.alloc(0));
});

test.each([2, 3, 4])('with a length of %d bytes, with and without zlib’s header', (lengthBytes) => {
  expect(decompressColumn(packed(lengthBytes))).toEqual(text);
  expect(decompressColumn(packed(lengthBytes, { raw: true }))).toEqual(text);
});

test('with a length of one byte; nothing at all', () => {
  const [short, nothing] = [Buffer.from('short'), Buffer.alloc(0)];
  expect(decompressColumn(Buffer.concat([Buffer.of(0x81, 5), deflateSync(short)]))).toEqual(short);
  expect(decompressColumn(Buffer.concat([Buffer.of(0x81, 0), deflateSync(nothing)]))).toEqual(nothing);
});

describe('what is no such value is refused', () => {
  test.each([
    ['another method', Buffer.concat([Buffer.of(0x91), packed(1).subarray(1)])],
    ['no method', Buffer.concat([Buffer.of(0x01), packed(1).subarray(1)])],
    ['a length of no bytes', Buffer.concat([Buffer.of(0x80), deflateSync(text)])],
    ['a length of five bytes', packed(5)],
    ['a length that is cut off', Buffer.of(0x84, 0, 0, 1)],
    ['nothing behind the length', Buffer.of(0x81, 5)],
    ['less than it says', packed(2, { length: text.length + 1 })],
    ['more than it says', packed(2, { length: text.length - 1 })],
    ['damaged', Buffer.concat([packed(2).subarray(0, 5), Buffer.alloc(9)])],
  ])('%s', (_name, value) => {
    expect(() => decompressColumn(value)).toThrow(Malformed);
  });

  test('too much is refused before it is unpacked', () => {
    const most = 256 * 1024 * 1024;
    expect(() => decompressColumn(packed(4, { length: most + 1 }))).toThrow(`claims ${most + 1} bytes`);
    expect(() => decompressColumn(packed(4, { length: most }))).toThrow(`instead of ${most}`);
  });
});

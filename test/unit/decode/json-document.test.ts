import { describe, expect, test } from 'vitest';
import { jsonReader } from '../../../src/decode/json-document.js';
import { JsonWriter } from '../../../src/decode/json-writer.js';
import { Malformed } from '../../../src/decode/malformed.js';

/** What a document in MySQL's binary form is written as. */
function written(document: Buffer): string {
  const value = Buffer.concat([Buffer.alloc(4), document]);
  value.writeUInt32LE(document.length);
  const out = new JsonWriter(256);
  expect(jsonReader(4)(value, 0, out)).toBe(value.length);
  return out.bytes.toString('utf8', 0, out.at);
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

test.each([
  // What MySQL 9.7.4 wrote.
  ['05 0100', '1'],
  ['00 0100 1600 0b00 0100 02 0c00 61 0200 0a00 05 0100 05 0200', '{"a":[1,2]}'],
  ['', '{"$json":null}'],
  ['04 00', '{"$json":null}'],
  ['04 01', 'true'],
])('%s is %s', (document, json) => {
  expect(written(hex(document))).toBe(json);
});

describe('what is no document is refused', () => {
  test.each([
    ['a type that is not known', '0d 00'],
    ['a literal that is not known', '04 05'],
    ['cut off', '07 01'],
    ['a container beyond the end', '02 0100 ff00 05 0100'],
    ['a string beyond the end', '0c 7f 61'],
    ['a length without an end', '0c ff ff ff ff ff ff'],
    ['text that is no UTF-8', '0c 01 ff'],
    ['NaN', '0b 000000000000f87f'],
    ['a date of another size', '0f 0a 01 00'],
    ['a DECIMAL that is cut off', '0f f6 03 0a 02 80'],
    ['an impossible DECIMAL', '0f f6 03 ff 02 80'],
    // Both members are the array itself.
    ['an array in itself', '02 0200 0a00 02 0000 02 0000'],
  ])('%s', (_name, document) => {
    expect(() => written(hex(document))).toThrow(Malformed);
  });

  test('offsets that show one part again and again', () => {
    // 1,000 members, each of them the same array of the same kind: small in the log, endless when written.
    const member = hex('02 0400 1000 05 0100 05 0200 05 0300 05 0400');
    const count = 1000;
    const head = Buffer.alloc(8 + 5 * count);
    head.writeUInt32LE(count, 0);
    head.writeUInt32LE(head.length + member.length - 1, 4);
    for (let index = 0; index < count; index += 1) {
      head.writeUInt8(2, 8 + 5 * index);
      head.writeUInt32LE(head.length, 9 + 5 * index);
    }
    expect(() => written(Buffer.concat([Buffer.of(3), head, member.subarray(1)]))).toThrow('more in it');
  });

  test('nested more deeply than any server stores', () => {
    const arrays = Array.from({ length: 200 }, (_, depth) => {
      const size = 7 * (200 - depth);
      return Buffer.concat([Buffer.of(1, 0, size & 0xff, size >> 8, 2, 7, 0)]);
    });
    expect(() => written(Buffer.concat([Buffer.of(2), ...arrays, hex('0000 0400')]))).toThrow('too deeply');
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonReader } from '../../../src/decode/json-document.js';
import { JsonWriter } from '../../../src/decode/json-writer.js';
import { Malformed } from '../../../src/decode/malformed.js';
import { container, documentOf, documents, double, literal, opaque, string } from './json-nodes.js';
import { lowFirst } from './read-value.js';

/** What a document in MySQL's binary form is written as, and whether the writer calls it inexact. */
function writtenBy(document: Buffer): { readonly text: string; readonly inexact: boolean } {
  const value = Buffer.concat([Buffer.alloc(4), document]);
  value.writeUInt32LE(document.length);
  const out = new JsonWriter(256);
  expect(jsonReader(4)(value, 0, out)).toBe(value.length);
  return { text: out.bytes.toString('utf8', 0, out.at), inexact: out.inexact };
}

const written = (document: Buffer): string => writtenBy(document).text;

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

/** Whether a document could be taken for SQL's NULL, or for one of waymark's marks. */
function isLikeMark(document: unknown): boolean {
  if (typeof document !== 'object' || Array.isArray(document)) return false;
  const names = Object.keys(document ?? {});
  return document === null || (names.length === 1 && names.every((name) => name.startsWith('$')));
}

test('any document is as the server prints it, and inexact if JSON.parse would change a number', () => {
  fc.assert(
    fc.property(documents, (node) => {
      const { text, inexact } = writtenBy(documentOf(node));
      expect(text).toBe(isLikeMark(JSON.parse(node.text)) ? `{"$json":${node.text}}` : node.text);
      if (!inexact) expect(JSON.stringify(JSON.parse(text))).toBe(text);
    }),
    { numRuns: 1000 },
  );
});

describe('what could be taken for a mark is wrapped', () => {
  const one = literal(1);
  test.each([
    ['null', literal(0), '{"$json":null}'],
    ['an object of one key with $', container([one], ['$a'], false), '{"$json":{"$a":true}}'],
    ['the same, a large one', container([one], ['$a'], true), '{"$json":{"$a":true}}'],
    ['an object of two keys', container([one, one], ['$a', '$b'], false), '{"$a":true,"$b":true}'],
    ['the same, a large one', container([one, one], ['$a', '$b'], true), '{"$a":true,"$b":true}'],
    ['an object of another key', container([one], ['a'], false), '{"a":true}'],
    ['an array of such a text', container([string('$a')], null, false), '["$a"]'],
    ['the text null', string('null'), '"null"'],
  ])('%s', (_name, node, expected) => {
    expect(written(documentOf(node))).toBe(expected);
  });
});

describe('values of types of SQL', () => {
  const packed = (value: bigint): Buffer => lowFirst(value, 8);
  const dateTime = (year: bigint, month: bigint, day: bigint, clock = 0n, micros = 0n): bigint =>
    (((((year * 13n + month) << 5n) | day) << 17n) | clock) * 2n ** 24n + micros;
  const clock = (hour: bigint, minute: bigint, second: bigint): bigint =>
    (hour << 12n) | (minute << 6n) | second;
  const time = (hour: bigint, minute: bigint, second: bigint, micros: bigint): bigint =>
    clock(hour, minute, second) * 2n ** 24n + micros;
  const textOf = (type: number, value: Buffer): string => written(documentOf(opaque(type, value, '')));

  test.each([
    [10, dateTime(2026n, 11n, 21n), '"2026-11-21"'],
    [10, 0n, '"0000-00-00"'],
    [12, dateTime(2026n, 11n, 21n, clock(20n, 14n, 53n), 12_345n), '"2026-11-21 20:14:53.012345"'],
    [7, dateTime(9999n, 12n, 31n, clock(23n, 59n, 59n), 999_999n), '"9999-12-31 23:59:59.999999"'],
    [11, time(838n, 59n, 59n, 0n), '"838:59:59.000000"'],
    [11, -time(1n, 2n, 3n, 4n), '"-01:02:03.000004"'],
    [11, 0n, '"00:00:00.000000"'],
  ])('type %d, %d', (type, value, expected) => {
    expect(textOf(type, packed(value))).toBe(expected);
  });

  test.each([
    ['a minute', time(0n, 60n, 0n, 0n)],
    ['a second', time(0n, 0n, 60n, 0n)],
    ['a fraction', time(0n, 0n, 0n, 1_000_000n)],
  ])('%s that there is not is refused', (_name, value) => {
    expect(() => textOf(11, packed(value))).toThrow(Malformed);
    expect(() => textOf(12, packed(value))).toThrow(Malformed);
  });

  test('a DECIMAL is a number with all its digits, inexact if JSON.parse would drop one', () => {
    const decimal = (precision: number, scale: number, ...bytes: number[]) =>
      writtenBy(documentOf(opaque(246, Buffer.of(precision, scale, ...bytes), '')));
    expect(decimal(3, 2, 0x81, 50)).toEqual({ text: '1.50', inexact: true });
    expect(decimal(3, 2, 0x81, 25)).toEqual({ text: '1.25', inexact: false });
    expect(decimal(1, 0, 0x87)).toEqual({ text: '7', inexact: false });
    expect(() => decimal(1, 0, 0x87, 0)).toThrow('a DECIMAL of 4 bytes');
    expect(() => textOf(246, Buffer.of(1))).toThrow('a DECIMAL that is cut off');
  });
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

  test('nested as deeply as a server stores, and no more', () => {
    const nested = (depth: number): Buffer => {
      let node = literal(1);
      for (let level = 0; level < depth; level += 1) node = container([node], null, level % 2 === 0);
      return documentOf(node);
    };
    expect(written(nested(100))).toBe(`${'['.repeat(100)}true${']'.repeat(100)}`);
    expect(() => written(nested(101))).toThrow('too deeply');
  });

  test('cut off anywhere', () => {
    const keys = ['a', 'b', 'c'];
    for (const large of [false, true]) {
      const nodes = [string('text'), double(1.5), container([literal(1)], ['k'], large)];
      const whole = documentOf(container(nodes, keys, large));
      for (let end = 1; end < whole.length; end += 1) {
        expect(() => written(whole.subarray(0, end))).toThrow(Malformed);
      }
    }
  });

  test('nested more deeply than any server stores', () => {
    const arrays = Array.from({ length: 200 }, (_, depth) => {
      const size = 7 * (200 - depth);
      return Buffer.concat([Buffer.of(1, 0, size & 0xff, size >> 8, 2, 7, 0)]);
    });
    expect(() => written(Buffer.concat([Buffer.of(2), ...arrays, hex('0000 0400')]))).toThrow('too deeply');
  });
});

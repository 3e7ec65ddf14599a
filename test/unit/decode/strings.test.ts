import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { charsetByName } from '../../../src/decode/charset.js';
import { Malformed } from '../../../src/decode/malformed.js';
import { binaryReader, enumReader, setReader, stringReader } from '../../../src/decode/strings.js';
import { lengthBytesOf } from '../../../src/decode/value-reader.js';
import { lowFirst, readValue } from './read-value.js';

const utf8 = charsetByName('utf8mb4') ?? null;
const binary = charsetByName('binary') ?? null;
const base64 = (bytes: Uint8Array): string => `{"$base64":"${Buffer.from(bytes).toString('base64')}"}`;

const withLength = (bytes: Uint8Array, prefix: number): Buffer =>
  Buffer.concat([lowFirst(BigInt(bytes.length), prefix), bytes]);

describe.each([1, 2, 3, 4] as const)('behind a length of %d bytes', (prefix) => {
  const most = prefix === 1 ? 255 : 70_000;

  test('text, and bytes', () => {
    for (const length of [0, 1, 200, 255, 256, 300, 65_535, 65_536, 70_000].filter(
      (count) => count <= Math.min(most, prefix === 2 ? 65_535 : most),
    )) {
      const text = 'x'.repeat(length);
      const bytes = Buffer.from(text);
      expect(readValue(stringReader(utf8, prefix), withLength(bytes, prefix))).toBe(JSON.stringify(text));
      for (const charset of [binary, null]) {
        expect(readValue(stringReader(charset, prefix), withLength(bytes, prefix))).toBe(base64(bytes));
      }
    }
  });

  test('beyond the end of the event it is refused', () => {
    const value = withLength(Buffer.from('text'), prefix);
    const cut = (count: number) => () =>
      readValue(stringReader(utf8, prefix), value.subarray(0, value.length - count));
    // Three bytes stand behind it here.
    expect(cut(4)).toThrow(Malformed);
  });
});

test('a length of a GEOMETRY, a BLOB or a TEXT has one to four bytes', () => {
  expect([1, 2, 3, 4].map(lengthBytesOf)).toEqual([1, 2, 3, 4]);
  for (const size of [0, 5, 1.5]) expect(() => lengthBytesOf(size)).toThrow(Malformed);
});

test('text that its character set doesn’t have is bytes', () => {
  expect(readValue(stringReader(utf8, 1), withLength(Buffer.of(0xff), 1))).toBe(base64(Buffer.of(0xff)));
  const latin1 = charsetByName('latin1') ?? null;
  expect(readValue(stringReader(latin1, 1), withLength(Buffer.of(0xe9), 1))).toBe('"é"');
});

test('BINARY has its zeros, which the log leaves out, and no more than its bytes', () => {
  const value = withLength(Buffer.of(1, 2), 1);
  expect(readValue(binaryReader(5, 1), value)).toBe(base64(Buffer.of(1, 2, 0, 0, 0)));
  expect(readValue(binaryReader(2, 1), value)).toBe(base64(Buffer.of(1, 2)));
  expect(() => readValue(binaryReader(1, 1), value)).toThrow(Malformed);
  expect(readValue(binaryReader(300, 2), withLength(Buffer.of(1, 2), 2))).toBe(
    base64(Buffer.concat([Buffer.of(1, 2)], 300)),
  );
});

describe('ENUM', () => {
  const labels = ['a', 'b,"', 'é'].map((label) => Buffer.from(label));

  test('its label, and the empty text for what was invalid', () => {
    const texts = [0, 1, 2, 3].map((index) => readValue(enumReader(1, utf8, labels), Buffer.of(index)));
    expect(texts.map((text): unknown => JSON.parse(text))).toEqual(['', 'a', 'b,"', 'é']);
    expect(() => readValue(enumReader(1, utf8, labels), Buffer.of(4))).toThrow(Malformed);
  });

  test('of more than 255 labels', () => {
    const many = Array.from({ length: 300 }, (_, index) => Buffer.from(`v${index + 1}`));
    expect(
      [1, 255, 256, 300].map((index) => readValue(enumReader(2, utf8, many), lowFirst(BigInt(index), 2))),
    ).toEqual([...['"v1"', '"v255"', '"v256"', '"v300"']]);
  });

  test('its number where the label isn’t known', () => {
    expect([0, 1, 200].map((index) => readValue(enumReader(1, utf8, null), Buffer.of(index)))).toEqual([
      ...['""', '1', '200'],
    ]);
    const some = enumReader(1, utf8, [null, Buffer.from('b')]);
    expect([1, 2].map((index) => readValue(some, Buffer.of(index)))).toEqual(['1', '"b"']);
  });

  test('a label that isn’t text is bytes', () => {
    expect(readValue(enumReader(1, utf8, [Buffer.of(0xff)]), Buffer.of(1))).toBe(base64(Buffer.of(0xff)));
  });

  test.each([0, 3])('%d bytes are none', (size) => {
    expect(() => enumReader(size, utf8, [])).toThrow(Malformed);
  });
});

describe('SET', () => {
  const labelsOf = (count: number) => Array.from({ length: count }, (_, index) => Buffer.from(`s${index}`));

  test('its labels in the order of the definition, separated by commas', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 64 }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (count, bits) => {
          const value = BigInt.asUintN(count, bits);
          const size = Math.ceil(count / 8);
          const expected = labelsOf(count).filter((_, index) => ((value >> BigInt(index)) & 1n) === 1n);
          expect(readValue(setReader(size, utf8, labelsOf(count)), lowFirst(value, size))).toBe(
            `"${expected.map(String).join(',')}"`,
          );
          // Without its labels it is a number.
          const number = value < 2n ** 53n ? `${value}` : `"${value}"`;
          expect(readValue(setReader(size, utf8, null), lowFirst(value, size))).toBe(number);
        },
      ),
    );
  });

  test('a bit without a label is refused', () => {
    expect(() => readValue(setReader(1, utf8, labelsOf(2)), Buffer.of(0b100))).toThrow(Malformed);
  });

  test('a number where one of its labels isn’t known', () => {
    const reader = setReader(1, utf8, [Buffer.from('a'), null, Buffer.from('c')]);
    expect([0b101, 0b111, 0b010].map((bits) => readValue(reader, Buffer.of(bits)))).toEqual([
      '"a,c"',
      '7',
      '2',
    ]);
  });

  test('bytes where one of its labels isn’t text', () => {
    const reader = setReader(1, utf8, [Buffer.from('a'), Buffer.of(0xff), Buffer.from('c')]);
    expect(readValue(reader, Buffer.of(0b101))).toBe('"a,c"');
    expect(readValue(reader, Buffer.of(0b111))).toBe(
      base64(Buffer.concat([Buffer.from('a,'), Buffer.of(0xff), Buffer.from(',c')])),
    );
    expect(readValue(reader, Buffer.of(0b010))).toBe(base64(Buffer.of(0xff)));
  });

  test.each([0, 9])('%d bytes are none', (size) => {
    expect(() => setReader(size, utf8, null)).toThrow(Malformed);
  });
});

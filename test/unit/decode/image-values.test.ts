import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ExactNumber } from '../../../src/decode/exact-number.js';
import { imageValues } from '../../../src/decode/image-values.js';

const values = (json: string, inexact: boolean) => imageValues(Buffer.from(json), inexact);

test('read one way or the other, an image is the same', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })), (image) => {
      const json = JSON.stringify(image);
      // Strings are compared faster than deep values are.
      expect(JSON.stringify(values(json, true))).toBe(json);
      expect(JSON.stringify(values(json, false))).toBe(json);
    }),
    { numRuns: 50 },
  );
});

describe('numbers that a JavaScript number can not hold', () => {
  test.each([
    '9007199254740993',
    '-18446744073709551615',
    '12345678901234567890.12',
    '0.12345678901234567',
    '1e400',
  ])('%s keeps its digits', (text) => {
    const image = values(`{"d":{"n":[${text}]}}`, true);
    expect(image).toEqual({ d: { n: [new ExactNumber(text)] } });
  });

  test.each(['1', '1.10', '0.1', '-5e-7', '9007199254740991', '1e100', '100000', '2.0', '0', '0.0'])(
    '%s is a number',
    (text) => {
      expect(values(`{"n":${text}}`, true)).toEqual({ n: Number(text) });
    },
  );

  test('-0 stays what it is', () => {
    const image = values('{"n":-0}', true);
    expect(Object.is(image['n'], -0)).toBe(true);
  });
});

test('names that mean something to JavaScript are names like any others', () => {
  for (const inexact of [true, false]) {
    const image = values('{"__proto__":{"__proto__":1},"constructor":2}', inexact);
    expect(Object.entries(image)).toHaveLength(2);
    expect(JSON.stringify(image)).toBe('{"__proto__":{"__proto__":1},"constructor":2}');
  }
});

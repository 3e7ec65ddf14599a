import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonWriter } from '../../../src/decode/json-writer.js';

/** What is written into a buffer that is too small at first. */
function written(write: (out: JsonWriter) => void): string {
  const out = new JsonWriter(1);
  out.reserve(128);
  write(out);
  return out.bytes.toString('utf8', 0, out.at);
}

describe('numbers', () => {
  test('whole numbers, both signs', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expect(
          written((out) => {
            out.integer(value);
          }),
        ).toBe(String(value));
      }),
    );
    for (let exponent = 0; exponent <= 15; exponent += 1) {
      for (const value of [10 ** exponent, 10 ** exponent - 1, 2 ** (exponent * 3)]) {
        expect(
          written((out) => {
            out.integer(value);
          }),
        ).toBe(String(value));
      }
    }
  });

  test('64 bits: text beyond what JavaScript holds, unless bare', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), (value) => {
        const bits = BigInt.asUintN(64, value);
        const [high, low] = [Number(bits >> 32n) | 0, Number(bits & 0xffff_ffffn)];
        const signed = value < 0n;
        const isSafe = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
        expect(
          written((out) => {
            out.integer64(high, low, signed);
          }),
        ).toBe(isSafe ? String(value) : `"${value}"`);
        const out = new JsonWriter();
        out.integer64(high, low, signed, true);
        expect(out.bytes.toString('latin1', 0, out.at)).toBe(String(value));
        expect(out.inexact).toBe(!isSafe);
      }),
    );
  });

  test.each([-(2n ** 53n), -(2n ** 53n) + 1n, 2n ** 53n - 1n, 2n ** 53n, -1n, -(2n ** 32n)])(
    '%s',
    (value) => {
      const bits = BigInt.asUintN(64, value);
      const isSafe = Number.isSafeInteger(Number(value));
      expect(
        written((out) => {
          out.integer64(Number(bits >> 32n) | 0, Number(bits & 0xffff_ffffn), true);
        }),
      ).toBe(isSafe ? String(value) : `"${value}"`);
    },
  );

  test('any number comes back as the same one, -0 too', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(
          JSON.parse(
            written((out) => {
              out.number(value);
            }),
          ),
        ).toBe(value);
      }),
    );
    expect(
      written((out) => {
        out.number(-0);
      }),
    ).toBe('-0');
  });
});

describe('text', () => {
  test('is what JSON.stringify makes of it, at any length', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(3), (text, repeats) => {
        const long = text.repeat(1 + 1000 * repeats);
        expect(
          written((out) => {
            out.text(long);
          }),
        ).toBe(JSON.stringify(long));
      }),
    );
  });

  test('what is no UTF-8 is told, and leaves nothing behind', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (bytes) => {
        const out = new JsonWriter(1);
        const isText = Buffer.from(Buffer.from(bytes).toString('utf8')).equals(bytes);
        expect(out.utf8Text(bytes, 0, bytes.length)).toBe(isText);
        if (!isText) expect(out.at).toBe(0);
      }),
      { numRuns: 2000 },
    );
  });

  test.each(['c080', 'eda080', 'f4908080', 'f8', 'e28f', '80', 'f0808080', 'e08080'])('%s is none', (hex) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(new JsonWriter().utf8Text(bytes, 0, bytes.length)).toBe(false);
  });

  test('a character at the border of two pieces stays whole', () => {
    for (let before = 16 * 1024 - 5; before < 16 * 1024 + 2; before += 1) {
      const text = `${'x'.repeat(before)}💡漢é"`;
      expect(
        written((out) => {
          out.text(text);
        }),
      ).toBe(JSON.stringify(text));
    }
  });

  test('characters by their code points', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const json = written((out) => {
          for (const character of text) {
            out.reserve(8);
            out.character(character.codePointAt(0) ?? 0);
          }
        });
        expect(`"${json}"`).toBe(JSON.stringify(text));
      }),
    );
  });
});

test('base64, with zeros behind', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.nat(10), (bytes, zeros) => {
      const expected = Buffer.concat([bytes, Buffer.alloc(zeros)]).toString('base64');
      expect(
        written((out) => {
          out.base64(bytes, 0, bytes.length, zeros);
        }),
      ).toBe(`{"$base64":"${expected}"}`);
    }),
  );
});

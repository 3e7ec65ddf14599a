import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { charsetByName } from '../../../src/decode/charset.js';
import { packedTables } from '../../../src/decode/charset-data.js';
import { textOf, textOfStatement } from '../../../src/decode/statement-text.js';
import { exactInteger, variableValue } from '../../../src/decode/user-variable.js';
import { millisecondsFor } from '../support/large-texts.js';

const collations = {
  latin1: 8,
  sjis: 13,
  gbk: 28,
  gb18030: 248,
  ujis: 12,
  ascii: 11,
  binary: 63,
  utf8mb3: 33,
  swe7: 10,
};

/** As the log's reader gives it. */
function textOfBytes(
  bytes: Buffer,
  charset: keyof typeof collations | null,
): { text: string; isSure: boolean } {
  const sql = bytes.toString('utf8');
  const session = {
    collation: charset === null ? null : collations[charset],
    quoting: { ansiQuotes: false, noBackslashEscapes: false },
  };
  const isUtf8 = Buffer.from(sql).equals(bytes);
  return textOfStatement(isUtf8 ? { schema: '', sql, session } : { schema: '', sql, session, bytes });
}

describe('the text of a statement', () => {
  test.each([
    ['latin1', '53e9', 'Sé'],
    ['sjis', '835c27', "ソ'"],
    ['gbk', 'd6d0', '中'],
    ['gb18030', '8139ef30', '㐁'],
    ['ujis', '8fb0a1', '丂'],
    ['utf8mb3', 'f09f92a1', '💡'],
    ['binary', 'c3a9', 'é'],
    ['swe7', '5b27', "['"],
    [null, 'c3a9', 'é'],
  ] as const)('in %s, %s: %s', (charset, hex, text) => {
    expect(textOfBytes(Buffer.from(hex, 'hex'), charset)).toEqual({ text, isSure: true });
  });

  test.each([
    ['ascii', '27e927c3a9', "'\ufffd'\ufffd\ufffd"],
    // The last byte of a character is missing; 0x5c is the backslash again.
    ['sjis', '81', '\ufffd'],
    ['sjis', '41ff835c42', 'A\ufffdソB'],
    ['gbk', 'd6d0ff27', "中\ufffd'"],
    ['binary', '27ff27', "'\ufffd'"],
    [null, '27ff27', "'\ufffd'"],
  ] as const)('in %s, %s: what is no text', (charset, hex, text) => {
    expect(textOfBytes(Buffer.from(hex, 'hex'), charset)).toEqual({ text, isSure: false });
  });

  test.each([
    ['latin1', 'c3a9', 'Ã©'],
    ['latin1', 'e92cc3a9', 'é,Ã©'],
    ['gbk', 'd0a1', '小'],
  ] as const)('in %s, %s: %s, which may be UTF-8 that the server has written', (charset, hex, text) => {
    expect(textOfBytes(Buffer.from(hex, 'hex'), charset)).toEqual({ text, isSure: false });
  });

  test('any bytes in any set: ASCII stays, and what is text is as a whole', () => {
    const names = Object.keys(collations).filter(
      (name): name is keyof typeof collations => name in collations,
    );
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.uint8Array({ maxLength: 50 }), (name, array) => {
        const bytes = Buffer.from(array);
        const { text, isSure } = textOfBytes(bytes, name);
        const write = charsetByName(name)?.write;
        if (write && name !== 'swe7' && !name.startsWith('utf8')) {
          const whole = textOf(write, bytes);
          if (whole !== null) expect(text).toBe(whole);
          else
            expect({ isSure, isMarked: text.includes('\ufffd') }).toEqual({ isSure: false, isMarked: true });
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('all sets of clients but swe7 have ASCII in them', () => {
    const ascii = Buffer.from(Array.from({ length: 128 }, (_, byte) => byte));
    const others = Object.keys(packedTables).filter((name) => {
      const write = charsetByName(name)?.write;
      return write && textOf(write, ascii) !== ascii.toString('latin1');
    });
    expect(others).toEqual(['swe7']);
  });

  test('1 MiB of what is no text takes time by their length alone', () => {
    const bytes = Buffer.alloc(1024 * 1024, Buffer.from('ff4181fe', 'hex'));
    expect(millisecondsFor(() => textOfBytes(bytes, 'sjis'))).toBeLessThan(5000);
  });
});

describe('the value of a user variable', () => {
  test.each([
    [{ kind: 'null' }, null],
    [{ kind: 'integer', value: -5n }, -5],
    [{ kind: 'integer', value: 2n ** 64n - 1n }, '18446744073709551615'],
    [{ kind: 'real', value: 2.5 }, 2.5],
    [{ kind: 'real', value: -0 }, '-0'],
    [{ kind: 'decimal', precision: 3, scale: 2, bytes: Buffer.from('8132', 'hex') }, '1.50'],
    [{ kind: 'text', collation: 255, bytes: Buffer.from('é"\\') }, 'é"\\'],
    [{ kind: 'text', collation: 8, bytes: Buffer.of(0xe9) }, 'é'],
    [{ kind: 'text', collation: 255, bytes: Buffer.of(0xe9) }, { $base64: '6Q==' }],
    [{ kind: 'text', collation: 63, bytes: Buffer.from('a') }, { $base64: 'YQ==' }],
    [{ kind: 'text', collation: 9999, bytes: Buffer.from('a') }, { $base64: 'YQ==' }],
  ] as const)('%o', (value, expected) => {
    expect(variableValue(value)).toEqual(expected);
  });

  test('a DECIMAL that is none is told', () => {
    const value = { kind: 'decimal', precision: 3, scale: 2, bytes: Buffer.alloc(9) } as const;
    expect(() => variableValue(value)).toThrow(expect.objectContaining({ code: 'unsupported-event' }));
    expect(() => variableValue({ ...value, precision: 99 })).toThrow(
      expect.objectContaining({ code: 'unsupported-event' }),
    );
  });

  test('numbers keep every digit', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        expect(BigInt(exactInteger(value))).toBe(value);
      }),
    );
  });
});

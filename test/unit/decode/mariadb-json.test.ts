import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { imageValues } from '../../../src/decode/image-values.js';
import { jsonTextReader } from '../../../src/decode/mariadb-json.js';
import { JsonWriter } from '../../../src/decode/json-writer.js';

/** What a text is written as, and whether it has numbers that JavaScript can't hold. */
function written(text: string | Buffer): { json: string; inexact: boolean } {
  const bytes = Buffer.from(text as string);
  const value = Buffer.concat([Buffer.alloc(4), bytes]);
  value.writeUInt32LE(bytes.length);
  const out = new JsonWriter(64);
  expect(jsonTextReader(4)(value, 0, out)).toBe(value.length);
  return { json: out.bytes.toString('utf8', 0, out.at), inexact: out.inexact };
}

describe('a document', () => {
  test.each([
    ['{}', '{}'],
    [' [ 1 ,\t2\r\n] ', '[1,2]'],
    ['{"b": 1, "a": {"c": [true, false, null]}}', '{"b":1,"a":{"c":[true,false,null]}}'],
    ['"text"', '"text"'],
    ['12', '12'],
    ['null', '{"$json":null}'],
    [' null', '{"$json":null}'],
    ['"null"', '"null"'],
    ['{"$base64": "AAAA"}', '{"$json":{"$base64":"AAAA"}}'],
    ['{"\\u0024x": 1}', '{"$json":{"$x":1}}'],
    ['{"$a": 1, "$b": 2}', '{"$a":1,"$b":2}'],
    ['{"a": {"$b": 1}}', '{"a":{"$b":1}}'],
    ['[{"$b": 1}]', '[{"$b":1}]'],
    ['"a\\u00e9\\/\\n\\"\\ud83d\\ude00\\ud800"', '"aé/\\n\\"😀\\ud800"'],
    ['{"__proto__": {"__proto__": 1}}', '{"__proto__":{"__proto__":1}}'],
    ['{"": 1, " ": 2}', '{"":1," ":2}'],
    ['{"2": 1, "10": 2, "1": 3}', '{"2":1,"10":2,"1":3}'],
    ['[[[]], {"a": {}}]', '[[[]],{"a":{}}]'],
  ])('%s', (text, json) => {
    expect(written(text).json).toBe(json);
  });

  test.each([
    '0',
    '-0',
    '1.10',
    '2.0',
    '1e400',
    '1E-400',
    '-0.0',
    '12345678901234567890.12',
    '1e+5',
    '5e-324',
  ])('the digits of %s stay as they are', (text) => {
    const { json, inexact } = written(`[${text}, "x"]`);
    expect(json).toBe(`[${text},"x"]`);
    const values = imageValues(Buffer.from(`{"n":${json}}`), inexact)['n'] as unknown[];
    const isHeld = Number(text) !== 0 || !/[1-9]/.test(text.replace(/e.*/i, ''));
    if (isHeld && Number.isFinite(Number(text)) && text.length < 20) expect(values[0]).toBe(Number(text));
    else expect(String(values[0])).toBe(text);
  });

  test('is read as any reader of JSON reads it', () => {
    fc.assert(
      fc.property(fc.json({ noUnicodeString: false }), fc.constantFrom(0, 1, 3), (text, indent) => {
        const value: unknown = JSON.parse(text);
        const { json } = written(JSON.stringify(value, null, indent));
        const members = typeof value === 'object' && value !== null ? Object.keys(value) : [];
        const isMarked =
          value === null ||
          (!Array.isArray(value) && members.length === 1 && members[0]?.startsWith('$') === true);
        expect(json).toBe(isMarked ? `{"$json":${JSON.stringify(value)}}` : JSON.stringify(value));
      }),
    );
  });

  test('of megabytes is read in one go', () => {
    const long = JSON.stringify({
      text: 'x\n'.repeat(4_000_000),
      list: Array.from({ length: 100_000 }, () => 1.5),
    });
    const { json } = written(long);
    expect(json === long).toBe(true);
    const image = imageValues(Buffer.from(`{"d":${json}}`), true);
    expect(JSON.stringify(image['d']) === long).toBe(true);
  });
});

describe('what is no document for every reader stays text', () => {
  test.each([
    '',
    ' ',
    'nix',
    '{"a":1,"a":1}',
    '{"a":1,"b":2,"\\u0061":3}',
    '[{"a":1,"a":2}]',
    '1.',
    '.5',
    '01',
    '+1',
    '-',
    '1e',
    'NaN',
    'True',
    '"\\x"',
    '"\\u12"',
    '"a\tb"',
    '"a',
    '"a\\"',
    '[1,]',
    '[1 2]',
    '[1',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{a:1}',
    '[1]x',
    '1 2',
    '\f1',
    '\ufeff1',
    `${'['.repeat(101)}${']'.repeat(101)}`,
  ])('%j', (text) => {
    expect(written(text)).toEqual({ json: JSON.stringify({ $text: text }), inexact: false });
  });

  test('and bytes that are no text are bytes', () => {
    for (const hex of ['ff', '22ff22', '225c6eff22', '5b312cff5d']) {
      const bytes = Buffer.from(hex, 'hex');
      expect(written(bytes).json).toBe(JSON.stringify({ $base64: bytes.toString('base64') }));
    }
  });

  test('whatever it is, what comes out is JSON', () => {
    const parts = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      '1',
      '.5',
      'e',
      '-',
      'null',
      ' ',
      'a',
      'é',
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), (list) => {
        const text = list.join('');
        const { json } = written(text);
        const value: unknown = JSON.parse(json);
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        if (!isJson) expect(value).toEqual({ $text: text });
      }),
      { numRuns: 2000 },
    );
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printable } from '../../../src/util/printable.js';

test('nothing that a terminal obeys is left, whatever comes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      // eslint-disable-next-line no-control-regex
      expect(printable(text)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    }),
  );
});

test('a document of JSON means the same afterwards', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(printable(JSON.stringify(value)))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('what is text stays', () => {
  expect(printable('a\tb\nzwölf 中文 👍🏽 └─')).toBe('a\tb\nzwölf 中文 👍🏽 └─');
});

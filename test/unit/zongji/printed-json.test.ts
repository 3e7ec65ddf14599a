import fc from 'fast-check';
import { expect, test } from 'vitest';
import { membersOf, spacedJson } from '../../../src/zongji/printed-json.js';

test('a space stands behind each comma and colon, and none is put into text', () => {
  expect(spacedJson('{"a":[1,-2.50,"x,y:{\\"z\\":1}"],"b":{},"c":null}')).toBe(
    '{"a": [1, -2.50, "x,y:{\\"z\\":1}"], "b": {}, "c": null}',
  );
});

test('members keep their text', () => {
  const members = membersOf('{"a":1.50,"b,\\"":{"a":[1,{"a":2}],"b":"}"},"c":"x","__proto__":[]}');
  expect([...members]).toEqual([
    ['a', '1.50'],
    ['b,"', '{"a":[1,{"a":2}],"b":"}"}'],
    ['c', '"x"'],
    ['__proto__', '[]'],
  ]);
  expect([...membersOf('{}')]).toEqual([]);
});

test('whatever the document', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (document) => {
      const json = JSON.stringify(document);
      expect(JSON.parse(spacedJson(json))).toEqual(JSON.parse(json));
      const members = [...membersOf(json)].map(([key, text]) => [key, JSON.parse(text) as unknown]);
      expect(members).toEqual(Object.entries(JSON.parse(json) as object));
    }),
  );
});

test('a string of megabytes', () => {
  const json = JSON.stringify({ a: 'x'.repeat(20_000_000), b: 1 });
  expect(spacedJson(json)).toHaveLength(json.length + 3);
  expect(membersOf(json).get('b')).toBe('1');
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatCoordinates, parseCoordinates } from '../../../src/binlog/coordinates.js';

test('what is written is read', () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[\w.-]{1,40}$/),
      fc.integer({ min: 4, max: 2 ** 40 }),
      (file, position) => {
        expect(parseCoordinates(formatCoordinates({ file, position }))).toEqual({ file, position });
      },
    ),
  );
});

test.each([
  '',
  'mysql-bin.000001',
  ':4',
  'mysql-bin.000001:',
  'mysql-bin.000001:3',
  'a b:4',
  '../x:4',
  'a:-4',
  'a:4.5',
])('"%s" is refused', (text) => {
  expect(() => parseCoordinates(text)).toThrow(expect.objectContaining({ code: 'usage' }));
});

import { expect, test } from 'vitest';
import { variableValue } from '../../../src/decode/user-variable.js';
import { undecodableChange } from '../../../src/tail/unreadable-error.js';

const place = { file: 'mysql-bin.000018', position: 1234 };

/** What reading a value that is none throws. */
function refusalOf(read: () => unknown): unknown {
  try {
    read();
  } catch (error) {
    return error;
  }
  throw new Error('it was read');
}

test('what a statement is carried out with and can not be read is refused with its place', () => {
  const decimal = { kind: 'decimal', precision: 3, scale: 2, bytes: Buffer.alloc(9) } as const;
  const error = undecodableChange(
    refusalOf(() => variableValue(decimal)),
    null,
    'db1:3306',
    place,
  );
  expect(error).toMatchObject({
    code: 'unsupported-event',
    message: expect.stringMatching(
      /^A statement before mysql-bin\.000018:1234 on db1:3306 can't be read: A user variable/,
    ) as string,
    details: { server: 'db1:3306', ...place },
  });
  expect(error.details).not.toHaveProperty('table');
});

test('a change is refused with its table, too', () => {
  const error = undecodableChange(
    new RangeError('cut off'),
    { schema: 'shop', table: 't' },
    'db1:3306',
    place,
  );
  expect(error).toMatchObject({ code: 'protocol', details: { table: 'shop.t', ...place } });
  expect(error.message).toContain('A change of shop.t before mysql-bin.000018:1234');
});

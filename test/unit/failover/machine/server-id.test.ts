import { expect, test } from 'vitest';
import { isIdTaken } from '../../../../src/failover/machine/lost-stream.js';
import { WaymarkError } from '../../../../src/util/errors.js';

test.each([
  ['MariaDB says that there is another', 4052, false, true],
  ['MySQL ends a stream that had begun', 1236, true, true],
  ['MySQL does not serve the place at all', 1236, false, false],
  ['the server shuts down', 1053, true, false],
  ['the connection ends', undefined, true, false],
] as const)('%s', (_name, errorNumber, hadBegun, expected) => {
  const details = errorNumber === undefined ? {} : { errorNumber };
  expect(isIdTaken(new WaymarkError('stream-broken', 'ended', { details }), hadBegun)).toBe(expected);
});

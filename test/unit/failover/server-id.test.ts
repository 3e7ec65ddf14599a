import { pino } from 'pino';
import { expect, test } from 'vitest';
import { ServerId } from '../../../src/failover/server-id.js';
import { WaymarkError } from '../../../src/util/errors.js';

const configured = 4242;

/** Whether another id is taken when a stream ends with that number. */
function changes(errorNumber: number | undefined, hadBegun: boolean): boolean {
  const id = new ServerId(configured, pino({ level: 'silent' }));
  const details = errorNumber === undefined ? {} : { errorNumber };
  id.streamEnded(new WaymarkError('stream-broken', 'ended', { details }), 'db1:3306', hadBegun);
  return id.current !== configured;
}

test.each([
  ['MariaDB says that there is another', 4052, false, true],
  ['MySQL ends a stream that had begun', 1236, true, true],
  ['MySQL does not serve the place at all', 1236, false, false],
  ['the server shuts down', 1053, true, false],
  ['the connection ends', undefined, true, false],
] as const)('%s', (_name, number, hadBegun, expected) => {
  expect(changes(number, hadBegun)).toBe(expected);
});

test('without a configured one it is from the upper half, where nobody else is', () => {
  expect(new ServerId(undefined, pino({ level: 'silent' })).current).toBeGreaterThanOrEqual(2 ** 31);
});

import { expect, test } from 'vitest';
import { judgedSince, restartGraceOf } from '../../../../src/failover/machine/suspicion.js';
import { WaymarkError } from '../../../../src/util/errors.js';

const broken = new WaymarkError('stream-broken', 'db1:3306 closed the binlog stream');
const farewell = new WaymarkError('stream-broken', 'db1:3306 ended the binlog stream', {
  details: { tookLeave: true },
});

test('a server that took its leave is waited for a moment, any other only as configured', () => {
  expect(restartGraceOf(broken, 0)).toBe(0);
  expect(restartGraceOf(broken, 40_000)).toBe(40_000);
  expect(restartGraceOf(farewell, 0)).toBeGreaterThanOrEqual(1000);
  expect(restartGraceOf(farewell, 0)).toBeLessThanOrEqual(10_000);
  expect(restartGraceOf(farewell, 40_000)).toBe(40_000);
});

test('what a server answered right after its last heartbeat says nothing of a silence of two seconds', () => {
  const now = 10_000;
  expect(judgedSince(broken, now)).toBe(now);
  const since = judgedSince(new WaymarkError('stream-silent', 'silent'), now);
  expect(since).toBeGreaterThan(now - 2000 + 500);
  expect(since).toBeLessThan(now);
});

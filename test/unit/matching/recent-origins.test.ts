import { expect, test } from 'vitest';
import { RecentOrigins } from '../../../src/matching/recent-origins.js';
import type { TrailEntry } from '../../../src/matching/trail.js';

const gtid = (number: number): string => `g:0-1-${number}`;

test('has what came lately, whatever stands between, and does not grow', () => {
  const recent = new RecentOrigins();
  for (let number = 1; number <= 10_000; number += 1) {
    expect(recent.has(gtid(number))).toBe(false);
    recent.add(gtid(number));
    recent.add(`g:1-1-${number}`);
    for (const back of [0, 1, 60]) if (number > back) expect(recent.has(gtid(number - back))).toBe(true);
  }
  expect(recent.has(gtid(9000))).toBe(false);
});

test('origins of MySQL are not unique, and not kept', () => {
  const recent = new RecentOrigins();
  for (const origin of ['c:1763755800123456', 'u:3e11fa47-71ca-11e1-9e33-c80aa9429562:23', '']) {
    recent.add(origin);
    expect(recent.has(origin)).toBe(false);
  }
});

test('goes on behind a trail', () => {
  const entries = Array.from({ length: 2000 }, (_, number): TrailEntry => ({
    kind: 'transaction',
    identity: { digest: 1n, second: 2, origin: gtid(number) },
  }));
  const recent = new RecentOrigins(entries);
  expect(recent.has(gtid(1999))).toBe(true);
  expect(recent.has(gtid(1800))).toBe(true);
  expect(recent.has(gtid(2000))).toBe(false);
});

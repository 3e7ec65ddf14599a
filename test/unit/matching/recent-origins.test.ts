import { expect, test } from 'vitest';
import { digestOf } from '../../../src/transactions/identity.js';
import { RecentOrigins } from '../../../src/matching/recent-origins.js';
import type { TrailEntry } from '../../../src/matching/trail.js';

const identity = (origin: string, digest = 1n): { origin: string; digest: bigint } => ({ origin, digest });
const gtid = (number: number, digest = 1n) => identity(`g:0-1-${number}`, digest);

test('has what came lately, whatever stands between, and does not grow', () => {
  const recent = new RecentOrigins();
  for (let number = 1; number <= 10_000; number += 1) {
    expect(recent.has(gtid(number))).toBe(false);
    recent.add(gtid(number));
    recent.add(identity(`g:1-1-${number}`));
    for (const back of [0, 1, 60]) if (number > back) expect(recent.has(gtid(number - back))).toBe(true);
  }
  expect(recent.has(gtid(9000))).toBe(false);
});

test('origins of MySQL are not unique, and not kept', () => {
  const recent = new RecentOrigins();
  for (const origin of ['c:1763755800123456', 'u:3e11fa47-71ca-11e1-9e33-c80aa9429562:23', '']) {
    recent.add(identity(origin));
    expect(recent.has(identity(origin))).toBe(false);
    expect(recent.digestOf(origin)).toBeNull();
  }
});

test('goes on behind a trail', () => {
  const entries = Array.from({ length: 2000 }, (_, number): TrailEntry => ({
    kind: 'transaction',
    identity: { ...gtid(number), second: 2 },
  }));
  const recent = new RecentOrigins(entries);
  expect(recent.has(gtid(1999))).toBe(true);
  expect(recent.has(gtid(1800))).toBe(true);
  expect(recent.has(gtid(2000))).toBe(false);
});

test('the same GTID with other content is another transaction, where contents can be compared', () => {
  const recent = new RecentOrigins();
  const [whole, partly] = [digestOf('content', 5, 1n), digestOf('shape', 5, 2n)];
  recent.add(gtid(1, whole));
  expect(recent.has(gtid(1, whole))).toBe(true);
  expect(recent.has(gtid(1, digestOf('content', 5, 2n)))).toBe(false);
  expect(recent.has(gtid(1, partly))).toBe(true);
  expect(recent.has(gtid(1, digestOf('shape', 6, 2n)))).toBe(false);
  expect(recent.has(gtid(1, digestOf('origin', 6, 3n)))).toBe(true);
  expect(recent.digestOf('g:0-1-1')).toBe(whole);
});

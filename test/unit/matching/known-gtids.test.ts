import { expect, test } from 'vitest';
import { GtidState } from '../../../src/gtids/gtid-state.js';
import { deliveredBefore } from '../../../src/matching/known-gtids.js';
import type { TrailEntry } from '../../../src/matching/trail.js';

const uuid = 'f9131de3-ec82-11f1-97d7-02fc00000001';

function trailOf(...gtids: readonly string[]): TrailEntry[] {
  const [first = ''] = gtids;
  return [
    { kind: 'gtid', gtid: first, coordinates: { file: 'bin.000001', position: 4 } },
    ...gtids.map((gtid): TrailEntry => ({
      kind: 'transaction',
      identity: { origin: `g:${gtid}`, second: 1, digest: 1n },
    })),
  ];
}

test('MySQL: what was delivered and is not in the trail came before it, in whatever order', () => {
  const isOld = deliveredBefore(
    trailOf(`${uuid}:10`, `${uuid}:7`, `${uuid}:12`),
    GtidState.parse(`${uuid}:1-10:12`),
  );
  expect([1, 6, 8, 9].map((number) => isOld(`${uuid}:${number}`))).toEqual([true, true, true, true]);
  // Compared.
  expect([7, 10, 12].map((number) => isOld(`${uuid}:${number}`))).toEqual([false, false, false]);
  // Delivered from this log.
  expect([11, 13].map((number) => isOld(`${uuid}:${number}`))).toEqual([false, false]);
});

test('MariaDB: the same for each domain, and a number that came again in the trail is compared', () => {
  const isOld = deliveredBefore(trailOf('0-1-40', '0-1-42'), GtidState.parse('0-1-42,7-1-5'));
  expect(isOld('0-1-39')).toBe(true);
  expect(['0-1-40', '0-1-41', '0-1-42', '0-1-43'].some(isOld)).toBe(false);
  expect(isOld('7-1-5')).toBe(true);
  expect(isOld('7-1-6')).toBe(false);
  expect(isOld('9-1-1')).toBe(false);
});

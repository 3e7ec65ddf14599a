import { expect, test } from 'vitest';
import { hasArrived, isLevel } from '../../../../src/failover/machine/reading.js';
import type { Coordinates } from '../../../../src/binlog/coordinates.js';

const at = (position: number, file = 'bin.000001'): Coordinates => ({ file, position });

/** After which batch of these, by number from 1, the stream has arrived; 0: at once; null: not yet. */
function arrivedAt(logEnd: Coordinates | null, ...batches: [records: number, position: Coordinates][]) {
  if (isLevel(logEnd, at(100))) return 0;
  let before: Coordinates | null = null;
  for (const [index, [records, position]] of batches.entries()) {
    if (hasArrived({ logEnd, at: before }, { records, hints: 0, position })) return index + 1;
    before = position;
  }
  return null;
}

test('with the first record, or level with where the log ended', () => {
  expect(arrivedAt(at(100))).toBe(0);
  expect(arrivedAt(at(300), [0, at(200)])).toBe(null);
  expect(arrivedAt(at(300), [0, at(200)], [1, at(250)])).toBe(2);
  expect(arrivedAt(at(300), [0, at(200)], [0, at(300)])).toBe(2);
  expect(arrivedAt(at(300), [0, at(200)], [0, at(200)])).toBe(null);
});

test('behind where the log ended, in a later file', () => {
  expect(arrivedAt(at(300), [0, at(50, 'bin.000002')])).toBe(1);
  expect(arrivedAt(at(300, 'bin.000002'), [0, at(900)])).toBe(null);
});

test('where the log ended is not known: with the first batch that brings nothing', () => {
  expect(arrivedAt(null, [0, at(100)])).toBe(null);
  expect(arrivedAt(null, [0, at(100)], [0, at(200)], [0, at(200)])).toBe(3);
  expect(arrivedAt(null, [1, at(200)])).toBe(1);
});

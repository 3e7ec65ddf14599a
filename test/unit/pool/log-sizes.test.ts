import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesBetween, isBehind } from '../../../src/pool/log-sizes.js';
import { sampleMember } from '../http/status-samples.js';

const logs = [
  { file: 'a.1', sizeBytes: 1000 },
  { file: 'a.2', sizeBytes: 2000 },
  { file: 'b.1', sizeBytes: 500 },
];
const at = (file: string, position: number) => ({ file, position });

test('bytes between two places', () => {
  expect(bytesBetween(at('a.2', 100), at('a.2', 150), [])).toBe(50);
  expect(bytesBetween(at('a.1', 100), at('a.2', 150), logs)).toBe(900 + 150);
  expect(bytesBetween(at('a.1', 100), at('b.1', 4), logs)).toBe(900 + 2000 + 4);
  // The end was seen a moment ago, and the stream has gone on.
  expect(bytesBetween(at('a.2', 150), at('a.2', 100), [])).toBe(0);
  expect(bytesBetween(at('b.1', 4), at('a.2', 100), logs)).toBe(0);
  expect(bytesBetween(at('a.1', 4), at('c.1', 4), logs)).toBeNull();
  expect(bytesBetween(at('a.0', 4), at('a.1', 4), logs)).toBeNull();
});

test('never below nothing, and the sum over any place between', () => {
  const place = fc
    .constantFrom(...logs)
    .chain(({ file, sizeBytes }) =>
      fc.integer({ min: 4, max: sizeBytes }).map((position) => at(file, position)),
    );
  fc.assert(
    fc.property(place, place, place, (a, b, c) => {
      const order = (p: typeof a): number => logs.findIndex(({ file }) => file === p.file) * 1e6 + p.position;
      const [first, middle, last] = [a, b, c].toSorted((x, y) => order(x) - order(y)) as [
        typeof a,
        typeof a,
        typeof a,
      ];
      const [whole, left, right] = [
        bytesBetween(first, last, logs) ?? Number.NaN,
        bytesBetween(first, middle, logs) ?? Number.NaN,
        bytesBetween(middle, last, logs) ?? Number.NaN,
      ];
      expect(whole).toBe(left + right);
      expect(bytesBetween(last, first, logs)).toBeGreaterThanOrEqual(0);
    }),
  );
});

test('whether file sizes are needed at all', () => {
  expect(isBehind(at('mysql-bin.000018', 4), sampleMember)).toBe(false);
  expect(isBehind(at('mysql-bin.000017', 4), sampleMember)).toBe(true);
  expect(isBehind(at('', 0), sampleMember)).toBe(false);
  expect(isBehind(at('mysql-bin.000017', 4), { ...sampleMember, evidence: null })).toBe(false);
});

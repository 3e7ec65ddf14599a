import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Identity } from '../../../src/transactions/identity.js';
import { IdentityList } from '../../../src/matching/identity-list.js';

const origin = fc.oneof(
  fc.tuple(fc.nat(3), fc.nat(3), fc.maxSafeNat()).map(([a, b, c]) => `g:${a}-${b}-${c}`),
  fc.maxSafeNat().map((microseconds) => `c:${microseconds}`),
  fc.bigInt({ min: 2n ** 52n, max: 2n ** 64n - 1n }).map((number) => `g:0-1-${number}`),
  fc.nat().map((number) => `u:3e11fa47-71ca-11e1-9e33-c80aa9429562:${number}`),
  fc.stringMatching(/^[a-z0:-]{0,4}0{0,3}[0-9]{0,17}$/),
);
const identity: fc.Arbitrary<Identity> = fc.record({
  digest: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  second: fc.integer({ min: 0, max: 2 ** 32 }),
  origin,
});
const step = fc.oneof(
  { weight: 5, arbitrary: fc.array(identity, { maxLength: 700 }) },
  { weight: 2, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
  { weight: 1, arbitrary: fc.constant('clear' as const) },
);

test('gives back what was put in, whatever is taken out at its beginning', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const list = new IdentityList();
      let expected: Identity[] = [];
      for (const next of steps) {
        if (next === 'clear') {
          list.clear();
          expected = [];
        } else if (typeof next === 'number') {
          const count = Math.floor(next * expected.length);
          list.drop(count);
          expected = expected.slice(count);
        } else {
          for (const one of next) list.push(one);
          expected.push(...next);
        }
        expect(Array.from({ length: list.length }, (_, index) => list.at(index))).toEqual(expected);
      }
      expect(() => list.at(-1)).toThrow(RangeError);
      expect(() => list.at(list.length)).toThrow(RangeError);
    }),
    { numRuns: 60 },
  );
});

test('a million take some thirty bytes each', () => {
  const list = new IdentityList();
  const before = process.memoryUsage().arrayBuffers;
  for (let number = 0; number < 1_000_000; number += 1) {
    list.push({ digest: BigInt(number), second: 1, origin: `g:0-1-${number}` });
  }
  expect((process.memoryUsage().arrayBuffers - before) / 1_000_000).toBeLessThan(64);
  expect(list.at(999_999).origin).toBe('g:0-1-999999');
});

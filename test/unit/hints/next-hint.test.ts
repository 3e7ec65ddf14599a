import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareHints, type Hint, hintFromToken } from '../../../src/hints/hint.js';
import { hintCounter, hintSeconds, nextHint } from '../../../src/hints/next-hint.js';

const hex = (value: bigint, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const nowMs = fc.integer({ min: 0, max: 4_294_967_295_999 });
const ascending = fc
  .tuple(
    fc.bigInt({ min: 0n, max: 0xffff_fffen }),
    fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
    fc.bigInt({ min: 0n, max: 0xffff_ffffn }),
  )
  .map(([seconds, counter, tail]) =>
    hintFromToken(`asc:${hex(seconds, 8)}:${hex(counter, 16)}:${hex(tail, 8)}`),
  );

describe('nextHint', () => {
  test('is newer than the previous one, whatever the clock says', () => {
    fc.assert(
      fc.property(ascending, nowMs, random, (previous, now, tail) => {
        const next = nextHint(previous, now, tail);
        expect(next.ascending).toBe(true);
        expect(compareHints(next, previous)).toBeGreaterThan(0);
      }),
    );
  });

  test('goes on ascending over any walk of the clock', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(nowMs, random), { minLength: 2 }), (steps) => {
        let previous: Hint | null = null;
        for (const [now, tail] of steps) {
          const next = nextHint(previous, now, tail);
          if (previous !== null) expect(compareHints(next, previous)).toBeGreaterThan(0);
          previous = next;
        }
      }),
    );
  });

  test('says the second and counts on from the previous one', () => {
    const first = nextHint(null, 1_446_461_207_999, 0);
    expect(first.token).toBe('asc:56373F17:0000000000000001:00000000');
    const second = nextHint(first, 1_446_461_208_000, 0.5);
    expect(second.token).toBe('asc:56373F18:0000000000000002:80000000');
    expect(hintSeconds(second)).toBe(1_446_461_208);
    expect(hintCounter(second)).toBe(2n);
  });

  test('keeps the second when the clock is set back', () => {
    const previous = hintFromToken('asc:56373F17:00000000000000FF:50EC77A1');
    expect(nextHint(previous, 0, 0).token).toBe('asc:56373F17:0000000000000100:00000000');
  });

  test('begins anew behind a hint that does not ascend', () => {
    const previous = hintFromToken('some-uuid');
    expect(nextHint(previous, 1000, 0).token).toBe('asc:00000001:0000000000000001:00000000');
    expect(hintSeconds(previous)).toBeNull();
    expect(hintCounter(previous)).toBeNull();
  });

  test('a full counter moves on to the next second', () => {
    const full = hintFromToken('asc:56373F17:FFFFFFFFFFFFFFFF:50EC77A1');
    expect(nextHint(full, 0, 0).token).toBe('asc:56373F18:0000000000000000:00000000');
    const last = hintFromToken('asc:FFFFFFFF:FFFFFFFFFFFFFFFF:00000000');
    expect(() => nextHint(last, 0, 0)).toThrow(RangeError);
  });
});

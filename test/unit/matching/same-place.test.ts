import { expect, test } from 'vitest';
import { endsAlike } from '../../../src/matching/same-place.js';
import type { Identity } from '../../../src/matching/trail.js';

const transaction = (number: number): Identity => ({ digest: BigInt(number), second: 100, origin: '' });
const trailOf = (...numbers: number[]): Identity[] => numbers.map(transaction);
/** Negative numbers are those of which nothing is delivered. */
const logOf = (...numbers: number[]) =>
  numbers.map((number) => ({ identity: transaction(Math.abs(number)), deliverable: number > 0 }));

test('the same transactions, as far as both go', () => {
  expect(endsAlike(logOf(1, 2, 3), trailOf(1, 2, 3))).toBe(true);
  expect(endsAlike(logOf(2, 3), trailOf(1, 2, 3))).toBe(true);
  expect(endsAlike(logOf(1, 2, 3), trailOf(3))).toBe(true);
  expect(endsAlike(logOf(), trailOf(3))).toBe(true);
  expect(endsAlike(logOf(1, 2), trailOf())).toBe(true);
});

test('another transaction, another order, one too many or too few', () => {
  expect(endsAlike(logOf(1, 2, 4), trailOf(1, 2, 3))).toBe(false);
  expect(endsAlike(logOf(1, 3, 2), trailOf(1, 2, 3))).toBe(false);
  expect(endsAlike(logOf(1, 2, 3, 4), trailOf(1, 2, 3))).toBe(false);
  expect(endsAlike(logOf(1, 3), trailOf(1, 2, 3))).toBe(false);
});

test('what is not delivered may be in the log alone, and nothing but that is no proof', () => {
  expect(endsAlike(logOf(1, -2, 3, -4), trailOf(1, 3))).toBe(true);
  expect(endsAlike(logOf(1, -2, 3, -4), trailOf(1, 2, 3, 4))).toBe(true);
  expect(endsAlike(logOf(-7, -8), trailOf(1, 3))).toBe(false);
});

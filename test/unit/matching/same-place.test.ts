import { expect, test } from 'vitest';
import { endsAlike } from '../../../src/matching/same-place.js';
import type { Identity } from '../../../src/matching/trail.js';

const transaction = (number: number): Identity => ({ digest: BigInt(number), second: 100, origin: '' });
const entryOf = (identity: Identity) => ({ kind: 'transaction' as const, identity });
const trailOf = (...numbers: number[]) => numbers.map((number) => entryOf(transaction(number)));
/** Negative numbers are those of which nothing is delivered. */
const logOf = (...numbers: number[]) =>
  numbers.map((number) => ({ identity: transaction(Math.abs(number)), deliverable: number > 0 }));

test('the same transactions, as far as both go', () => {
  expect(endsAlike(logOf(1, 2, 3), trailOf(1, 2, 3))).toBe(true);
  expect(endsAlike(logOf(2, 3), trailOf(1, 2, 3))).toBe(true);
  expect(endsAlike(logOf(1, 2, 3), trailOf(3))).toBe(true);
  // A log without anything proves nothing.
  expect(endsAlike(logOf(), trailOf(3))).toBe(false);
  expect(endsAlike(logOf(), trailOf())).toBe(true);
  expect(endsAlike(logOf(1, 2), trailOf())).toBe(true);
});

test('another transaction, another order, one too many or too few', () => {
  expect(endsAlike(logOf(1, 2, 4), trailOf(1, 2, 3))).toBe(false);
  expect(endsAlike(logOf(1, 3, 2), trailOf(1, 2, 3))).toBe(false);
  expect(endsAlike(logOf(1, 2, 3, 4), trailOf(1, 2, 3))).toBe(false);
  expect(endsAlike(logOf(1, 3), trailOf(1, 2, 3))).toBe(false);
});

test('one that comes a second time may be in the log alone', () => {
  const gtid = (number: number): Identity => ({
    digest: BigInt(number),
    second: 1,
    origin: `g:0-1-${number}`,
  });
  const trail = [1, 2, 3].map((number) => entryOf(gtid(number)));
  const log = [1, 2, 1, 3].map((number) => ({ identity: gtid(number), deliverable: true }));
  expect(endsAlike(log, trail)).toBe(true);
  expect(endsAlike([{ identity: gtid(4), deliverable: true }, ...log], trail)).toBe(true);
  expect(endsAlike([...log, { identity: gtid(4), deliverable: true }], trail)).toBe(false);
});

test('what is not delivered may be in the log alone, and nothing but that is no proof', () => {
  expect(endsAlike(logOf(1, -2, 3, -4), trailOf(1, 3))).toBe(true);
  expect(endsAlike(logOf(1, -2, 3, -4), trailOf(1, 2, 3, 4))).toBe(true);
  expect(endsAlike(logOf(-7, -8), trailOf(1, 3))).toBe(false);
});

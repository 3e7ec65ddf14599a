import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Comparison,
  comparisonOf,
  digestOf,
  compareDigests,
  sameContent,
  weaker,
} from '../../../src/transactions/identity.js';

const comparison = fc.constantFrom<Comparison>('content', 'shape', 'origin');
const shape = fc.integer();
const content = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const digest = fc.tuple(comparison, shape, content).map((parts) => digestOf(...parts));

describe('a digest', () => {
  test('has 64 bits, and says by what it can be compared', () => {
    fc.assert(
      fc.property(comparison, shape, content, (by, of, what) => {
        const value = digestOf(by, of, what);
        expect(value).toBe(BigInt.asUintN(64, value));
        expect(comparisonOf(value)).toBe(by);
        expect(sameContent(value, digestOf('content', 0, what))).toBe(true);
        expect(sameContent(value, digestOf(by, of, what ^ 1n))).toBe(false);
      }),
    );
  });
});

describe('by what two are one transaction’s', () => {
  test.each<[string, bigint, bigint, Comparison | null]>([
    ['the same', digestOf('content', 1, 9n), digestOf('content', 1, 9n), 'content'],
    ['other content', digestOf('content', 1, 9n), digestOf('content', 1, 8n), null],
    ['one in part, of the same shape', digestOf('content', 1, 9n), digestOf('shape', 1, 8n), 'shape'],
    ['one in part, of another shape', digestOf('content', 1, 9n), digestOf('shape', 2, 8n), null],
    ['both in part, the same parts', digestOf('shape', 1, 8n), digestOf('shape', 1, 8n), 'content'],
    ['both in part, other parts', digestOf('shape', 1, 8n), digestOf('shape', 1, 7n), 'shape'],
    ['a statement and rows', digestOf('origin', 1, 9n), digestOf('content', 2, 8n), 'origin'],
    ['a statement and rows in part', digestOf('origin', 1, 9n), digestOf('shape', 2, 8n), 'origin'],
    ['the same statement', digestOf('origin', 1, 9n), digestOf('origin', 1, 9n), 'content'],
    ['two statements', digestOf('origin', 1, 9n), digestOf('origin', 2, 8n), 'origin'],
  ])('%s', (_name, a, b, expected) => {
    expect(compareDigests(a, b)).toBe(expected);
    expect(compareDigests(b, a)).toBe(expected);
  });

  test('never by more than both can be compared by, but for what is equal', () => {
    fc.assert(
      fc.property(digest, digest, (a, b) => {
        const by = compareDigests(a, b);
        if (a === b || by === null) return;
        expect(by).toBe(weaker(comparisonOf(a), comparisonOf(b)));
      }),
    );
  });
});

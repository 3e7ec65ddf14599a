import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Comparison, digestOf } from '../../../src/transactions/identity.js';
import { compareIdentities, IdentityBag, sameTransaction } from '../../../src/matching/identity-bag.js';
import type { Identity } from '../../../src/matching/trail.js';

const identity = (digest: bigint, second = 100, origin = ''): Identity => ({ digest, second, origin });

describe('whether two are one transaction', () => {
  test.each([
    ['all the same', identity(1n, 100, 'g:0-1-1'), identity(1n, 100, 'g:0-1-1'), true],
    ['other content', identity(1n, 100, 'g:0-1-1'), identity(2n, 100, 'g:0-1-1'), false],
    ['the same mark, another second', identity(1n, 100, 'c:5'), identity(1n, 101, 'c:5'), true],
    ['the same second, another mark', identity(1n, 100, 'c:5'), identity(1n, 100, 'c:6'), false],
    ['marks of two kinds, the same second', identity(1n, 100, 'c:5'), identity(1n, 100, 'g:0-1-1'), true],
    ['marks of two kinds, another second', identity(1n, 100, 'c:5'), identity(1n, 101, 'g:0-1-1'), false],
    ['one without a mark, the same second', identity(1n, 100), identity(1n, 100, 'g:0-1-1'), true],
    ['both without, the same second', identity(1n), identity(1n), true],
    ['both without, another second', identity(1n, 100), identity(1n, 101), false],
  ])('%s', (_name, a, b, expected) => {
    expect(sameTransaction(a, b)).toBe(expected);
    expect(sameTransaction(b, a)).toBe(expected);
  });
});

const arbitrary: fc.Arbitrary<Identity> = fc.record({
  digest: fc
    .tuple(
      fc.constantFrom<Comparison>('content', 'content', 'shape', 'origin'),
      fc.nat(1),
      fc.bigInt({ min: 0n, max: 2n }),
    )
    .map((parts) => digestOf(...parts)),
  second: fc.nat(2),
  origin: fc.constantFrom('', 'g:1', 'g:2', 'c:1'),
});

describe('the bag', () => {
  test('what is put in can be taken out as often, the first one first', () => {
    const bag = new IdentityBag();
    bag.add(identity(1n), 10);
    bag.add(identity(1n), 11);
    bag.add(identity(2n), 12);
    const taken = [bag.take(identity(1n)), bag.take(identity(1n)), bag.take(identity(1n))];
    expect(taken.map((one) => one?.value ?? null)).toEqual([10, 11, null]);
    expect(bag.size).toBe(1);
    expect(bag.take(identity(2n))).toEqual({ value: 12, by: 'content' });
    expect(bag.size).toBe(0);
  });

  test('is as a plain list searched from its beginning: for the same content, the same origin, whatever it may be', () => {
    fc.assert(
      fc.property(
        fc.array(arbitrary, { maxLength: 20 }),
        fc.array(arbitrary, { maxLength: 30 }),
        (put, taken) => {
          const bag = new IdentityBag();
          const list = put.map((one, value) => ({ one, value }));
          for (const { one, value } of list) bag.add(one, value);
          for (const wanted of taken) {
            const preferences: ((one: Identity) => boolean)[] = [
              (one) => one.digest === wanted.digest,
              (one) => one.origin !== '' && one.origin === wanted.origin,
              () => true,
            ];
            const at = preferences
              .map((prefers) => list.findIndex(({ one }) => sameTransaction(one, wanted) && prefers(one)))
              .find((index) => index >= 0);
            const expected = at === undefined ? undefined : list.splice(at, 1)[0];
            const by = expected && compareIdentities(expected.one, wanted);
            expect(bag.take(wanted)).toEqual(expected ? { value: expected.value, by } : null);
            expect(bag.size).toBe(list.length);
          }
        },
      ),
    );
  });

  test('a mark that was put in is known, also when its transaction has been taken', () => {
    const bag = new IdentityBag();
    bag.add(identity(1n, 100, 'g:0-1-1'), 1);
    bag.take(identity(1n, 100, 'g:0-1-1'));
    expect(bag.sameOrigin(identity(9n, 100, 'g:0-1-1'))).toBe(true);
    expect(bag.sameOrigin(identity(9n, 100, 'g:0-1-2'))).toBe(false);
    expect(bag.sameOrigin(identity(9n, 100))).toBe(false);
  });

  test('other content under a GTID that was put in is told; what can’t be compared, or shares a commit time, isn’t', () => {
    const bag = new IdentityBag();
    bag.add(identity(digestOf('content', 5, 1n), 100, 'g:0-1-1'), 7);
    bag.add(identity(1n, 100, 'c:1'), 8);
    bag.take(identity(digestOf('content', 5, 1n), 100, 'g:0-1-1'));
    const other = (digest: bigint, origin = 'g:0-1-1') => bag.otherContent(identity(digest, 100, origin));
    expect(other(digestOf('content', 5, 2n))).toBe(7);
    expect(other(digestOf('content', 5, 1n))).toBeNull();
    expect(other(digestOf('shape', 5, 2n))).toBeNull();
    expect(other(digestOf('shape', 6, 2n))).toBe(7);
    expect(other(digestOf('origin', 6, 2n))).toBeNull();
    expect(other(2n, 'g:0-1-2')).toBeNull();
    expect(other(2n, 'c:1')).toBeNull();
    expect(other(2n, '')).toBeNull();
  });
});

describe('what is put in later', () => {
  test('is found by its second as well, also if others were looked for before', () => {
    const bag = new IdentityBag();
    bag.add(identity(digestOf('origin', 1, 1n), 100), 1);
    expect(bag.take(identity(digestOf('content', 2, 2n), 100))?.value).toBe(1);
    bag.add(identity(digestOf('origin', 3, 3n), 100), 2);
    expect(bag.take(identity(digestOf('content', 4, 4n), 100))).toEqual({ value: 2, by: 'origin' });
  });

  test('under the same GTID, has other content only if none of them is the same', () => {
    const bag = new IdentityBag();
    bag.add(identity(digestOf('content', 5, 1n), 100, 'g:0-1-1'), 7);
    bag.add(identity(digestOf('content', 5, 2n), 100, 'g:0-1-1'), 8);
    expect(bag.otherContent(identity(digestOf('content', 5, 2n), 100, 'g:0-1-1'))).toBeNull();
    expect(bag.otherContent(identity(digestOf('content', 5, 3n), 100, 'g:0-1-1'))).toBe(7);
  });
});

test('a transaction without a GTID has no number in common with any', () => {
  const bag = new IdentityBag();
  bag.add(identity(1n, 100, 'c:527'), 7);
  expect(bag.takeRecovered(identity(1n, 130, 'g:0-1-527'))).toBeNull();
});

describe('what a replica has logged itself in place of its source', () => {
  const held = identity(1n, 100, 'g:0-2-527');

  test.each([
    ['the same number and content', identity(1n, 130, 'g:0-1-527'), true],
    ['another number', identity(1n, 130, 'g:0-1-528'), false],
    ['another domain', identity(1n, 130, 'g:1-1-527'), false],
    ['other content', identity(2n, 130, 'g:0-1-527'), false],
    ['no GTID', identity(1n, 130, 'c:527'), false],
  ])('%s', (_name, own, expected) => {
    const bag = new IdentityBag();
    bag.add(held, 7);
    expect(bag.takeRecovered(own)?.value).toBe(expected ? 7 : undefined);
    expect(bag.size).toBe(expected ? 0 : 1);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IdentityBag, sameTransaction } from '../../../src/matching/identity-bag.js';
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
  digest: fc.bigInt({ min: 0n, max: 3n }),
  second: fc.nat(2),
  origin: fc.constantFrom('', 'g:1', 'g:2', 'c:1'),
});

describe('the bag', () => {
  test('what is put in can be taken out as often, the first one first', () => {
    const bag = new IdentityBag();
    bag.add(identity(1n), 10);
    bag.add(identity(1n), 11);
    bag.add(identity(2n), 12);
    expect([bag.take(identity(1n)), bag.take(identity(1n)), bag.take(identity(1n))]).toEqual([10, 11, null]);
    expect(bag.size).toBe(1);
    expect(bag.take(identity(2n))).toBe(12);
    expect(bag.size).toBe(0);
  });

  test('is as a plain list searched from its beginning', () => {
    fc.assert(
      fc.property(
        fc.array(arbitrary, { maxLength: 20 }),
        fc.array(arbitrary, { maxLength: 30 }),
        (put, taken) => {
          const bag = new IdentityBag();
          const list = put.map((one, value) => ({ one, value }));
          for (const { one, value } of list) bag.add(one, value);
          for (const wanted of taken) {
            const at = list.findIndex(({ one }) => sameTransaction(one, wanted));
            const expected = at < 0 ? null : list.splice(at, 1)[0]?.value;
            expect(bag.take(wanted)).toBe(expected);
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
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Numbered } from '../../../src/shadow/numbered.js';

/** What is done: a value is added, with so many numbers left out before it, or one of those that are there is deleted. */
const deed = fc.oneof(
  fc.record({ add: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ deleteAt: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }) }),
);

test('it holds what a map holds, in the same order, whatever is deleted', () => {
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 200 }), (deeds) => {
      const numbered = new Numbered<string>();
      const map = new Map<number, string>();
      let next = 0;
      for (const one of deeds) {
        if ('add' in one) {
          next += one.add + 1;
          numbered.set(next, `value ${next}`);
          map.set(next, `value ${next}`);
        } else {
          const number = [...map.keys()][Math.floor(one.deleteAt * map.size)] ?? next + 1;
          numbered.delete(number);
          map.delete(number);
        }
        expect([...numbered]).toEqual([...map]);
        expect(numbered.size).toBe(map.size);
        expect(numbered.first).toBe([...map.keys()][0] ?? null);
        expect(numbered.get(next)).toBe(map.get(next));
      }
    }),
  );
});

test('what has been passed may be deleted meanwhile', () => {
  const numbered = new Numbered<number>();
  for (const number of [3, 4, 7]) numbered.set(number, number);
  const seen: number[] = [];
  for (const [number] of numbered) {
    seen.push(number);
    numbered.delete(number);
  }
  expect(seen).toEqual([3, 4, 7]);
  expect(numbered.size).toBe(0);
});

import { expect, test } from 'vitest';
import { RecentMap } from '../../../src/util/recent-map.js';

test('what was set or asked for last is there, and no more than twice as much', () => {
  const map = new RecentMap<number, string>(10);
  for (let key = 0; key < 1000; key += 1) {
    map.set(key, String(key));
    // Asked for all the time: never forgotten.
    expect(map.get(0)).toBe('0');
    for (let recent = Math.max(key - 8, 0); recent <= key; recent += 1)
      expect(map.get(recent)).toBe(String(recent));
  }
  const left = Array.from({ length: 1000 }, (_, key) => key).filter((key) => map.get(key) !== undefined);
  expect(left.length).toBeLessThanOrEqual(20);
});

test('what is deleted, and what is cleared, is gone', () => {
  const map = new RecentMap<number, number>(2);
  for (let key = 0; key < 4; key += 1) map.set(key, key);
  map.delete(1);
  expect(map.get(1)).toBeUndefined();
  expect(map.get(3)).toBe(3);
  map.clear();
  expect(map.get(3)).toBeUndefined();
});

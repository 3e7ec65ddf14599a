import { describe, expect, test } from 'vitest';
import { Draws } from '../../simulation/world/draws.js';

/** The first numbers of a part. */
const begin = (draws: Draws): number[] => Array.from({ length: 20 }, () => draws.integer(0, 1_000_000));

describe('draws', () => {
  test('are the same for one seed, and others for another', () => {
    expect(begin(new Draws('7'))).toEqual(begin(new Draws('7')));
    expect(begin(new Draws('7'))).not.toEqual(begin(new Draws('8')));
  });

  test('of a fork go by its name, whatever was drawn before', () => {
    const fresh = begin(new Draws('7').fork('network'));
    const used = new Draws('7');
    begin(used);
    begin(used.fork('disk'));
    expect(begin(used.fork('network'))).toEqual(fresh);
    expect(begin(used.fork('disk'))).not.toEqual(fresh);
  });

  test('give each whole number of a range, about as often as any other', () => {
    const draws = new Draws('1');
    const counts = new Map<number, number>();
    for (let count = 0; count < 6000; count += 1) {
      const number = draws.integer(-2, 3);
      counts.set(number, (counts.get(number) ?? 0) + 1);
    }
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([-2, -1, 0, 1, 2, 3]);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  test('have something come about as often as its probability says', () => {
    const draws = new Draws('2');
    const hits = Array.from({ length: 10_000 }, () => draws.chance(0.2)).filter(Boolean).length;
    expect(Math.abs(hits - 2000)).toBeLessThan(200);
    expect(Array.from({ length: 100 }, () => draws.chance(0))).not.toContain(true);
    expect(Array.from({ length: 100 }, () => draws.chance(1))).not.toContain(false);
  });

  test('wait for the mean on average, and never less than nothing', () => {
    const draws = new Draws('3');
    const waits = Array.from({ length: 10_000 }, () => draws.exponential(50));
    const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
    expect(Math.abs(mean - 50)).toBeLessThan(3);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...waits)).toBeGreaterThan(200);
  });

  test('shuffle: nothing is lost, and each order comes', () => {
    const draws = new Draws('4');
    const orders = new Set(Array.from({ length: 200 }, () => draws.shuffled([1, 2, 3]).join('')));
    expect([...orders].sort()).toEqual(['123', '132', '213', '231', '312', '321']);
  });

  test('choose each of several', () => {
    const draws = new Draws('5');
    expect(new Set(Array.from({ length: 100 }, () => draws.choice(['a', 'b', 'c']))).size).toBe(3);
  });

  test('give bytes, all 256 of them', () => {
    expect(new Set(new Draws('6').bytes(10_000)).size).toBe(256);
  });
});

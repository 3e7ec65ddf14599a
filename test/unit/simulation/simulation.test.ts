import { describe, expect, test } from 'vitest';
import { changesOf, faultsOf } from '../../simulation/judge.js';
import { simulate } from '../../simulation/simulation.js';
import { Workload } from '../../simulation/server/workload.js';
import { choicesOf } from './choices.js';
import { modelOf } from './models.js';
import { Random } from '../../support/random.js';

describe('a run', () => {
  test.each(['1', '2', '3'])(
    'of seed %s is the same each time, and well',
    { timeout: 60_000 },
    async (seed) => {
      const [once, again] = [await simulate(seed), await simulate(seed)];
      expect(once.faults).toEqual([]);
      expect(once.changes).toBeGreaterThan(20);
      expect(once.made).not.toEqual([]);
      expect(again.digest).toBe(once.digest);
    },
  );
});

describe('the judge', () => {
  const workload = new Workload(modelOf('mysql', 1), choicesOf(new Random(7)), { writers: 2, hintEvery: 5 });
  for (let count = 0; count < 60; count += 1) workload.step();
  const wanted = changesOf(workload.history);

  test('asks for something', () => {
    expect(wanted.length).toBeGreaterThan(50);
    expect(faultsOf(workload.history, [], { inOrder: true, isWhole: true }).map(({ what }) => what)).toEqual([
      'never delivered',
    ]);
  });
});

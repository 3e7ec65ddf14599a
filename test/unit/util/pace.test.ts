import { expect, test } from 'vitest';
import { Pace } from '../../../src/util/pace.js';

const { signal } = new AbortController();

async function timeOf(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

test('without a bound there is no waiting', async () => {
  const pace = new Pace(undefined);
  expect(await timeOf(() => pace.spent(1e12, signal))).toBeLessThan(500);
});

test('keeps the average, however the bytes come', async () => {
  for (const pieces of [1, 7, 100]) {
    const pace = new Pace(1_000_000);
    const took = await timeOf(async () => {
      for (let piece = 0; piece < pieces; piece += 1) await pace.spent(200_000 / pieces, signal);
    });
    expect(took).toBeGreaterThan(190);
    expect(took).toBeLessThan(2000);
  }
});

test('the signal ends the waiting', async () => {
  const controller = new AbortController();
  const waiting = new Pace(1).spent(1_000_000, controller.signal);
  controller.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
});

import { beforeEach, expect, test, vi } from 'vitest';

const system = { uptimeSeconds: 1000 };
vi.mock('node:os', async (original) => ({
  ...(await original<object>()),
  uptime: () => system.uptimeSeconds,
}));

/** Where CLOCK_MONOTONIC stands. */
let monotonicMs = 0;

beforeEach(() => {
  vi.resetModules();
  system.uptimeSeconds = 1000;
  monotonicMs = 500_000;
  vi.spyOn(performance, 'now').mockImplementation(() => monotonicMs);
});

async function clock(): Promise<() => number> {
  const { nodeRuntime } = await import('../../../src/runtime/node.js');
  return () => nodeRuntime.clock.uptimeMs();
}

test('it is as fine as the monotonic clock, also where the uptime comes in hundredths or in seconds', async () => {
  const now = await clock();
  const begun = now();
  monotonicMs += 3.25;
  expect(now() - begun).toBeCloseTo(3.25, 5);
  monotonicMs += 996.75;
  system.uptimeSeconds += 1;
  expect(now() - begun).toBeCloseTo(1000, 5);
});

test('it goes on while the machine is suspended', async () => {
  const now = await clock();
  const begun = now();
  system.uptimeSeconds += 3600;
  monotonicMs += 10;
  expect(now() - begun).toBeGreaterThanOrEqual(3_599_000);
});

test('it never goes back', async () => {
  const now = await clock();
  let before = now();
  for (const step of [0.004, 0, 0.011, 0, 0, 0.02]) {
    monotonicMs += 5;
    system.uptimeSeconds += step;
    expect(now()).toBeGreaterThanOrEqual(before);
    before = now();
  }
});

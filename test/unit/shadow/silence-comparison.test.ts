import { describe, expect, test } from 'vitest';
import { newPulse, type Pulse } from '../../../src/dump/pulse.js';
import { runIn, runtime } from '../../../src/runtime/runtime.js';
import { SilenceComparison } from '../../../src/shadow/silence-comparison.js';

/** Runs an action at a moment of the monotonic clock that the test sets. */
function at<T>(ms: number, action: () => T): T {
  const here = runtime();
  return runIn({ ...here, clock: { ...here.clock, monotonicMs: () => ms } }, action);
}

const busy = newPulse();

function waiting(sinceMs: number | null): Pulse {
  return { ...newPulse(), waitingSinceMs: sinceMs };
}

describe('a server is silent', () => {
  const compare = (
    comparison: SilenceComparison,
    ms: number,
    since: number,
    otherSince: number | null,
    late = 0,
  ) => at(ms, () => comparison.compare(waiting(since), waiting(otherSince), late));

  test('when nothing has come for too long, while the other one was heard of', () => {
    const comparison = new SilenceComparison(300);
    expect(compare(comparison, 1299, 1000, 1250)).toBeNull();
    expect(compare(comparison, 1300, 1000, 1250)).toBe(300);
    expect(compare(comparison, 1350, 1000, null)).toBe(350);
  });

  test('not while both are: that is the network, or this machine', () => {
    const comparison = new SilenceComparison(300);
    expect(compare(comparison, 1600, 1000, 1100)).toBeNull();
  });

  test('not while what came from it is worked on', () => {
    const comparison = new SilenceComparison(300);
    expect(at(5000, () => comparison.compare(busy, busy, 0))).toBeNull();
  });

  test('while it owes an answer, and sends nothing either: a heartbeat shows that it lives', () => {
    const comparison = new SilenceComparison(300);
    const asked = (ms: number, quietSinceMs: number | null): number | null =>
      at(ms, () =>
        comparison.compare({ ...newPulse(), askingSinceMs: 1000, quietSinceMs }, waiting(null), 0),
      );
    expect(asked(1400, 1250)).toBeNull();
    expect(asked(5000, 4900)).toBeNull();
    // What it sends finds no room here.
    expect(asked(5100, null)).toBeNull();
    expect(asked(5200, 4900)).toBe(300);
    expect(
      at(1300, () =>
        new SilenceComparison(300).compare(
          { ...newPulse(), askingSinceMs: 1000, quietSinceMs: 200 },
          waiting(null),
          0,
        ),
      ),
    ).toBe(300);
  });

  test('less the time for which this process stood still, in each silence anew', () => {
    const comparison = new SilenceComparison(300);
    expect(compare(comparison, 1250, 1000, 1200, 200)).toBeNull();
    expect(compare(comparison, 1350, 1000, 1300)).toBeNull();
    expect(compare(comparison, 1499, 1000, 1450)).toBeNull();
    expect(compare(comparison, 1500, 1000, 1450)).toBe(300);
    expect(compare(comparison, 2300, 2000, 2250)).toBe(300);
  });
});

test('a timer that is late shows that this process stood still', async () => {
  const comparison = new SilenceComparison(300);
  const { signal } = new AbortController();
  const paused = comparison.pause(signal);
  const end = performance.now() + 150;
  while (performance.now() < end);
  expect((await paused).lateMs).toBeGreaterThan(50);
});

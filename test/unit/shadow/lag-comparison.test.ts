import { describe, expect, test } from 'vitest';
import { runIn, runtime } from '../../../src/runtime/runtime.js';
import { LagComparison, type Lead } from '../../../src/shadow/lag-comparison.js';

const everyMs = 50;

/** Two servers that are compared every 50 ms, on a clock that the test moves. */
class Stand {
  readonly comparison = new LagComparison();
  #nowMs = 1_000_000;
  #aheadSinceMs: number | null | 'unknown' = null;

  constructor() {
    this.compare();
  }

  /** The shadow has something that the stream has yet to show. */
  ahead(sinceMs = this.comparison.waitedMs): void {
    this.#aheadSinceMs = sinceMs;
  }

  level(): void {
    this.#aheadSinceMs = null;
  }

  unknown(): void {
    this.#aheadSinceMs = 'unknown';
  }

  /** Time passes. Gives the last comparison. */
  pass(ms: number, isWaiting = true): Lead | null {
    let last: Lead | null = null;
    for (let left = ms; left > 0; left -= everyMs) {
      this.#nowMs += everyMs;
      last = this.compare(isWaiting);
    }
    return last;
  }

  /** This process stands still, and then compares. */
  stall(ms: number): Lead | null {
    this.#nowMs += everyMs + ms;
    return this.compare(true, ms);
  }

  compare(isWaiting = true, lateMs = 0): Lead | null {
    const here = runtime();
    const clock = { ...here.clock, monotonicMs: () => this.#nowMs };
    return runIn({ ...here, clock }, () => this.comparison.compare(this.#aheadSinceMs, isWaiting, lateMs));
  }
}

describe('a lead is too long', () => {
  test('after two seconds', () => {
    const stand = new Stand();
    stand.pass(1000);
    stand.ahead();
    expect(stand.pass(1950)).toEqual({ leadMs: 1950, isTooLong: false });
    expect(stand.pass(50)).toEqual({ leadMs: 2000, isTooLong: true });
  });

  test('not while the stream works on what came, or its sink does', () => {
    const stand = new Stand();
    stand.ahead();
    stand.pass(1000);
    expect(stand.pass(60_000, false)).toBeNull();
    expect(stand.pass(950)).toEqual({ leadMs: 1950, isTooLong: false });
  });

  test('less the time for which this process stood still', () => {
    const stand = new Stand();
    stand.ahead();
    stand.pass(1000);
    expect(stand.stall(10_000)).toEqual({ leadMs: 1050, isTooLong: false });
  });

  test('not while the shadow lacks something itself, though the time counts', () => {
    const stand = new Stand();
    stand.ahead();
    stand.pass(1000);
    stand.unknown();
    expect(stand.pass(1500)).toBeNull();
    expect(stand.comparison.waitedMs).toBe(2500);
  });

  test('if it is more than four times as long as nearly all leads of the last hour', () => {
    const stand = new Stand();
    // For two minutes it leads by one second, again and again.
    for (let count = 0; count < 120; count += 1) {
      stand.ahead();
      stand.pass(1000);
    }
    stand.level();
    stand.pass(120_000);
    stand.ahead();
    expect(stand.pass(4000)).toEqual({ leadMs: 4000, isTooLong: false });
    expect(stand.pass(1000)).toEqual({ leadMs: 5000, isTooLong: true });
  });

  test('also if it has grown slowly: what is new is not usual', () => {
    const stand = new Stand();
    // The stream shows half of what comes. So the lead grows by half a second in each second.
    const leads = Array.from({ length: 9 }, (_, count) => {
      stand.ahead(count * 250);
      return stand.pass(500);
    });
    expect(leads.at(-1)).toEqual({ leadMs: 2500, isTooLong: true });
  });
});

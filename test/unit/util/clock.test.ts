import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Clock } from '../../../src/runtime/clock.js';
import { nodeRuntime } from '../../../src/runtime/node.js';
import { runIn } from '../../../src/runtime/runtime.js';
import { every, signalAfter } from '../../../src/util/clock.js';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('it calls back time and again, until it is cancelled', () => {
  let calls = 0;
  const timer = every(10, () => {
    calls += 1;
  });
  vi.advanceTimersByTime(9);
  expect(calls).toBe(0);
  vi.advanceTimersByTime(21);
  expect(calls).toBe(3);
  timer.cancel();
  vi.advanceTimersByTime(100);
  expect(calls).toBe(3);
});

test('the action itself may cancel it, and may throw', () => {
  let calls = 0;
  const timer = every(10, () => {
    calls += 1;
    if (calls === 2) timer.cancel();
    if (calls === 1) throw new Error('no');
  });
  expect(() => vi.advanceTimersByTime(10)).toThrow('no');
  vi.advanceTimersByTime(100);
  expect(calls).toBe(2);
});

test('one that is to keep nothing running never does, also later', () => {
  let due = (): void => undefined;
  let keeping = 0;
  const clock: Clock = {
    ...nodeRuntime.clock,
    after: (_ms, action) => {
      due = action;
      keeping += 1;
      return {
        cancel: () => undefined,
        unref: () => {
          keeping -= 1;
        },
      };
    },
  };
  runIn({ ...nodeRuntime, clock }, () => {
    every(10, () => undefined).unref();
  });
  expect(keeping).toBe(0);
  due();
  due();
  expect(keeping).toBe(0);
});

test('a signal fires once the time is over', () => {
  const signal = signalAfter(10);
  vi.advanceTimersByTime(9);
  expect(signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(signal.reason).toMatchObject({ name: 'TimeoutError' });
});

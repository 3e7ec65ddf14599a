import { describe, expect, test } from 'vitest';
import { abortable } from '../../../src/util/abortable.js';
import { reasonOf, sleep, withDeadline } from '../../../src/util/async.js';

const never = new Promise<never>(() => undefined);
const enough = new Error('enough');

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

describe('sleep', () => {
  test('takes its time', async () => {
    const began = performance.now();
    await sleep(60, new AbortController().signal);
    expect(performance.now() - began).toBeGreaterThanOrEqual(59);
  });

  test('ends with the signal, and leaves no timer', async () => {
    const controller = new AbortController();
    const before = timers();
    const sleeping = sleep(60_000, controller.signal);
    expect(timers()).toBe(before + 1);
    controller.abort(enough);
    await expect(sleeping).rejects.toBe(enough);
    expect(timers()).toBe(before);
  });

  test('does not begin when the signal has fired', async () => {
    await expect(sleep(60_000, AbortSignal.abort(enough))).rejects.toBe(enough);
  });
});

describe('with a deadline', () => {
  const late = (): Error => new Error('late');

  test('the outcome when it comes in time, and no timer is left', async () => {
    const before = timers();
    await expect(withDeadline(Promise.resolve(1), 60_000, late)).resolves.toBe(1);
    await expect(withDeadline(Promise.reject(enough), 60_000, late)).rejects.toBe(enough);
    expect(timers()).toBe(before);
  });

  test('the given error when it does not', async () => {
    await expect(withDeadline(never, 20, late)).rejects.toThrow('late');
  });

  test('what fails after that is nobody’s unhandled rejection', async () => {
    let fail: (error: Error) => void = () => undefined;
    const slow = new Promise<never>((_, reject) => {
      fail = reject;
    });
    await expect(withDeadline(slow, 10, late)).rejects.toThrow('late');
    // Vitest fails the run on unhandled rejections.
    fail(enough);
    await sleep(10, new AbortController().signal);
  });
});

describe('abortable', () => {
  test('gives the outcome', async () => {
    const { signal } = new AbortController();
    await expect(abortable(Promise.resolve(1), signal)).resolves.toBe(1);
    await expect(abortable(Promise.reject(enough), signal)).rejects.toBe(enough);
  });

  test('gives the reason when the signal fires first or has fired', async () => {
    const controller = new AbortController();
    const waiting = abortable(never, controller.signal);
    controller.abort(enough);
    await expect(waiting).rejects.toBe(enough);
    await expect(abortable(never, controller.signal)).rejects.toBe(enough);
  });

  test('what fails after that is nobody’s unhandled rejection', async () => {
    let fail: (error: Error) => void = () => undefined;
    const slow = new Promise<never>((_, reject) => {
      fail = reject;
    });
    await expect(abortable(slow, AbortSignal.abort(enough))).rejects.toBe(enough);
    fail(new Error('later'));
    await sleep(10, new AbortController().signal);
  });
});

test('a reason is always an error', () => {
  expect(reasonOf(AbortSignal.abort(enough))).toBe(enough);
  expect(reasonOf(AbortSignal.abort('SIGTERM'))).toEqual(new Error('SIGTERM'));
  expect(reasonOf(AbortSignal.abort())).toMatchObject({ name: 'AbortError' });
});

import { describe, expect, it } from 'vitest';

import { TimeOver, within } from '../../../src/util/limits.js';
import { abortable } from '../../../src/util/abortable.js';
import { Serial } from '../../../src/util/serial.js';

const never = new Promise<never>(() => undefined);
const quiet = new AbortController().signal;

describe('within', () => {
  it('gives the outcome of what ends in time', async () => {
    expect(await within(1000, [quiet], () => Promise.resolve(7))).toBe(7);
    await expect(within(1000, [], () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('ends with the time', async () => {
    await expect(within(5, [quiet], (limit) => abortable(never, limit))).rejects.toThrow(TimeOver);
  });

  it("ends with any of the signals, and with that one's reason", async () => {
    const controller = new AbortController();
    const result = within(1000, [quiet, controller.signal], (limit) => abortable(never, limit));
    controller.abort(new Error('stop'));
    await expect(result).rejects.toThrow('stop');
    let called = false;
    const late = within(1000, [controller.signal], () => {
      called = true;
      return never;
    });
    await expect(late).rejects.toThrow('stop');
    expect(called).toBe(false);
  });
});

describe('a series', () => {
  it('runs one task at a time, in order, whatever becomes of them', async () => {
    const serial = new Serial();
    const order: string[] = [];
    const step = (name: string, fails = false) =>
      serial.run(async () => {
        order.push(`${name} begins`);
        await Promise.resolve();
        order.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      });
    const results = [step('a'), step('b', true), step('c')];
    await serial.idle();
    expect((await Promise.allSettled(results)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(order).toEqual(['a', 'b', 'c'].flatMap((name) => [`${name} begins`, `${name} ends`]));
  });
});

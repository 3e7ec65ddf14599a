import { setImmediate as nodeTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Trace } from '../../simulation/world/trace.js';
import { World } from '../../simulation/world/world.js';
import { seeds } from './small-world.js';

describe('what is to happen', () => {
  test('happens in the order of its time, at its time', async () => {
    const world = new World('1');
    const seen: string[] = [];
    const times = [50, 10, 30, 20, 40, 15, 35, 5, 45, 25];
    for (const ms of times)
      world.after(ms, 'event', () => seen.push(`${String(ms)} at ${String(world.nowMs)}`));
    expect(await world.run({ forMs: 100 })).toBe('idle');
    expect(seen).toEqual(times.toSorted((a, b) => a - b).map((ms) => `${String(ms)} at ${String(ms)}`));
    expect(world.nowMs).toBe(100);
  });

  test('at one moment happens in an order that the seed decides', async () => {
    const orders = new Set<string>();
    for (const seed of seeds(40)) {
      const [first, second] = [await orderOf(seed), await orderOf(seed)];
      expect(second).toBe(first);
      orders.add(first);
    }
    expect(orders.size).toBe(6);
  });

  test('does not, once it is called off', async () => {
    const world = new World('1');
    const seen: string[] = [];
    const first = world.after(1, 'first', () => seen.push('first'));
    world.after(2, 'second', () => seen.push('second'));
    first.cancel();
    await world.run({ forMs: 10 });
    expect(seen).toEqual(['second']);
  });

  test('waits until all that the last has set off is done', async () => {
    const world = new World('1');
    const seen: string[] = [];
    world.after(1, 'first', () => {
      void (async () => {
        for (let count = 0; count < 50; count += 1) await Promise.resolve();
        seen.push('promises');
        process.nextTick(() => seen.push('tick'));
        await nodeTurn();
      })();
    });
    world.after(1.001, 'second', () => seen.push('second'));
    await world.run({ forMs: 10 });
    expect(seen).toEqual(['promises', 'tick', 'second']);
  });
});

describe('a run', () => {
  test('ends when the condition holds', async () => {
    const world = new World('1');
    let count = 0;
    const again = (): void => {
      count += 1;
      world.after(1, 'again', again);
    };
    again();
    expect(await world.run({ forMs: 100, until: () => count === 5 })).toBe('met');
    expect(world.nowMs).toBe(4);
  });

  test('ends when the time is over, or after so many events; another one goes on', async () => {
    const world = new World('1');
    let count = 0;
    const again = (): void => {
      count += 1;
      world.after(1, 'again', again);
    };
    again();
    expect(await world.run({ forMs: 10.5 })).toBe('time');
    expect([count, world.nowMs]).toEqual([11, 10.5]);
    expect(await world.run({ forMs: 100, steps: 3 })).toBe('steps');
    expect([count, world.nowMs]).toEqual([14, 13]);
  });

  test('fails with what an event throws', async () => {
    const world = new World('1');
    world.after(1, 'fails', () => {
      throw new Error('broken');
    });
    await expect(world.run({ forMs: 10 })).rejects.toThrow('broken');
  });

  test('leaves a trace', async () => {
    const world = new World('1');
    world.after(1.5, 'something', () => {
      world.note('else');
    });
    const before = world.trace.digest;
    await world.run({ forMs: 10 });
    expect(world.trace.lines).toEqual(['1.500 something', '1.500 else']);
    expect(world.trace.digest).not.toBe(before);
  });
});

test('a trace keeps its last lines, and its digest is of all', () => {
  const [short, long, other] = [new Trace(10), new Trace(1000), new Trace(1000)];
  for (let number = 0; number < 95; number += 1) {
    for (const trace of [short, long]) trace.note(number, 'a line');
    other.note(number, number === 3 ? 'another line' : 'a line');
  }
  expect(short.lines).toEqual(long.lines.slice(-10));
  expect(short.digest).toBe(long.digest);
  expect(other.digest).not.toBe(long.digest);
});

/** In which order three come that are due at one moment. */
async function orderOf(seed: string): Promise<string> {
  const world = new World(seed);
  let order = '';
  for (const name of ['a', 'b', 'c']) world.after(1, name, () => (order += name));
  await world.run({ forMs: 2 });
  return order;
}

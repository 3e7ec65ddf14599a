import { describe, expect, test } from 'vitest';
import { runtime } from '../../../src/runtime/runtime.js';
import type { SimulatedProcess } from '../../simulation/world/process.js';
import { seeds, smallWorld } from './small-world.js';

/** A world with one process. */
function oneProcess(seed: string) {
  const { world, network, machines } = smallWorld(seed, 1);
  const [machine] = machines as [(typeof machines)[0]];
  const process = machine.start('agent');
  return { world, network, machine, process, clock: process.runtime.clock };
}

describe('a process', () => {
  test('does all that it does within its runtime', async () => {
    const { world, machine, process } = oneProcess('1');
    const other = machine.start('other');
    const seen: boolean[] = [];
    for (const each of [process, other]) {
      each.run(() => {
        const look = (): void => void seen.push(runtime() === each.runtime);
        look();
        runtime().clock.after(5, look);
        runtime().clock.turn(look);
        void runtime().disk.list('/').then(look);
      });
    }
    await world.run({ forMs: 100 });
    expect(seen).toEqual(Array.from({ length: 8 }, () => true));
  });

  test('is found by its id while it lives', () => {
    const { machine, process } = oneProcess('1');
    const other = machine.start('other');
    expect(process.runtime.machine).toMatchObject({ name: 'm1', pid: process.pid });
    expect(process.runtime.machine.hasProcess(other.pid)).toBe(true);
    other.kill();
    expect(process.runtime.machine.hasProcess(other.pid)).toBe(false);
    expect(machine.start('again').pid).not.toBe(other.pid);
  });

  test('has random numbers of its own', () => {
    const drawn = (seed: string): string[] => {
      const { machine, process } = oneProcess(seed);
      return [process, machine.start('other')].map(({ runtime: { random } }) =>
        random.bytes(8).toString('hex'),
      );
    };
    expect(drawn('1')).toEqual(drawn('1'));
    expect(new Set([...drawn('1'), ...drawn('2')]).size).toBe(4);
  });
});

describe('timers', () => {
  test('come after their time, by whole milliseconds that have begun, and a little late', async () => {
    let early = 0;
    for (const seed of seeds(20)) {
      const { world, clock } = oneProcess(seed);
      await world.run({ forMs: 0.9 });
      const seen: number[] = [];
      for (const ms of [0, 1.9, 20]) clock.after(ms, () => seen.push(clock.monotonicMs()));
      await world.run({ forMs: 100 });
      const [one = 0, other = 0, last = 0] = seen;
      for (const short of [one, other]) expect(short).toBeGreaterThanOrEqual(1);
      expect(last).toBeGreaterThanOrEqual(20);
      expect(last).toBeLessThan(30);
      if (last - 0.9 < 20) early += 1;
    }
    expect(early).toBeGreaterThan(0);
  });

  test('of one duration come in the order in which they were set, and so do turns', async () => {
    for (const seed of seeds(20)) {
      const { world, clock } = oneProcess(seed);
      const seen: string[] = [];
      for (const name of ['a', 'b', 'c', 'd']) {
        clock.after(10, () => seen.push(name));
        clock.turn(() => seen.push(`turn ${name}`));
      }
      await world.run({ forMs: 100 });
      expect(seen).toEqual(['turn a', 'turn b', 'turn c', 'turn d', 'a', 'b', 'c', 'd']);
    }
  });

  test('do not come once they are cancelled, be it that they wait for the process to go on', async () => {
    const { world, process, clock } = oneProcess('1');
    const seen: string[] = [];
    const first = clock.after(10, () => seen.push('first'));
    const second = clock.after(20, () => seen.push('second'));
    first.cancel();
    process.stop(50);
    await world.run({ forMs: 40 });
    second.cancel();
    await world.run({ forMs: 100 });
    expect(seen).toEqual([]);
  });
});

describe('a process that stands still', () => {
  test('does nothing until it goes on; then timers come first, then what has arrived, then turns', async () => {
    const { world, process, clock } = oneProcess('1');
    const seen: string[] = [];
    const look = (what: string) => () => seen.push(`${what} at ${String(Math.floor(world.nowMs))}`);
    process.after(5, 'arrival', 'news', () => {
      look('news')();
      clock.turn(look('turn'));
    });
    clock.after(7, look('timer'));
    process.after(8, 'arrival', 'more news', look('more news'));
    process.stop(100);
    await world.run({ forMs: 99 });
    expect(seen).toEqual([]);
    await world.run({ forMs: 100 });
    expect(seen).toEqual(['timer at 100', 'news at 100', 'more news at 100', 'turn at 100']);
  });

  test('sees what has come before a turn that it takes when it goes on', async () => {
    for (const seed of seeds(30)) {
      const { world, process, clock } = oneProcess(seed);
      const seen: string[] = [];
      clock.after(7, () => {
        clock.turn(() => seen.push('silence'));
      });
      for (const ms of [8, 20, 60]) process.after(ms, 'arrival', 'news', () => seen.push('news'));
      process.stop(100);
      await world.run({ forMs: 200 });
      expect(seen).toEqual(['news', 'news', 'news', 'silence']);
    }
  });

  test('goes on when it is told to, and stands still for the longest of several times', async () => {
    const { world, process } = oneProcess('1');
    process.stop();
    await world.run({ forMs: 1e6 });
    expect(process.isStopped).toBe(true);
    process.goOn();
    expect(process.isStopped).toBe(false);
    process.stop(10);
    process.stop(30);
    await world.run({ forMs: 20 });
    expect(process.isStopped).toBe(true);
    await world.run({ forMs: 20 });
    expect(process.isStopped).toBe(false);
  });

  test('can be stopped again while it catches up', async () => {
    const { world, process } = oneProcess('1');
    const seen: string[] = [];
    process.after(1, 'arrival', 'first', () => {
      seen.push('first');
      process.stop(50);
    });
    process.after(2, 'arrival', 'second', () => seen.push(`second at ${String(world.nowMs)}`));
    process.stop(10);
    await world.run({ forMs: 100 });
    expect(seen).toEqual(['first', 'second at 60']);
  });
});

describe('a process that is killed', () => {
  test('never does anything again', async () => {
    const { world, machine, process, clock } = oneProcess('1');
    const seen: string[] = [];
    const end = (): void => void seen.push('end');
    process.onEnd(end);
    const ignored = process.onEnd(() => seen.push('called off'));
    ignored();
    clock.after(10, () => seen.push('timer'));
    clock.turn(() => seen.push('turn'));
    void process.runtime.disk.list('/').then(() => seen.push('list'));
    process.stop(5);
    process.kill();
    process.goOn();
    process.kill();
    await world.run({ forMs: 100 });
    expect(seen).toEqual(['end']);
    expect([process.isAlive, machine.processes.size]).toEqual([false, 0]);
  });

  test('does not finish what it was about', async () => {
    const { world, process } = oneProcess('1');
    const seen: string[] = [];
    const beat = (): void => {
      seen.push('beat');
      process.runtime.clock.after(10, beat);
    };
    process.run(beat);
    world.after(35, 'kill', () => {
      process.kill();
    });
    await world.run({ forMs: 1000 });
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.length).toBeLessThan(5);
  });
});

describe('clocks', () => {
  const read = ({ runtime: { clock } }: SimulatedProcess) => ({
    epochMs: clock.epochMs(),
    monotonicMs: clock.monotonicMs(),
    uptimeMs: clock.uptimeMs(),
  });

  test('go on with the time of the world; that of a process begins with it', async () => {
    const { world, machine, process } = oneProcess('1');
    const before = read(process);
    await world.run({ forMs: 1000 });
    expect(read(process)).toEqual({
      epochMs: before.epochMs + 1000,
      monotonicMs: 1000,
      uptimeMs: before.uptimeMs + 1000,
    });
    expect(read(machine.start('later'))).toMatchObject({ epochMs: before.epochMs + 1000, monotonicMs: 0 });
  });

  test('are not set, but the wall clock', async () => {
    const { world, machine, process } = oneProcess('1');
    const before = read(process);
    machine.stepWallClock(-5000);
    await world.run({ forMs: 10 });
    expect(read(process)).toEqual({ epochMs: before.epochMs - 4990, monotonicMs: 10, uptimeMs: 10 });
  });

  test('stand still while the machine sleeps, but the wall clock and the uptime; timers get no nearer', async () => {
    for (const seed of seeds(10)) {
      const { world, machine, process, clock } = oneProcess(seed);
      const seen: number[] = [];
      clock.after(100, () => seen.push(clock.monotonicMs()));
      await world.run({ forMs: 50 });
      const before = read(process);
      machine.sleep(10_000);
      await world.run({ forMs: 5000 });
      expect([process.isStopped, seen]).toEqual([true, []]);
      await world.run({ forMs: 5001 });
      expect(seen).toEqual([]);
      const after = read(process);
      expect(after.epochMs - before.epochMs).toBe(10_001);
      expect(after.uptimeMs - before.uptimeMs).toBe(10_001);
      expect(after.monotonicMs - before.monotonicMs).toBeCloseTo(1);
      await world.run({ forMs: 100 });
      expect(seen[0]).toBeGreaterThanOrEqual(100);
    }
  });

  test('tell a boot from another', () => {
    const { machine } = oneProcess('1');
    const before = machine.bootId;
    machine.losePower();
    machine.boot();
    expect(machine.bootId).not.toBe(before);
    expect(machine.start('again').runtime.clock.uptimeMs()).toBe(0);
  });
});

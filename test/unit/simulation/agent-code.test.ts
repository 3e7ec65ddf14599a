import { describe, expect, test } from 'vitest';
import type { SinkPosition } from '../../../src/checkpoint/checkpoint.js';
import { fileStore } from '../../../src/checkpoint/file-store.js';
import { Secret } from '../../../src/config/secret.js';
import { connect } from '../../../src/mysql/connection.js';
import { batchOf } from '../../../src/records/record-batch.js';
import { runtime } from '../../../src/runtime/runtime.js';
import { fileSink } from '../../../src/sinks/file-sink.js';
import { acquireProcessLock } from '../../../src/util/process-lock.js';
import type { Machine } from '../../simulation/world/machine.js';
import type { SimulatedProcess } from '../../simulation/world/process.js';
import { checkpointOf } from '../checkpoint/samples.js';
import { sampleTransaction } from '../sinks/sample-records.js';
import { seeds, settled, smallWorld, watched } from './small-world.js';

const { signal } = new AbortController();

/** A machine with a process, which does something while the world runs. */
function agentOn(seed: string) {
  const { world, network, machines } = smallWorld(seed);
  const [machine, other] = machines as [Machine, Machine];
  const as = <T>(process: SimulatedProcess, work: () => Promise<T>): Promise<T> =>
    settled(world, process.run(work));
  return { world, network, machine, other, process: machine.start('agent'), as };
}

describe('a checkpoint in a file', () => {
  /** Saves one after the other, each with the next number, until its process ends; tells the last that was done. */
  async function saveOn(process: SimulatedProcess, done: { sequence: number }): Promise<void> {
    const store = fileStore({ path: '/state', stream: 'shop-audit', alone: true });
    await store.open(signal);
    for (let version: string | null = null; ;) {
      version = await store.save(checkpointOf([], { sequence: done.sequence + 1 }), version, signal);
      done.sequence += 1;
      expect(process.isAlive).toBe(true);
    }
  }

  async function loaded(): Promise<number | null> {
    const store = fileStore({ path: '/state', stream: 'shop-audit', alone: true });
    await store.open(signal);
    const found = await store.load(signal);
    await store.close();
    return found === null ? null : found.checkpoint.sequence;
  }

  test('is the last one or the next after the process was killed or power was lost', async () => {
    const ends = new Set<string>();
    for (const seed of seeds(60)) {
      const { world, machine, process, as } = agentOn(seed);
      // The folder itself is there.
      await as(process, async () => {
        await process.runtime.disk.makeFolder('/state', 0o700);
        const root = await process.runtime.disk.open('/', 'read');
        await root.sync();
      });
      const done = { sequence: 0 };
      const saving = watched(
        world,
        process.run(() => saveOn(process, done)),
      );
      await world.run({ forMs: Number(seed) });
      expect(saving().state).toBe('open');
      if (Number(seed) % 2 === 0) process.kill();
      else {
        machine.losePower();
        machine.boot();
        // Who held the lock was on another boot, and counts as dead when nothing was heard of him for that long.
        await world.run({ forMs: 31_000 });
      }
      const found = await as(machine.start('next'), loaded);
      if (found === null) expect(done.sequence).toBe(0);
      else expect([done.sequence, done.sequence + 1]).toContain(found);
      ends.add(found === done.sequence ? 'last' : 'next');
    }
    expect([...ends].sort()).toEqual(['last', 'next']);
  });
});

describe('a file of records', () => {
  const path = '/audit.ndjson';
  type Written = { begun: number; delivered: number; position: SinkPosition | null };

  /** Delivers a transaction after the other, and has some of them be durable, until its process ends. */
  async function write(written: Written): Promise<void> {
    const sink = fileSink({ path });
    await sink.open(null, signal);
    for (;;) {
      written.begun += 1;
      await sink.deliver(batchOf(sampleTransaction(written.begun, 3, 600)), signal);
      written.delivered += 1;
      if (runtime().random.fraction() < 0.3) written.position = (await sink.flush(signal)) ?? null;
    }
  }

  /** How many transactions there are, by the position and what the sink finds behind it. */
  async function found({ position }: Written): Promise<number> {
    const sink = fileSink({ path });
    const { delivered, ending } = await sink.open(position, signal);
    await sink.close();
    const before = position === null ? 0 : Number(position['transactions']);
    return before + (ending?.kind === 'known' ? ending.transactions.length : delivered.length);
  }

  test('has what was made durable, and whole transactions behind it, whatever its writer has died of', async () => {
    const ends = new Set<string>();
    for (const seed of seeds(60)) {
      const { world, machine, process, as } = agentOn(seed);
      const written: Written = { begun: 0, delivered: 0, position: null };
      const writing = watched(
        world,
        process.run(() => write(written)),
      );
      await world.run({ forMs: Number(seed) });
      expect(writing().state).toBe('open');
      const isKilled = Number(seed) % 2 === 0;
      if (isKilled) process.kill();
      else {
        machine.losePower();
        machine.boot();
        await world.run({ forMs: 31_000 });
      }
      const durable = Number(written.position?.['transactions'] ?? 0);
      const transactions = await as(machine.start('next'), () => found(written));
      expect(transactions).toBeGreaterThanOrEqual(isKilled ? written.delivered : durable);
      expect(transactions).toBeLessThanOrEqual(written.begun);
      ends.add(transactions === durable ? 'durable' : transactions === written.begun ? 'all' : 'some');
    }
    expect([...ends].sort()).toEqual(['all', 'durable', 'some']);
  });
});

test('what the disk refused to sync is made durable by the next agent', async () => {
  const path = '/refused.ndjson';
  const { machine, process, as } = agentOn('1');
  const { fileSystem } = machine;
  await as(process, async () => {
    const sink = fileSink({ path });
    await sink.open(null, signal);
    await sink.deliver(batchOf(sampleTransaction(1, 3, 600)), signal);
    fileSystem.syncFailures = 1;
    await expect(sink.flush(signal)).rejects.toMatchObject({ code: 'sink' });
  });
  process.kill();
  fileSystem.syncFailures = 0;
  const next = machine.start('next');
  const held = await as(next, async () => {
    const sink = fileSink({ path });
    const { ending } = await sink.open(null, signal);
    await sink.flush(signal);
    return ending?.kind === 'known' ? ending.transactions.length : 0;
  });
  expect(held).toBe(1);
  const before = fileSystem.content(path);
  machine.losePower();
  machine.boot();
  expect(fileSystem.content(path).equals(before)).toBe(true);
});

describe('a lock', () => {
  test('of a process that was killed is taken over; that of one that lives is not', async () => {
    const { machine, process, as } = agentOn('1');
    const options = { code: 'sink', subject: 'the file /a' } as const;
    const take = () => acquireProcessLock('/a.lock', options);
    await as(process, take);
    const second = machine.start('second');
    await expect(as(second, take)).rejects.toMatchObject({ code: 'sink' });
    process.kill();
    const lock = await as(second, take);
    expect(await as(second, () => lock.guard(() => Promise.resolve('written')))).toBe('written');
  });
});

describe('a connection to a server', () => {
  const account = { user: 'waymark', password: new Secret('secret') };
  const instance = { address: { host: '10.0.0.2', port: 3306 }, account };

  test('is refused where none listens', async () => {
    const { process, as } = agentOn('1');
    const refused = as(process, () => connect(instance));
    await expect(refused).rejects.toMatchObject({ code: 'server-unreachable' });
  });

  test('is given up when nobody greets', async () => {
    const { world, network, other, process, as } = agentOn('1');
    network.listen(other.start('server'), 3306, (socket) => socket.resume());
    const before = world.nowMs;
    const given = as(process, () => connect(instance, { connectTimeoutMs: 2000 }));
    await expect(given).rejects.toMatchObject({ code: 'server-unreachable' });
    expect(Math.abs(world.nowMs - before - 2000)).toBeLessThan(50);
    await world.run({ forMs: 1000 });
    expect(network.connections).toEqual([]);
  });
});

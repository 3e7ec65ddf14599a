import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Election, Elections, Leadership, LeaderView, AgentId } from '../../../src/election/election.js';
import { formatAgentId } from '../../../src/election/agent-id.js';
import { type ScheduledStream, Scheduler } from '../../../src/streams/scheduler.js';
import { abortable } from '../../../src/util/abortable.js';
import { WaymarkError } from '../../../src/util/errors.js';

const logger = pino({ level: 'silent' });
const noRoom = new WaymarkError('sink', 'no room');

/** Leases as a backend keeps them: one holder, and those that wait in their order. */
class Backend {
  readonly agents = new Map<string, AgentId>();
  readonly queues = new Map<string, { agent: string; lead: () => void }[]>();
  /** How often a stream has changed hands. */
  moves = 0;

  queue(stream: string): { agent: string; lead: () => void }[] {
    const queue = this.queues.get(stream) ?? [];
    this.queues.set(stream, queue);
    return queue;
  }

  leave(stream: string, agent: string): void {
    const queue = this.queue(stream);
    const index = queue.findIndex((candidate) => candidate.agent === agent);
    if (index < 0) return;
    queue.splice(index, 1);
    if (index === 0) this.#lead(queue);
  }

  enter(stream: string, agent: string, lead: () => void): void {
    const queue = this.queue(stream);
    queue.push({ agent, lead });
    if (queue.length === 1) this.#lead(queue);
  }

  #lead([first]: readonly { lead: () => void }[]): void {
    if (first === undefined) return;
    this.moves += 1;
    first.lead();
  }
}

/** An agent on a backend: its scheduler, and what it leads. */
class Agent {
  readonly id: AgentId;
  readonly name: string;
  readonly leads = new Set<string>();
  /** Streams that fail here as soon as they are led. */
  readonly failing = new Set<string>();
  readonly #breaking = new Map<string, AbortController>();
  readonly #stop = new AbortController();
  readonly #backend: Backend;
  readonly #done: Promise<void>;

  constructor(backend: Backend, host: string, streams: readonly string[], limit = 1e6) {
    this.id = { host, pid: 1, run: '00000000' };
    this.name = formatAgentId(this.id);
    this.#backend = backend;
    const scheduler = new Scheduler({
      streams: streams.map((name) => this.#carried(name)),
      elections: this.#elections(),
      limit,
      logger,
    });
    this.#done = scheduler.run(this.#stop.signal);
  }

  /** A stream fails now, and until it is mended. */
  breaks(name: string): void {
    this.failing.add(name);
    this.#breaking.get(name)?.abort(noRoom);
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('stop'));
    await this.#done;
    this.#backend.agents.delete(this.name);
  }

  #carried(name: string): ScheduledStream {
    return {
      name,
      leads: () => this.leads.has(name),
      failed: () => undefined,
      run: async (signal) => {
        try {
          await this.#elections().of(name).campaign(signal);
          this.leads.add(name);
          if (this.failing.has(name)) throw noRoom;
          const breaking = new AbortController();
          this.#breaking.set(name, breaking);
          return await abortable(
            new Promise<never>(() => undefined),
            AbortSignal.any([signal, breaking.signal]),
          );
        } finally {
          this.leads.delete(name);
          this.#backend.leave(name, this.name);
        }
      },
    };
  }

  #elections(): Elections {
    return {
      self: this.id,
      of: (stream) => this.#election(stream),
      agents: () => Promise.resolve([...this.#backend.agents.values()]),
      join: () => Promise.resolve(void this.#backend.agents.set(this.name, this.id)),
      close: () => Promise.resolve(),
    };
  }

  #election(stream: string): Election {
    const view = (): LeaderView => {
      const [first] = this.#backend.queue(stream);
      const leader = (first && this.#backend.agents.get(first.agent)) ?? null;
      return {
        ...{ stream, backend: 'zookeeper', leader, token: 1, waiting: null, lastSeenMsAgo: null },
        mine: first?.agent === this.name,
      };
    };
    return {
      show: () => Promise.resolve(view()),
      take: () => Promise.resolve(view()),
      stepDown: () => Promise.resolve(view()),
      campaign: async (signal) => {
        const elected = new Promise<Leadership>((resolve) => {
          this.#backend.enter(stream, this.name, () => {
            resolve({
              token: 1,
              lost: new AbortController().signal,
              assertHeld: () => undefined,
              resign: () => Promise.resolve(),
            });
          });
        });
        return abortable(elected, signal);
      },
    };
  }
}

const streams = Array.from({ length: 20 }, (_, index) => `stream-${String(index)}`);
let backend: Backend;
let agents: Agent[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  backend = new Backend();
  agents = [];
});

afterEach(async () => {
  await Promise.all(agents.map((agent) => agent.stop()));
  vi.useRealTimers();
});

function begin(host: string, list: readonly string[] = streams, limit?: number): Agent {
  const agent = new Agent(backend, host, list, limit);
  agents.push(agent);
  return agent;
}

async function seconds(count: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(count * 1000);
}

function counts(): number[] {
  return agents.map(({ leads }) => leads.size).toSorted((a, b) => a - b);
}

describe('several agents', () => {
  test('share the streams out evenly, and then nothing moves any more', async () => {
    for (const host of ['a', 'b', 'c']) begin(host);
    await seconds(30);
    expect(counts()).toEqual([6, 7, 7]);
    const { moves } = backend;
    expect(moves).toBe(20);
    await seconds(3600);
    expect(backend.moves).toBe(moves);
  });

  test('one whose entry is gone, whoever has removed it, appears again', async () => {
    begin('a');
    const { name } = begin('b');
    await seconds(30);
    backend.agents.delete(name);
    await seconds(30);
    expect(backend.agents.has(name)).toBe(true);
    expect(counts()).toEqual([10, 10]);
  });

  test('one that comes is given its part by the others, one that goes leaves its own to them', async () => {
    begin('a');
    await seconds(10);
    expect(counts()).toEqual([20]);
    begin('b');
    await seconds(20);
    expect(counts()).toEqual([10, 10]);
    begin('c');
    await seconds(20);
    expect(counts()).toEqual([6, 7, 7]);
    await agents.shift()?.stop();
    await seconds(20);
    expect(counts()).toEqual([10, 10]);
    const { moves } = backend;
    await seconds(3600);
    expect(backend.moves).toBe(moves);
  });

  test('nobody leads more than the limit; when there are enough of them, everything is led', async () => {
    begin('a', streams, 8);
    begin('b', streams, 8);
    await seconds(300);
    expect(counts()).toEqual([8, 8]);
    begin('c', streams, 8);
    await seconds(60);
    expect(counts()).toEqual([6, 7, 7]);
  });

  test('a stream that fails with one goes to who stands by, and back when it is mended; no other moves', async () => {
    const [a, b] = [begin('a'), begin('b')];
    await seconds(10);
    const [broken = '', ...others] = a.leads;
    a.breaks(broken);
    await seconds(10);
    expect(b.leads.has(broken)).toBe(true);
    const { moves } = backend;
    a.failing.clear();
    await seconds(600);
    expect([...a.leads].toSorted()).toEqual([broken, ...others].toSorted());
    expect(backend.moves - moves).toBeLessThanOrEqual(2);
    await seconds(3600);
    expect(backend.moves - moves).toBeLessThanOrEqual(2);
  });

  test('a stream that only one of them has in its configuration is led by that one', async () => {
    const more = [...streams, 'new-1', 'new-2', 'new-3', 'new-4'];
    begin('a');
    const b = begin('b', more);
    await seconds(200);
    for (const name of more.slice(20)) expect(b.leads.has(name)).toBe(true);
    expect(agents.flatMap(({ leads }) => [...leads]).toSorted()).toEqual(more.toSorted());
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { LeaseAnswer } from '../../../src/election/lease-state.js';
import { type Demand, inOrder, mustLeave, rankOf } from '../../../src/election/participant-queue.js';
import {
  anybody,
  attempt,
  expiredSign,
  type LeaseRow,
  type Sign,
  standing,
  watch,
  type Watched,
  withdraw,
} from '../../../src/election/lease-row.js';
import { SimulatedAgent, times, World } from './simulation.js';

const troubleMs = 90_000;
const { timeoutMs, marginMs, intervalMs, attemptMs } = times;

/** Freezes agents, and has some of them give up, until all is calm. */
function makeTrouble(world: World, resign: (agent: SimulatedAgent) => void): void {
  const tick = (): void => {
    if (world.calm) return;
    for (const agent of world.agents) {
      if (world.chance(0.04)) agent.freeze(world.random() * 3 * timeoutMs);
      if (agent.hold.phase === 'leading' && world.chance(0.02)) resign(agent);
    }
    world.after(500, tick);
  };
  world.after(500, tick);
}

/** Runs until some time after the trouble; whoever has not been caught at leading beside another has passed. */
function play(world: World): void {
  world.run(troubleMs + 8 * timeoutMs);
  const leaders = world.agents.filter((agent) => agent.holds());
  expect(leaders).toHaveLength(1);
  expect(world.reigns.length).toBeGreaterThan(0);
}

/** An agent that asks at each interval, gives a question up after a while, and takes no answer to one given up. */
abstract class AskingAgent extends SimulatedAgent {
  #question = 0;

  start(): void {
    this.after(this.world.random() * intervalMs, () => {
      this.#ask();
    });
  }

  resign(): void {
    this.after(0, () => {
      if (this.hold.phase !== 'leading') return;
      this.apply({ type: 'resign' });
    });
  }

  /** Sends the question; the answer, if it comes, is given to `answered`. */
  protected abstract ask(held: number, answered: (answer: LeaseAnswer) => void): void;
  /** Tells the backend that the candidate stands no longer. */
  protected abstract giveUp(candidate: string): void;
  /** What the backend knows us by, in this campaign. */
  protected abstract get candidate(): string;
  protected abstract standAnew(): void;

  #ask(): void {
    this.apply({ type: 'clock' });
    if (this.hold.phase === 'over') {
      const { why } = this.hold;
      const { candidate } = this;
      this.after(why === 'resigned' ? 0 : marginMs, () => {
        this.giveUp(candidate);
      });
      this.after(marginMs + 2 * intervalMs, () => {
        this.hold = { phase: 'waiting' };
        this.standAnew();
        this.#ask();
      });
      return;
    }
    const question = (this.#question += 1);
    const next = (ms: number): void => {
      if (this.#question !== question) return;
      this.#question += 1;
      this.after(ms, () => {
        this.#ask();
      });
    };
    this.after(attemptMs, () => {
      next(500);
    });
    this.ask(this.hold.phase === 'leading' ? this.hold.token : 0, (answer) => {
      if (this.#question !== question) return;
      this.apply({ type: 'answer', answer });
      next(intervalMs);
    });
  }
}

/** A server with the row, whose wall clock is set now and then, by hours in either direction. */
class SimulatedServer {
  row: LeaseRow | null = null;
  readonly #world: World;
  #offset = 0;

  constructor(world: World) {
    this.#world = world;
    const tick = (): void => {
      if (world.chance(0.2)) this.#offset += (2 * world.random() - 1) * 7_200_000;
      if (!world.calm) world.after(3_000, tick);
    };
    world.after(3_000, tick);
  }

  /** Its wall clock. */
  get now(): number {
    return this.#world.now + this.#offset;
  }

  get sign(): Sign {
    return this.now.toFixed(3);
  }
}

class RowAgent extends AskingAgent {
  readonly #store: SimulatedServer;
  #campaign = 1;
  #watched: Watched | null = null;

  constructor(world: World, name: string, store: SimulatedServer) {
    super(world, name);
    this.#store = store;
  }

  protected ask(held: number, answered: (answer: LeaseAnswer) => void): void {
    const { world } = this;
    const sentAt = this.clock();
    const candidate = { id: this.candidate, host: this.name, held, expired: this.expired(this.#watched) };
    if (world.chance(0.1)) return;
    const store = this.#store;
    world.after(world.delay(), () => {
      store.row = attempt(store.row, candidate, store.sign, store.now, timeoutMs);
      // What was attempted and what is read behind it are two statements.
      world.after(world.chance(0.1) ? world.delay() : 0, () => {
        const { row } = store;
        if (row === null || world.chance(0.1)) return;
        const stands = standing(row, candidate, store.now, timeoutMs);
        this.after(world.delay(), () => {
          this.#watched = watch(this.#watched, row, this.clock());
          answered({ sentAt, timeoutMs, standing: stands });
        });
      });
    });
  }

  /** Whose lease counts as over. */
  protected expired(watched: Watched | null): Sign | null {
    return expiredSign(watched, this.clock(), timeoutMs);
  }

  protected get candidate(): string {
    return `${this.name}-${this.#campaign}`;
  }

  protected giveUp(id: string): void {
    if (this.world.chance(0.2)) return;
    this.world.after(this.world.delay(), () => {
      if (this.#store.row !== null) this.#store.row = withdraw(this.#store.row, id);
    });
  }

  protected standAnew(): void {
    this.#campaign += 1;
  }
}

describe('a lease in a row', () => {
  it.each([2, 3])('has no two holders at once among %i agents, and one in the end', (count) => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const world = new World(seed, troubleMs);
        const store = new SimulatedServer(world);
        const agents = Array.from({ length: count }, (_, n) => new RowAgent(world, `host${n}`, store));
        for (const agent of agents) agent.start();
        makeTrouble(world, (agent) => {
          agents.find((one) => one === agent)?.resign();
        });
        const operate = (): void => {
          const host = world.random() < 0.5 ? anybody : (agents[0]?.name ?? '');
          if (store.row !== null && world.chance(0.5)) {
            store.row = { ...store.row, called: host, calledAt: store.now };
          }
          if (!world.calm) world.after(7_000, operate);
        };
        world.after(7_000, operate);
        play(world);
      }),
      { numRuns: 300 },
    );
  });

  it("would be held by two at once if the server's wall clock said when a lease is over: the model can tell", () => {
    class Believer extends RowAgent {
      readonly #server: SimulatedServer;

      constructor(world: World, name: string, server: SimulatedServer) {
        super(world, name, server);
        this.#server = server;
      }

      protected override expired(): Sign | null {
        const { row, now } = this.#server;
        return row !== null && Number(row.sign) < now - timeoutMs ? row.sign : null;
      }
    }
    const twoAtOnce = (seed: number): boolean => {
      const world = new World(seed, troubleMs);
      const server = new SimulatedServer(world);
      for (const n of [0, 1]) new Believer(world, `host${n}`, server).start();
      try {
        world.run(troubleMs);
        return false;
      } catch {
        return true;
      }
    };
    expect(Array.from({ length: 20 }, (_, seed) => twoAtOnce(seed))).toContain(true);
  });

  it('would be held by two at once without the clock of the holder: the model can tell', () => {
    const twoAtOnce = (seed: number): boolean => {
      const world = new World(seed, troubleMs);
      const store = new SimulatedServer(world);
      const agents = [0, 1].map((n) => new RowAgent(world, `host${n}`, store));
      for (const agent of agents) {
        // An agent that believes the last answer for ever.
        agent.holds = () => agent.hold.phase === 'leading';
        agent.start();
      }
      makeTrouble(world, () => undefined);
      try {
        world.run(troubleMs);
        return false;
      } catch {
        return true;
      }
    };
    expect(Array.from({ length: 20 }, (_, seed) => twoAtOnce(seed))).toContain(true);
  });
});

type SimulatedNode = { readonly name: string; readonly czxid: number; readonly session: number };

/** ZooKeeper as far as a queue of candidates goes: sessions that end when nothing is heard of them, numbered nodes. */
class SimulatedZooKeeper {
  nodes: SimulatedNode[] = [];
  demand: Demand | null = null;
  /** Who is told when the first of the queue should look again. */
  readonly watchers = new Map<string, () => void>();
  readonly #world: World;
  readonly #expiry = new Map<number, number>();
  #zxid = 0;
  #sessions = 0;
  #number = 0;

  constructor(world: World) {
    this.#world = world;
  }

  newSession(): number {
    this.#sessions += 1;
    this.#expiry.set(this.#sessions, this.#world.now + timeoutMs);
    return this.#sessions;
  }

  /** The servers hear from a session; false when it is over. */
  hear(session: number): boolean {
    this.expire();
    if (!this.#expiry.has(session)) return false;
    // A server that dies takes with it what it hadn't told the leader yet.
    const forgotten = this.#world.chance(0.2) ? this.#world.random() * this.#world.forgetsMs : 0;
    const until = this.#world.now + timeoutMs - forgotten;
    this.#expiry.set(session, Math.max(until, this.#expiry.get(session) ?? 0));
    return true;
  }

  expire(): void {
    for (const [session, until] of this.#expiry) {
      if (until > this.#world.now) continue;
      this.#expiry.delete(session);
      for (const { name } of this.nodes.filter((node) => node.session === session)) this.remove(name);
    }
  }

  create(prefix: string, session: number): string {
    const name = `${prefix}${String((this.#number += 1)).padStart(10, '0')}`;
    this.nodes.push({ name, czxid: (this.#zxid += 1), session });
    return name;
  }

  remove(name: string): void {
    this.nodes = this.nodes.filter((node) => node.name !== name);
    this.watchers.get(name)?.();
  }

  ask(demand: Demand): void {
    this.demand = demand;
    for (const tell of this.watchers.values()) tell();
  }

  get names(): readonly string[] {
    return this.nodes.map(({ name }) => name);
  }
}

class QueueAgent extends AskingAgent {
  readonly #store: SimulatedZooKeeper;
  #session: number;
  #stands = 0;
  #watching: { asked: boolean } | null = null;
  /** On one connection nothing overtakes anything. */
  #lastArrival = 0;
  #connection = 0;

  constructor(world: World, name: string, store: SimulatedZooKeeper) {
    super(world, name);
    this.#store = store;
    this.#session = store.newSession();
    this.standAnew();
  }

  protected get candidate(): string {
    return `${this.name}.${this.#stands}-`;
  }

  protected standAnew(): void {
    this.#stands += 1;
    this.#watching = null;
  }

  /** From the servers to us; lost with the connection. */
  #arrive(run: () => void): void {
    const connection = this.#connection;
    this.#lastArrival = Math.max(this.#lastArrival, this.world.now + this.world.delay());
    this.after(this.#lastArrival - this.world.now, () => {
      if (this.#connection === connection) run();
    });
  }

  #breakConnection(): void {
    this.#connection += 1;
    this.#lastArrival = 0;
    this.#watching = null;
  }

  protected ask(held: number, answered: (answer: LeaseAnswer) => void): void {
    const { world } = this;
    const [sentAt, session, prefix] = [this.clock(), this.#session, this.candidate];
    if (world.chance(0.1)) this.#breakConnection();
    const watching = this.#watching !== null && held !== 0;
    const connection = this.#connection;
    world.after(world.delay(), () => {
      // A connection that has been given up meanwhile may still bring its question.
      if (connection !== this.#connection && world.chance(0.5)) return;
      if (!this.#store.hear(session)) {
        this.#arrive(() => {
          this.#breakConnection();
          if (this.#session === session) this.#session = this.#store.newSession();
          if (held !== 0) answered({ sentAt, timeoutMs, standing: { mine: false } });
        });
        return;
      }
      if (watching) {
        this.#arrive(() => {
          if (this.#watching === null) return;
          answered({ sentAt, timeoutMs, standing: { mine: true, token: held, ...this.#watching } });
        });
        return;
      }
      this.#look({ held, session, prefix, sentAt }, answered);
    });
  }

  /** Three looks, each with time between: enter, see who is before us, see what is asked for. */
  #look(
    question: { held: number; session: number; prefix: string; sentAt: number },
    answered: (answer: LeaseAnswer) => void,
  ): void {
    const { held, session, prefix, sentAt } = question;
    const store = this.#store;
    const notMine = { sentAt, timeoutMs, standing: { mine: false } } as const;
    const own = store.names.find((name) => name.startsWith(prefix));
    if (own === undefined && held !== 0) {
      this.#arrive(() => {
        answered(notMine);
      });
      return;
    }
    const node = own ?? store.create(prefix, session);
    this.world.after(this.world.delay(), () => {
      store.expire();
      const { names } = store;
      if (rankOf(names, node).at !== 'first') {
        this.#arrive(() => {
          answered(notMine);
        });
        return;
      }
      this.world.after(this.world.delay(), () => {
        store.expire();
        const found = store.nodes.find(({ name }) => name === node);
        if (found === undefined) {
          this.#arrive(() => {
            answered(notMine);
          });
          return;
        }
        const asked = mustLeave(store.demand, node, names);
        const watch = { asked };
        store.watchers.set(node, () => {
          this.#arrive(() => {
            if (this.#watching === watch) this.#watching = null;
            else changed = true;
          });
        });
        let changed = false;
        this.#arrive(() => {
          if (!changed) this.#watching = watch;
          answered({ sentAt, timeoutMs, standing: { mine: true, token: found.czxid, asked } });
        });
      });
    });
  }

  protected giveUp(prefix: string): void {
    const session = this.#session;
    const remove = (): void => {
      if (this.#session !== session) return;
      this.world.after(this.world.delay(), () => {
        for (const name of this.#store.names) if (name.startsWith(prefix)) this.#store.remove(name);
      });
    };
    remove();
    // It is tried for as long as the session lives: what was under way may come later still.
    for (let again = 1; again < 12; again += 1) this.after(again * timeoutMs, remove);
  }
}

describe('a lease of the first in a queue', () => {
  it.each([2, 3])('has no two holders at once among %i agents, and one in the end', (count) => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const world = new World(seed, troubleMs, marginMs / 2);
        const store = new SimulatedZooKeeper(world);
        const agents = Array.from({ length: count }, (_, n) => new QueueAgent(world, `host${n}`, store));
        for (const agent of agents) agent.start();
        makeTrouble(world, (agent) => {
          agents.find((one) => one === agent)?.resign();
        });
        const operate = (): void => {
          const queue = inOrder(store.names);
          const [first] = queue;
          const last = queue.at(-1);
          if (first !== undefined && last !== undefined && world.chance(0.5)) {
            const take = world.random() < 0.5;
            store.ask(take ? { kind: 'take', node: last } : { kind: 'leave', node: first });
          }
          if (!world.calm) world.after(7_000, operate);
        };
        world.after(7_000, operate);
        play(world);
      }),
      { numRuns: 300 },
    );
  });
});

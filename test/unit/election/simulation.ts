import { type LeaseState, type LeaseEvent, nextLeaseState } from '../../../src/election/lease-state.js';
import { Random } from '../../support/random.js';

/** How leases are timed in all simulations: milliseconds. */
export const times = { timeoutMs: 5_000, marginMs: 1_000, intervalMs: 1_000, attemptMs: 1_300 };

/** Clocks run by up to that much too fast or too slow. */
const drift = 0.01;

/** True time, what happens in it, and the trouble on the way: until `calmAt` everything may be late, lost or frozen. */
export class World {
  now = 0;
  /** By how much a backend may end a lease too early. */
  readonly forgetsMs: number;
  readonly calmAt: number;
  readonly agents: SimulatedAgent[] = [];
  /** Every leadership so far. */
  readonly reigns: { readonly agent: SimulatedAgent; readonly token: number; readonly from: number }[] = [];
  readonly #events: { at: number; order: number; run: () => void }[] = [];
  readonly #random: Random;
  #order = 0;

  constructor(seed: number, calmAt: number, forgetsMs = 0) {
    this.#random = new Random(seed);
    this.calmAt = calmAt;
    this.forgetsMs = forgetsMs;
  }

  random(): number {
    return this.#random.fraction();
  }

  get calm(): boolean {
    return this.now >= this.calmAt;
  }

  chance(probability: number): boolean {
    return !this.calm && this.random() < probability;
  }

  /** What a message takes: mostly a moment, sometimes longer than anything is patient. */
  delay(): number {
    if (this.chance(0.05)) return this.random() * 3 * times.timeoutMs;
    if (this.chance(0.3)) return this.random() * times.intervalMs;
    return 1 + this.random() * 10;
  }

  after(ms: number, run: () => void): void {
    this.#events.push({ at: this.now + ms, order: (this.#order += 1), run });
  }

  run(until: number): void {
    for (;;) {
      let next = -1;
      for (const [index, event] of this.#events.entries()) {
        const best = this.#events[next];
        if (best === undefined || event.at < best.at || (event.at === best.at && event.order < best.order)) {
          next = index;
        }
      }
      const event = this.#events[next];
      if (event === undefined || event.at > until) break;
      this.#events.splice(next, 1);
      this.now = Math.max(this.now, event.at);
      event.run();
    }
    this.now = until;
  }

  /** An agent has just begun to lead: nobody else may be able to prove that it leads, and no token come again. */
  begins(agent: SimulatedAgent, token: number): void {
    for (const other of this.agents) {
      if (other === agent) continue;
      if (other.holds())
        throw new Error(`at ${this.now} ${other.name} still leads when ${agent.name} begins`);
      const { stoppedAt } = other;
      const promised = times.marginMs - 2 * drift * times.timeoutMs - this.forgetsMs;
      if (stoppedAt !== null && this.now < stoppedAt + promised) {
        throw new Error(
          `at ${this.now} ${agent.name} begins ${this.now - stoppedAt} ms behind ${other.name}`,
        );
      }
    }
    const last = this.reigns.at(-1);
    if (last !== undefined && token <= last.token) {
      throw new Error(`at ${this.now} ${agent.name} begins with token ${token}, behind ${last.token}`);
    }
    this.reigns.push({ agent, token, from: this.now });
  }
}

/** An agent with a clock of its own, which can be frozen. Its hold is the real one. */
export class SimulatedAgent {
  readonly name: string;
  readonly world: World;
  hold: LeaseState = { phase: 'waiting' };
  /** When, in true time, its last leadership ended by itself; null when it has said that it has stopped. */
  stoppedAt: number | null = null;
  readonly #offset: number;
  readonly #rate: number;
  #frozenUntil = 0;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.#offset = world.random() * 7_200_000;
    this.#rate = 1 + (2 * world.random() - 1) * drift;
    world.agents.push(this);
  }

  clock(): number {
    return this.#offset + this.world.now * this.#rate;
  }

  /** What `assertHeld` would say now, were it called. */
  holds(): boolean {
    return nextLeaseState(this.hold, { type: 'clock' }, this.clock(), times.marginMs).phase === 'leading';
  }

  /** Runs something on this agent, when it isn't frozen. */
  after(ms: number, run: () => void): void {
    this.world.after(ms, () => {
      if (this.world.now < this.#frozenUntil) this.after(this.#frozenUntil - this.world.now, run);
      else run();
    });
  }

  freeze(ms: number): void {
    this.#frozenUntil = Math.max(this.#frozenUntil, this.world.now + ms);
  }

  apply(event: LeaseEvent): void {
    const before = this.hold;
    this.hold = nextLeaseState(before, event, this.clock(), times.marginMs);
    if (before.phase === 'leading' && this.hold.phase === 'over') {
      const { why } = this.hold;
      const until = (before.until - this.#offset) / this.#rate;
      this.stoppedAt = why === 'resigned' ? null : Math.min(until, this.world.now);
    }
    if (before.phase === 'waiting' && this.hold.phase === 'leading') {
      this.stoppedAt = null;
      this.world.begins(this, this.hold.token);
    }
  }
}

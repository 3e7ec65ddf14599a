import { setTimeout as pause } from 'node:timers/promises';
import type { TestServer } from '../servers/index.js';
import { until } from '../servers/wait.js';
import type { Random } from '../support/random.js';
import { faults } from './faults.js';
import type { Act, Fault, Role, Stage } from './stage.js';

/** What has been done. */
export type ScheduledStream = {
  /** How often each kind of fault was made. */
  readonly made: Map<string, number>;
  /** Kinds that can't be made here, and why. */
  readonly skipped: Map<string, string>;
};

/** A server of the role that nothing is being done to comes free within this. */
const freeMs = 180_000;

/** One fault after the other, some while the last one isn't over; all that is left to chance is drawn in one order. */
export class Schedule {
  readonly carried: ScheduledStream = { made: new Map(), skipped: new Map() };
  readonly #stage: Stage;
  readonly #random: Random;
  readonly #say: (line: string) => void;
  /** Whom something is being done to, and when that is over. */
  readonly #busy = new Map<string, Promise<void>>();
  readonly #failures: unknown[] = [];

  constructor(stage: Stage, random: Random, say: (line: string) => void) {
    this.#stage = stage;
    this.#random = random;
    this.#say = say;
  }

  /** Makes faults until the signal fires; resolves when all are over. Rejects with the first that couldn't be made. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const fault = this.#random.weighted(faults);
      const act = fault.draw(this.#random, this.#stage);
      const number = this.#random.between(0, 5);
      const overlaps = this.#random.chance(0.35);
      const restMs = this.#random.between(0, 3000);
      await this.#make(fault, act, { number, overlaps });
      this.#throwFailure();
      await pause(restMs, undefined, { signal }).catch(() => undefined);
    }
    await this.#allOver();
    this.#throwFailure();
  }

  async #make(
    fault: Fault,
    act: Act,
    { number, overlaps }: { number: number; overlaps: boolean },
  ): Promise<void> {
    const unable = fault.unable?.(this.#stage) ?? null;
    if (unable !== null) {
      this.carried.skipped.set(fault.name, unable);
      return;
    }
    if (act.alone === true) {
      await this.#allOver();
      this.#throwFailure();
      await this.#stage.calm();
    }
    const target = await until(`${act.to} comes free`, () => Promise.resolve(this.#target(act.to, number)), {
      timeoutMs: freeMs,
    });
    this.carried.made.set(fault.name, (this.carried.made.get(fault.name) ?? 0) + 1);
    this.#say(`${this.#name(target, act)}: ${act.what}${act.holdMs > 0 ? `, for ${act.holdMs} ms` : ''}`);
    const over = this.#carryOut(act, target)
      .catch((error: unknown) => {
        this.#failures.push(new Error(`${this.#name(target, act)}: ${act.what}`, { cause: error }));
      })
      .finally(() => this.#busy.delete(target.name));
    this.#busy.set(target.name, over);
    if (!overlaps || act.alone === true) await over;
  }

  async #carryOut(act: Act, { server }: Target): Promise<void> {
    const undo = await act.begin(server);
    await pause(act.holdMs);
    await undo();
  }

  /** Whom it is done to; undefined as long as all of that role have something done to them. */
  #target(role: Role, number: number): Target | undefined {
    const { source, replicas } = this.#stage.topology;
    const free = (server: TestServer | undefined): Target | undefined =>
      server === undefined || this.#busy.has(server.name) ? undefined : { name: server.name, server };
    switch (role) {
      case 'source':
        return free(source);
      case 'the replica that is read':
        return free(this.#stage.read);
      case 'another replica': {
        const others = replicas.filter((replica) => replica !== this.#stage.read && free(replica));
        return free(others[number % Math.max(1, others.length)]);
      }
      case 'agent':
        return this.#busy.has('agent') ? undefined : { name: 'agent', server: source };
      case 'everybody':
        return { name: 'everybody', server: source };
    }
  }

  #name({ name, server }: Target, { to }: Act): string {
    if (to === 'agent' || to === 'everybody') return name;
    const isRead = server === this.#stage.read ? ', which is read' : '';
    return `${name} (${server.address}${isRead})`;
  }

  async #allOver(): Promise<void> {
    await Promise.all(this.#busy.values());
  }

  #throwFailure(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
  }
}

/** Whom a fault is made to; the server is the source where it isn't a server. */
type Target = { readonly name: string; readonly server: TestServer };

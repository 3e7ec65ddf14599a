import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../servers/wait.js';
import type { Random } from '../support/random.js';
import type { Act, Aim, Fault, Stage } from './stage.js';

/** What has been done. */
export type Made = {
  /** How often each kind of fault was made. */
  readonly counts: Map<string, number>;
  /** Kinds that couldn't be made when they were drawn, and why. */
  readonly skipped: Map<string, string>;
};

/** Something that a fault could be done to comes free within this. */
const freeMs = 240_000;

/** More at once, and nothing would ever go on. */
const mostAtOnce = 3;

/** From the beginning of one fault to that of the next. */
const [shortestGapMs, longestGapMs] = [400, 2000];

/** One fault after the other, some while others aren't over; all that is left to chance is drawn in one order. */
export class Schedule {
  readonly made: Made = { counts: new Map(), skipped: new Map() };
  readonly #stage: Stage;
  /** The kinds that are made. */
  readonly #faults: readonly Fault[];
  readonly #random: Random;
  readonly #say: (line: string) => void;
  /** What something is being done to, and when that is over. */
  readonly #busy = new Map<string, Promise<void>>();
  readonly #failures: unknown[] = [];
  #number = 0;

  constructor(stage: Stage, faults: readonly Fault[], random: Random, say: (line: string) => void) {
    this.#stage = stage;
    this.#faults = faults;
    this.#random = random;
    this.#say = say;
  }

  /** Makes faults until the signal fires; resolves when all are over. Rejects with the first that couldn't be made. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const fault = this.#random.weighted(this.#faults);
      const act = fault.draw(this.#random);
      const gapMs = this.#random.between(shortestGapMs, longestGapMs);
      await this.#make(fault, act);
      this.#throwFailure();
      await pause(gapMs, undefined, { signal }).catch(() => undefined);
    }
    await this.#allOver();
  }

  async #make(fault: Fault, act: Act): Promise<void> {
    if (act.alone === true) await this.#quiet();
    const unable = fault.unable?.(this.#stage) ?? null;
    if (unable !== null) {
      this.made.skipped.set(fault.name, unable);
      return;
    }
    const aim = await this.#aim(act);
    this.made.counts.set(fault.name, (this.made.counts.get(fault.name) ?? 0) + 1);
    const number = (this.#number += 1);
    this.#say(
      `#${number} ${this.#told(aim.on)}: ${act.what}${act.holdMs > 0 ? `, for ${act.holdMs} ms` : ''}`,
    );
    const over = this.#carryOut(number, act, aim);
    this.#busy.set(aim.on, over);
    if (act.alone === true) await over;
  }

  /** Never rejects. */
  async #carryOut(number: number, act: Act, aim: Aim): Promise<void> {
    const beganAtMs = performance.now();
    try {
      const undo = await aim.begin();
      await pause(act.holdMs);
      await undo();
      this.#say(`#${number} over, after ${Math.round(performance.now() - beganAtMs)} ms`);
    } catch (error) {
      this.#failures.push(new Error(`fault #${number}, ${aim.on}: ${act.what}`, { cause: error }));
    } finally {
      this.#busy.delete(aim.on);
    }
  }

  /** What it is done to, as soon as there is something. */
  async #aim(act: Act): Promise<Aim> {
    const free = (): Promise<Aim | undefined> => {
      this.#throwFailure();
      if (this.#busy.size >= mostAtOnce) return Promise.resolve(undefined);
      return Promise.resolve(act.aim(this.#stage, (name) => !this.#busy.has(name)));
    };
    return until(`what can be "${act.what}" comes free`, free, { timeoutMs: freeMs });
  }

  #told(on: string): string {
    const host = this.#stage.hosts.find(({ name }) => name === on);
    if (host === undefined) return on;
    return `${on} (${host.address}${host === this.#stage.read ? ', which is read' : ''})`;
  }

  /** Resolves when all faults are over, and everything goes on as if there had been none. */
  async #quiet(): Promise<void> {
    await this.#allOver();
    await this.#stage.calm();
  }

  async #allOver(): Promise<void> {
    await Promise.all(this.#busy.values());
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
  }
}

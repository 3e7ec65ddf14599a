import { Draws } from './draws.js';
import { EventQueue, type WorldEvent } from './event-queue.js';
import { Trace } from './trace.js';

/** Something that is to happen, and may be called off. */
export type Appointment = { readonly cancel: () => void };

/** How long to run. */
export type RunLimits = {
  /** Asked after each event: true ends the run. */
  readonly until?: () => boolean;
  /** Milliseconds of virtual time. */
  readonly forMs: number;
  /** Events. */
  readonly steps?: number;
};

/** Why a run has ended: the condition holds, the time is over, so many events have happened, or nothing is to come. */
export type RunEnd = 'met' | 'time' | 'steps' | 'idle';

const mostSteps = 10_000_000;

/**
 * Virtual time, and what happens in it. What is to happen happens one after the other, in the order of its time; the seed
 * decides between what is due at the same moment. Nothing here takes real time.
 */
export class World {
  readonly draws: Draws;
  readonly trace = new Trace();
  readonly #queue = new EventQueue();
  readonly #ties: Draws;
  #nowMs = 0;

  constructor(seed: string) {
    this.draws = new Draws(seed);
    this.#ties = this.draws.fork('ties');
  }

  /** Milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Has something happen after that time. @param what is put into the trace when it does. */
  after(ms: number, what: string, action: () => void): Appointment {
    const atMs = this.#nowMs + Math.max(ms, 0);
    const event: WorldEvent = { atMs, tie: this.#ties.fraction(), what, action, cancelled: false };
    this.#queue.push(event);
    return {
      cancel() {
        event.cancelled = true;
      },
    };
  }

  /** Puts a line into the trace. */
  note(what: string): void {
    this.trace.note(this.#nowMs, what);
  }

  /**
   * Has happen what is due, until something ends the run. Between two events all that the first has set off is done:
   * promises, ticks, and what was put off to the next turn of Node's own event loop.
   * @throws what an event throws.
   */
  async run({ until = () => false, forMs, steps = mostSteps }: RunLimits): Promise<RunEnd> {
    const endMs = this.#nowMs + forMs;
    for (let step = 0; ; step += 1) {
      await drained();
      if (until()) return 'met';
      if (step >= steps) return 'steps';
      const event = this.#queue.first();
      if (event === null || event.atMs > endMs) {
        this.#nowMs = endMs;
        return event === null ? 'idle' : 'time';
      }
      this.#queue.shift();
      this.#nowMs = event.atMs;
      this.note(event.what);
      event.action();
    }
  }
}

/** Resolves when nothing is left to be done before Node's event loop would wait. */
function drained(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

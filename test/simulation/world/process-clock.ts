import type { Clock, Timer } from '../../../src/runtime/clock.js';
import type { Draws } from './draws.js';
import type { SimulatedProcess } from './process.js';

/** How late a timer is, and how long a turn of the event loop takes: milliseconds, on average. */
const mean = { latenessMs: 0.3, turnMs: 0.01 } as const;
/** Between two that keep their order. */
const instantMs = 0.001;

/**
 * The clock of a process. Timers are as Node's: they count whole milliseconds from the last one that began, one at least,
 * come late by some, and those of one duration come in the order in which they were set. So do turns.
 */
export class ProcessClock implements Clock {
  readonly #process: SimulatedProcess;
  readonly #draws: Draws;
  readonly #bornMs: number;
  /** When the last timer of a duration is due. */
  readonly #lastDueMs = new Map<number, number>();
  #lastTurnMs = 0;

  constructor(process: SimulatedProcess, draws: Draws) {
    this.#process = process;
    this.#draws = draws;
    this.#bornMs = process.machine.awakeMs;
  }

  epochMs(): number {
    return this.#process.machine.epochMs;
  }

  monotonicMs(): number {
    return this.#process.machine.awakeMs - this.#bornMs;
  }

  uptimeMs(): number {
    return this.#process.machine.uptimeMs;
  }

  after(ms: number, action: () => void): Timer {
    const wholeMs = Math.max(Math.trunc(ms), 1);
    const { awakeMs } = this.#process.machine;
    const lateMs = this.#draws.exponential(mean.latenessMs);
    const behindOthersMs = (this.#lastDueMs.get(wholeMs) ?? -Infinity) + instantMs;
    const dueMs = Math.max(Math.floor(awakeMs) + wholeMs + lateMs, behindOthersMs);
    this.#lastDueMs.set(wholeMs, dueMs);
    return this.#timer(dueMs, action);
  }

  turn(action: () => void): Timer {
    const { nowMs } = this.#process.machine.world;
    const takesMs = instantMs + this.#draws.exponential(mean.turnMs);
    this.#lastTurnMs = Math.max(nowMs + takesMs, this.#lastTurnMs + instantMs);
    const { cancel } = this.#process.after(this.#lastTurnMs - nowMs, 'turn', 'turn', action);
    return { cancel, unref: () => undefined };
  }

  /** Calls back when the machine has been awake for so long: while it is suspended, timers don't get on. */
  #timer(dueMs: number, action: () => void): Timer {
    const { machine } = this.#process;
    let cancel = (): void => undefined;
    const set = (): void => {
      const appointment = this.#process.after(dueMs - machine.awakeMs, 'timer', 'timer', () => {
        if (machine.awakeMs + instantMs < dueMs) set();
        else action();
      });
      cancel = appointment.cancel;
    };
    set();
    return {
      cancel: () => {
        cancel();
      },
      unref: () => undefined,
    };
  }
}

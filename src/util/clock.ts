import type { Clock, Timer } from '../runtime/clock.js';
import { runtime } from '../runtime/runtime.js';

/** The wall clock: milliseconds since 1970. It may be set, forwards and back. */
export function epochMs(): number {
  return runtime().clock.epochMs();
}

/** Milliseconds since some moment, which never go back. They stand still while this machine is suspended. */
export function monotonicMs(): number {
  return runtime().clock.monotonicMs();
}

/**
 * Milliseconds by a clock that nobody sets, and that goes on while this machine is suspended: by the other one, a lease
 * which others have long taken over would still look young.
 */
export function uptimeMs(): number {
  return runtime().clock.uptimeMs();
}

/** Calls back once, after that time. */
export function after(ms: number, action: () => void): Timer {
  return runtime().clock.after(ms, action);
}

/** Calls back time and again, that far apart. */
export function every(ms: number, action: () => void): Timer {
  return new Repetition(runtime().clock, ms, action);
}

class Repetition implements Timer {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #action: () => void;
  #keepsRunning = true;
  #timer: Timer;

  constructor(clock: Clock, ms: number, action: () => void) {
    this.#clock = clock;
    this.#ms = ms;
    this.#action = action;
    this.#timer = this.#next();
  }

  cancel(): void {
    this.#timer.cancel();
  }

  unref(): void {
    this.#keepsRunning = false;
    this.#timer.unref();
  }

  #next(): Timer {
    const timer = this.#clock.after(this.#ms, () => {
      // The next one first: the action may cancel it.
      this.#timer = this.#next();
      this.#action();
    });
    if (!this.#keepsRunning) timer.unref();
    return timer;
  }
}

/** Resolves after that time, whatever happens: for pauses of some milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => after(ms, resolve));
}

/** Calls back once, when what has come by now has been handled. */
export function onNextTurn(action: () => void): Timer {
  return runtime().clock.turn(action);
}

/** Resolves when what has come by now has been handled. */
export function turn(): Promise<void> {
  return new Promise((resolve) => onNextTurn(resolve));
}

/** As AbortSignal.timeout: a signal that fires after that time. It doesn't keep the process running. */
export function signalAfter(ms: number): AbortSignal {
  const controller = new AbortController();
  const timer = after(ms, () => {
    controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
  });
  timer.unref();
  return controller.signal;
}

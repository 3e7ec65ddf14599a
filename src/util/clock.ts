import type { Clock, Timer } from '../runtime/clock.js';
import { runtime } from '../runtime/runtime.js';

/** Returns the wall clock: milliseconds since 1970. Somebody may set it, forwards or back. */
export function epochMs(): number {
  return runtime().clock.epochMs();
}

/**
 * Returns milliseconds since some fixed moment. They never go back. They stand still while this machine is suspended.
 */
export function monotonicMs(): number {
  return runtime().clock.monotonicMs();
}

/**
 * Returns milliseconds by a clock that nobody can set, and that goes on while this machine is suspended. Leases need
 * it. By {@link monotonicMs}, a lease would still look valid after a suspension, although another agent took it over
 * long ago.
 */
export function uptimeMs(): number {
  return runtime().clock.uptimeMs();
}

/** Calls `action` once, after `ms`. */
export function after(ms: number, action: () => void): Timer {
  return runtime().clock.after(ms, action);
}

/** Calls `action` every `ms`, until the timer is cancelled. */
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
      // Set the next timer first: the action may cancel it.
      this.#timer = this.#next();
      this.#action();
    });
    if (!this.#keepsRunning) timer.unref();
    return timer;
  }
}

/** Resolves after `ms`, whatever happens. Use it for pauses of a few milliseconds: no signal ends it early. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => after(ms, resolve));
}

/** Calls `action` once, after everything that has arrived so far has been handled. */
export function onNextTurn(action: () => void): Timer {
  return runtime().clock.turn(action);
}

/** Resolves after everything that has arrived so far has been handled. */
export function turn(): Promise<void> {
  return new Promise((resolve) => onNextTurn(resolve));
}

/** Returns a signal that fires after `ms`, like AbortSignal.timeout. It doesn't keep the process running. */
export function signalAfter(ms: number): AbortSignal {
  const controller = new AbortController();
  const timer = after(ms, () => {
    controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
  });
  timer.unref();
  return controller.signal;
}

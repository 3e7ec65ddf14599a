import type { Timer } from '../runtime/clock.js';
import { after } from './clock.js';

/** Resolves after `ms`; rejects at once with the signal's reason when it fires. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(reasonOf(signal));
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(reasonOf(signal));
    };
    const timer = after(ms, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** The promise's outcome, or `timeout()` as a rejection when it takes longer than `ms`. */
export async function withDeadline<T>(promise: Promise<T>, ms: number, timeout: () => Error): Promise<T> {
  let timer: Timer | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = after(ms, () => {
      reject(timeout());
    });
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    timer?.cancel();
    // What loses the race may still reject later; its outcome no longer matters to anybody.
    promise.catch(() => undefined);
  }
}

/** The reason of an aborted signal as an error. */
export function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error(String(reason));
}

/** Whether a signal has fired by now: TypeScript takes what it saw before an `await` to hold behind it. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

import type { Timer } from '../runtime/clock.js';
import { after } from './clock.js';

/** Resolves after `ms`. Rejects with the signal's reason as soon as the signal fires. */
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

/** Settles like the promise, but rejects with `timeout()` if that takes longer than `ms`. */
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
    // If the deadline wins, the promise may still reject later. Nobody needs its outcome then.
    promise.catch(() => undefined);
  }
}

/** Returns the reason of an aborted signal as an error. */
export function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error(String(reason));
}

/**
 * Whether a signal has fired by now. TypeScript assumes that what it saw before an `await` still holds after it. This
 * call makes it look again.
 */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

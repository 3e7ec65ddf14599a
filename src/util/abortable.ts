import { reasonOf } from './async.js';

/**
 * Settles like the promise, but rejects with the signal's reason as soon as the signal fires. Use it for promises that
 * may never settle: mysql2 leaves the query of a destroyed connection pending. The work behind the promise goes on. The
 * caller must end it.
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(reasonOf(signal));
    };
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort);
    });
  });
}

/** Never resolves. Rejects with the signal's reason when the signal fires. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return abortable(new Promise<never>(() => undefined), signal);
}

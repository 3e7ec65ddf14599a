import { reasonOf } from './async.js';

/**
 * The promise's outcome, or the signal's reason as a rejection as soon as it fires. For promises that may never settle
 * (mysql2 leaves the query of a destroyed connection pending); what they work on must be ended by the caller.
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

/** Never resolves; rejects with the signal's reason when it fires. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return abortable(new Promise<never>(() => undefined), signal);
}

import { reasonOf } from '../util/async.js';
import { formatDuration } from './quantities.js';

/** What a signal of `within` says when the time is over. */
export class TimeOver extends Error {
  override readonly name = 'TimeOver';
}

/**
 * Runs `action` with a signal that fires when one of `signals` does (with its reason) or after `ms` (with TimeOver).
 * The action is expected to end when it fires; nothing is left behind on the signals.
 */
export async function within<T>(
  ms: number,
  signals: readonly AbortSignal[],
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let whatCame: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    // When this process stood still itself, timers run before sockets are read: what has come meanwhile is taken first.
    whatCame = setImmediate(() => {
      controller.abort(new TimeOver(`no answer within ${formatDuration(ms)}`));
    });
  }, ms);
  const forward = (): void => {
    const fired = signals.find((signal) => signal.aborted);
    if (fired !== undefined) controller.abort(reasonOf(fired));
  };
  for (const signal of signals) signal.addEventListener('abort', forward, { once: true });
  try {
    forward();
    controller.signal.throwIfAborted();
    return await action(controller.signal);
  } finally {
    clearTimeout(timer);
    clearImmediate(whatCame);
    for (const signal of signals) signal.removeEventListener('abort', forward);
  }
}

import { setMaxListeners } from 'node:events';
import type { Timer } from '../runtime/clock.js';
import { reasonOf } from './async.js';
import { after, onNextTurn } from './clock.js';
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
  let whatCame: Timer | undefined;
  const timer = after(ms, () => {
    // When this process stood still itself, timers run before sockets are read: what has come meanwhile is taken first.
    whatCame = onNextTurn(() => {
      controller.abort(new TimeOver(`no answer within ${formatDuration(ms)}`));
    });
  });
  const forward = (): void => {
    const fired = signals.find((signal) => signal.aborted);
    if (fired !== undefined) controller.abort(reasonOf(fired));
  };
  // A listener for each of many questions under way is no leak.
  setMaxListeners(0, ...signals);
  for (const signal of signals) signal.addEventListener('abort', forward, { once: true });
  try {
    forward();
    controller.signal.throwIfAborted();
    return await action(controller.signal);
  } finally {
    timer.cancel();
    whatCame?.cancel();
    for (const signal of signals) signal.removeEventListener('abort', forward);
  }
}

import { setMaxListeners } from 'node:events';
import type { Timer } from '../runtime/clock.js';
import { reasonOf } from './async.js';
import { after, onNextTurn } from './clock.js';
import { formatDuration } from './quantities.js';

/** The reason of a signal from {@link within} when the time is over. */
export class TimeOver extends Error {
  override readonly name = 'TimeOver';
}

/**
 * Runs `action` with a signal. It fires after `ms` (reason: TimeOver), or as soon as one of `signals` fires (with its
 * reason). The action must end when its signal fires. No listener stays on `signals`.
 */
export async function within<T>(
  ms: number,
  signals: readonly AbortSignal[],
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let whatCame: Timer | undefined;
  const timer = after(ms, () => {
    // If this process stood still, its timers run before its sockets are read. Give an answer that has arrived its
    // turn.
    whatCame = onNextTurn(() => {
      controller.abort(new TimeOver(`no answer within ${formatDuration(ms)}`));
    });
  });
  const forward = (): void => {
    const fired = signals.find((signal) => signal.aborted);
    if (fired !== undefined) controller.abort(reasonOf(fired));
  };
  // Many questions may wait on one signal. Their listeners are no leak.
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

import type { Sink } from './sink.js';

/** What a sink is at. */
export type SinkActivity = {
  /** Records that it was handed and hasn't accepted yet. */
  readonly backlog: number;
  /** Since when it has been at what it does, on the monotonic clock; null when it waits for more. */
  readonly busySinceMs: number | null;
};

/** It waits for more. */
const noActivity: SinkActivity = { backlog: 0, busySinceMs: null };

/**
 * The same sink, watched: what it is at, and how long it took over each delivery.
 * @param onDelivered gets the seconds of every delivery that succeeded.
 */
export function measuredSink(
  sink: Sink,
  onDelivered: (seconds: number) => void,
): { readonly sink: Sink; readonly activity: () => SinkActivity } {
  let activity = noActivity;
  const watched = async <T>(backlog: number, work: () => Promise<T>): Promise<T> => {
    activity = { backlog, busySinceMs: performance.now() };
    try {
      return await work();
    } finally {
      activity = noActivity;
    }
  };
  return {
    activity: () => activity,
    sink: {
      open: (acknowledged, signal, fencing) => sink.open(acknowledged, signal, fencing),
      deliver: async (records, signal, fencing) => {
        const startedAtMs = performance.now();
        await watched(records.length, () => sink.deliver(records, signal, fencing));
        onDelivered((performance.now() - startedAtMs) / 1000);
      },
      flush: () => watched(0, () => sink.flush()),
      close: () => sink.close(),
    },
  };
}

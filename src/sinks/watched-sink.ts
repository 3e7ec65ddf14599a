import { abortable, untilAborted } from '../util/abortable.js';
import { withDeadline } from '../util/async.js';
import { monotonicMs } from '../util/clock.js';
import { WaymarkError, messageOf } from '../util/errors.js';
import type { Sink } from './sink.js';
import { formatDuration } from '../util/quantities.js';

/** What a sink is doing. */
export type SinkActivity = {
  /** Records that it has received and not accepted yet. */
  readonly backlog: number;
  /** When its present call began, by the monotonic clock. Null while it waits for more. */
  readonly busySinceMs: number | null;
  /** Why it can't go on, in words, while it tries again. Null if nothing is wrong. */
  readonly trouble: string | null;
};

type Activity = Omit<SinkActivity, 'trouble'>;

/** How long a sink may take to close, its pending call included. */
const closeMs = 5000;

/**
 * Returns the same sink, as the agent calls it. It records what the sink is doing, waits no longer than the
 * signal says, and turns every failure into a WaymarkError. A user's own sink may throw anything, and may
 * never answer.
 * @param onDelivered called with the seconds of each successful delivery.
 */
export function watchedSink(
  sink: Sink,
  onDelivered: (seconds: number) => void,
): { readonly sink: Sink; readonly activity: () => SinkActivity } {
  const calls = new Calls();
  /** Whether it has accepted everything that it received. If not, only the next open tells what it holds. */
  let accepted = true;
  return {
    activity: () => ({ ...calls.activity, trouble: sink.trouble ?? null }),
    sink: {
      open: async (acknowledged, signal, fencing) => {
        await calls.answered(signal);
        const recovery = await calls.run('open', 0, signal, () => sink.open(acknowledged, signal, fencing));
        accepted = true;
        return recovery;
      },
      deliver: async (batch, signal, fencing) => {
        const startedAtMs = monotonicMs();
        accepted = false;
        await calls.run(`take ${batch.count} records`, batch.count, signal, () =>
          sink.deliver(batch, signal, fencing),
        );
        accepted = true;
        onDelivered((monotonicMs() - startedAtMs) / 1000);
      },
      flush: async (signal) => {
        const position = await calls.run('make its records durable', 0, signal, () => sink.flush(signal));
        if (position === null || accepted) return position;
        // The last batch may be durable or not. So the position may not match what was accepted.
        throw failure('report its position', new Error('it has not accepted the last batch'));
      },
      saved: (position) => {
        try {
          sink.saved?.(position);
        } catch (error) {
          throw failure('note a checkpoint', error);
        }
      },
      watch: async (signal) => {
        try {
          return await (sink.watch ? abortable(sink.watch(signal), signal) : untilAborted(signal));
        } catch (error) {
          throw error instanceof WaymarkError || signal.aborted ? error : failure('check its records', error);
        }
      },
      rotate: () => sink.rotate?.(),
      close: () => calls.last('close', () => sink.close()),
    },
  };
}

/** Calls the sink, one call at a time. */
class Calls {
  #activity: Activity = idle;
  /** The sink's pending call, even if we no longer wait for it. Never rejects. */
  #unanswered: Promise<unknown> | null = null;

  get activity(): Activity {
    return this.#activity;
  }

  async run<T>(what: string, backlog: number, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    if (this.#unanswered !== null) throw failure(what, new Error('it has not answered the previous call'));
    this.#activity = { backlog, busySinceMs: monotonicMs() };
    try {
      return await abortable(this.#call(call), signal);
    } catch (error) {
      throw error instanceof WaymarkError || signal.aborted ? error : failure(what, error);
    } finally {
      this.#activity = idle;
    }
  }

  /**
   * Waits until the sink has answered a call that was given up. It may still be writing: an agent that has lost its lead
   * to a slow disk, and leads again, opens the sink when that is over.
   */
  async answered(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#activity = { backlog: 0, busySinceMs: monotonicMs() };
    try {
      while (this.#unanswered !== null) await abortable(this.#unanswered, signal);
    } finally {
      this.#activity = idle;
    }
  }

  /** Makes the last call. Waits for the one before. Both together may take {@link closeMs}. */
  async last(what: string, call: () => Promise<void>): Promise<void> {
    try {
      await withDeadline(
        (async () => {
          await this.#unanswered;
          await this.#call(call);
        })(),
        closeMs,
        () => new Error(`it has not answered for ${formatDuration(closeMs)}`),
      );
    } catch (error) {
      throw error instanceof WaymarkError ? error : failure(what, error);
    }
  }

  #call<T>(call: () => Promise<T>): Promise<T> {
    // A call that throws before it returns a promise counts as one that rejects.
    const answer = (async () => call())();
    const answered = answer.then(
      () => undefined,
      () => undefined,
    );
    this.#unanswered = answered;
    void answered.then(() => {
      if (this.#unanswered === answered) this.#unanswered = null;
    });
    return answer;
  }
}

/** It waits for more. */
const idle: Activity = { backlog: 0, busySinceMs: null };

function failure(what: string, cause: unknown): WaymarkError {
  return new WaymarkError('sink', `The sink could not ${what}: ${messageOf(cause)}`, { cause });
}

import { abortable, untilAborted } from '../util/abortable.js';
import { withDeadline } from '../util/async.js';
import { monotonicMs } from '../util/clock.js';
import { WaymarkError, messageOf } from '../util/errors.js';
import type { Sink } from './sink.js';
import { formatDuration } from '../util/quantities.js';

/** What a sink is at. */
export type SinkActivity = {
  /** Records that it was handed and hasn't accepted yet. */
  readonly backlog: number;
  /** Since when it has been at what it does, on the monotonic clock; null when it waits for more. */
  readonly busySinceMs: number | null;
  /** What keeps it from going on, in words, while it tries again; null when nothing does. */
  readonly trouble: string | null;
};

type Activity = Omit<SinkActivity, 'trouble'>;

/** How long a sink may take to close, what it is still at included. */
const closeMs = 5000;

/**
 * The same sink, as the agent calls it: watched, no longer waited for than the signal says, and with every failure a
 * WaymarkError. A sink of somebody's own may throw anything, and may never answer.
 * @param onDelivered gets the seconds of every delivery that succeeded.
 */
export function watchedSink(
  sink: Sink,
  onDelivered: (seconds: number) => void,
): { readonly sink: Sink; readonly activity: () => SinkActivity } {
  const calls = new Calls();
  /** Whether it has accepted all that it was given: else only the next open tells what of that it has. */
  let accepted = true;
  return {
    activity: () => ({ ...calls.activity, trouble: sink.trouble ?? null }),
    sink: {
      open: async (acknowledged, signal, fencing) => {
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
        // What it was given last may be in it or not, and the position would not agree with what it has accepted.
        throw failure('say where it stands', new Error('it has not accepted what it was given last'));
      },
      saved: (position) => {
        try {
          sink.saved?.(position);
        } catch (error) {
          throw failure('take note of a checkpoint', error);
        }
      },
      watch: async (signal) => {
        try {
          return await (sink.watch ? abortable(sink.watch(signal), signal) : untilAborted(signal));
        } catch (error) {
          throw error instanceof WaymarkError || signal.aborted
            ? error
            : failure('look after its records', error);
        }
      },
      rotate: () => sink.rotate?.(),
      close: () => calls.last('close', () => sink.close()),
    },
  };
}

/** The calls of a sink, one at a time. */
class Calls {
  #activity: Activity = idle;
  /** What the sink has been asked to do and has not answered: under way, or given up by us. Never rejects. */
  #unanswered: Promise<unknown> | null = null;

  get activity(): Activity {
    return this.#activity;
  }

  async run<T>(what: string, backlog: number, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    if (this.#unanswered !== null) throw failure(what, new Error('it has not answered the call before'));
    this.#activity = { backlog, busySinceMs: monotonicMs() };
    try {
      return await abortable(this.#call(call), signal);
    } catch (error) {
      throw error instanceof WaymarkError || signal.aborted ? error : failure(what, error);
    } finally {
      this.#activity = idle;
    }
  }

  /** The call that ends it all: waits for the one before, and for both no longer than {@link closeMs}. */
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
    // One that throws before it gives a promise is no other than one that rejects.
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

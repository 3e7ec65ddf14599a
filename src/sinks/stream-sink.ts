import { reasonOf } from '../util/async.js';
import { WaymarkError, messageOf } from '../util/errors.js';
import type { RecordBatch } from '../records/record-batch.js';
import type { ChangeRecord } from '../records/record.js';
import type { Sink } from './sink.js';

/** A batch for whoever iterates. Its lines and records are to be taken before it is acknowledged. */
export type OfferedBatch = Pick<RecordBatch, 'lines' | 'count' | 'records'> & {
  /** Of the leadership under which they are delivered: it only grows. 0 where there is no election. */
  readonly fencingToken: number;
  /**
   * Says that the records are in safe hands: only then does the checkpoint move past them, and only then does the
   * next batch come. A second call, or one after the agent has stopped waiting, does nothing.
   */
  acknowledge(): void;
};

/** Both ends of an iteration over the agent's records. */
export type StreamSink = {
  /** The end for the agent. */
  readonly sink: Sink;
  /**
   * The end for the consumer; may be called once. There is one batch at a time, and the agent waits until it is
   * acknowledged. Leaving the loop early makes the agent's next delivery fail with a WaymarkError `sink`.
   * @param running the agent's run: when it resolves the iteration ends, when it rejects the iteration throws that.
   *   Without it the iteration ends when the sink is closed.
   */
  readonly batches: (running?: Promise<unknown>) => AsyncIterable<OfferedBatch>;
};

type Offer = { readonly batch: OfferedBatch; readonly reject: (error: Error) => void };

/** Hands the agent's records to a `for await` loop in the same process. */
export function streamSink(): StreamSink {
  const exchange = new Exchange();
  let iterated = false;
  return {
    sink: {
      open(_, signal) {
        signal.throwIfAborted();
        exchange.open();
        return Promise.resolve({ remembers: false, delivered: [], endsBetweenTransactions: false });
      },
      deliver: (batch, signal, fencing) => exchange.offer(batch, fencing?.token ?? 0, signal),
      flush: () => Promise.resolve(null),
      close() {
        exchange.close();
        return Promise.resolve();
      },
    },
    batches(running) {
      if (iterated) throw new WaymarkError('usage', 'batches() may be called once: there is one consumer');
      iterated = true;
      running?.then(
        () => {
          exchange.end(null);
        },
        (error: unknown) => {
          exchange.end(error instanceof Error ? error : new Error(messageOf(error), { cause: error }));
        },
      );
      return exchange.iterate(running === undefined);
    },
  };
}

/**
 * The records of the batches one by one; a batch is acknowledged when the consumer asks for the record behind it,
 * that is, when it has dealt with all of them.
 */
export async function* records(
  batches: AsyncIterable<OfferedBatch>,
): AsyncGenerator<ChangeRecord, void, undefined> {
  for await (const batch of batches) {
    yield* batch.records;
    batch.acknowledge();
  }
}

/** One place for one batch between the agent and its consumer. */
class Exchange {
  #offer: Offer | null = null;
  #taken = false;
  /** Why no more is taken; null while the consumer may still be there. */
  #refusal: WaymarkError | null = null;
  #closed = false;
  #ended: { readonly failure: Error | null } | null = null;
  #wake: () => void = () => undefined;

  /** Resolves when the consumer has acknowledged. */
  offer(batch: RecordBatch, fencingToken: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#closed) throw new WaymarkError('sink', 'the sink is closed');
      if (this.#refusal !== null) throw this.#refusal;
      if (this.#offer !== null) throw new WaymarkError('sink', 'a batch is under way already');
      if (batch.count === 0) {
        resolve();
        return;
      }
      const settle = (error: Error | null): void => {
        if (this.#offer !== offer) return;
        this.#offer = null;
        signal.removeEventListener('abort', onAbort);
        if (error === null) resolve();
        else reject(error);
      };
      const onAbort = (): void => {
        settle(reasonOf(signal));
      };
      const acknowledge = (): void => {
        settle(null);
      };
      const { lines, count } = batch;
      const offered = {
        ...{ lines, count, fencingToken, acknowledge },
        get records() {
          return batch.records;
        },
      };
      const offer: Offer = { batch: offered, reject: settle };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#offer = offer;
      this.#taken = false;
      this.#wake();
    });
  }

  /** The agent delivers, perhaps not for the first time. */
  open(): void {
    this.#closed = false;
  }

  /** The agent delivers no more, unless it opens it again. */
  close(): void {
    this.#closed = true;
    this.#offer?.reject(new WaymarkError('sink', 'the sink is closed'));
    this.#wake();
  }

  /** The agent's run is over. */
  end(failure: Error | null): void {
    this.#ended = { failure };
    this.#wake();
  }

  async *iterate(untilClosed: boolean): AsyncGenerator<OfferedBatch, void, undefined> {
    try {
      for (;;) {
        if (this.#ended !== null) {
          if (this.#ended.failure !== null) throw this.#ended.failure;
          return;
        }
        if (this.#closed && untilClosed) return;
        if (this.#offer !== null && !this.#taken) {
          this.#taken = true;
          yield this.#offer.batch;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      this.#refusal = new WaymarkError('sink', 'the consumer of the records has stopped reading them');
      this.#offer?.reject(this.#refusal);
    }
  }
}

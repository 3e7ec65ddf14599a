import { reasonOf } from '../util/async.js';
import { WaymarkError, messageOf } from '../util/errors.js';
import type { RecordBatch } from '../records/record-batch.js';
import type { ChangeRecord } from '../records/record.js';
import type { Sink } from './sink.js';

/** A batch for the consumer, who must use its lines and records before acknowledging it. */
export type OfferedBatch = Pick<RecordBatch, 'lines' | 'count' | 'records'> & {
  /** The token of the leadership that delivers the batch. It only grows. 0 without an election. */
  readonly fencingToken: number;
  /**
   * Says that the records are safe. Only then does the checkpoint move past them, and only then does the next
   * batch come. A second call does nothing. Neither does a call after the agent has stopped waiting.
   */
  acknowledge(): void;
};

/** Both ends of an iteration over the agent's records. */
export type StreamSink = {
  /** The agent's end. */
  readonly sink: Sink;
  /**
   * The consumer's end. It may be called once. There is one batch at a time, and the agent waits until it is
   * acknowledged. If the consumer leaves the loop early, the agent's next delivery fails with a WaymarkError
   * `sink`.
   * @param running the agent's run. When it resolves, the iteration ends. When it rejects, the iteration
   *   throws that error. Without it, the iteration ends when the sink is closed.
   */
  readonly batches: (running?: Promise<unknown>) => AsyncIterable<OfferedBatch>;
};

type Offer = { readonly batch: OfferedBatch; readonly reject: (error: Error) => void };

/** Returns a sink that passes the agent's records to a `for await` loop in the same process. */
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
      if (iterated)
        throw new WaymarkError('usage', 'batches() may be called only once: there is one consumer');
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
 * Yields the records of the batches one by one. A batch is acknowledged when the consumer asks for the record
 * after its last one: then it has handled all of them.
 */
export async function* records(
  batches: AsyncIterable<OfferedBatch>,
): AsyncGenerator<ChangeRecord, void, undefined> {
  for await (const batch of batches) {
    yield* batch.records;
    batch.acknowledge();
  }
}

/** Passes one batch at a time from the agent to its consumer. */
class Exchange {
  #offer: Offer | null = null;
  #taken = false;
  /** Why nothing more is accepted. Null while the consumer may still be there. */
  #refusal: WaymarkError | null = null;
  #closed = false;
  #ended: { readonly failure: Error | null } | null = null;
  #wake: () => void = () => undefined;

  /** Offers a batch. Resolves when the consumer has acknowledged it. */
  offer(batch: RecordBatch, fencingToken: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#closed) throw new WaymarkError('sink', 'the sink is closed');
      if (this.#refusal !== null) throw this.#refusal;
      if (this.#offer !== null) throw new WaymarkError('sink', 'the last batch is not acknowledged yet');
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

  /** The agent delivers nothing more, unless it opens the sink again. */
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

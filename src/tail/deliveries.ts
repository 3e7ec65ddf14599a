import type { Coordinates } from '../binlog/coordinates.js';
import { turn } from '../util/clock.js';
import type { Sink } from '../sinks/sink.js';
import { advance, type Progress } from './progress.js';
import type { Taken, TransactionStream } from './transaction-stream.js';

/** What a batch brought. */
export type DeliveredBatch = {
  readonly records: number;
  readonly hints: number;
  /** Where the stream is; behind the delivered coordinates inside a transaction. */
  readonly position: Coordinates;
};

/** Where the batches come from. */
export type LineSource = Pick<TransactionStream, 'take' | 'waitingBytes'>;

export type DeliveryOptions = {
  readonly progress: Progress;
  readonly sink: Pick<Sink, 'deliver'>;
  /** Ends waiting for the sink. */
  readonly sinkSignal: AbortSignal;
  /** Called when the sink has accepted a batch, before it is given the next one. */
  readonly onBatch: (batch: DeliveredBatch) => Promise<void>;
};

/** So much may have been read and made lines of while the sink is at what it was given before. */
const readAheadBytes = 2 * 1024 * 1024;

/** What has been read up to a place. */
type ReadTo = {
  readonly position: Coordinates;
  /** Whether a dump can begin at the position. */
  readonly isBoundary: boolean;
};

/**
 * Hands records to the sink, one batch at a time. While the sink is at one, more is read, and what has come by the time
 * that it accepts the batch is the next one: the slower the sink, the larger its batches.
 */
export class Deliveries {
  readonly #stream: LineSource;
  readonly #options: DeliveryOptions;
  readonly #failed = new AbortController();
  /** The batch that the sink is at. */
  #current: Promise<void> | null = null;
  /** How far what waits for the sink was read; null while more is being read, or nothing waits. */
  #waiting: ReadTo | null = null;

  constructor(stream: LineSource, options: DeliveryOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  /** Fires, with its error as the reason, when a delivery has failed: nothing more is to be read. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** Events are being worked off: what the stream holds ends in the middle of them. */
  hold(): void {
    this.#waiting = null;
  }

  /**
   * Delivers what has been read so far, at once or when the sink has accepted what it is at. Resolves when more may be
   * read. @throws the error of a delivery
   */
  async give(position: Coordinates, isBoundary: boolean): Promise<void> {
    this.#failed.signal.throwIfAborted();
    this.#waiting = { position, isBoundary };
    if (this.#current === null) {
      this.#begin(this.#waiting);
      return;
    }
    // What the sink waits for, a file being written, is told to Node between two turns.
    await turn();
    if (this.#stream.waitingBytes >= readAheadBytes) await this.#current;
  }

  /** Resolves when the sink has accepted all that it was given, and the progress says so. @throws a delivery's error */
  async settled(): Promise<void> {
    while (this.#current !== null) await this.#current;
    this.#failed.signal.throwIfAborted();
  }

  #begin({ position, isBoundary }: ReadTo): void {
    this.#waiting = null;
    this.#current = deliver(this.#stream.take(), position, this.#options, isBoundary).then(() => {
      this.#current = null;
      if (this.#waiting !== null) this.#begin(this.#waiting);
    });
    // Who reads next hears of it then.
    this.#current.catch((error: unknown) => {
      this.#failed.abort(error);
    });
  }
}

/** Hands records to the sink and, when it has accepted them, takes over what they say of the stream's progress. */
async function deliver(
  { batch, steps, partial, layoutVersion }: Taken,
  position: Coordinates,
  { progress, sink, sinkSignal, onBatch }: DeliveryOptions,
  isBoundary: boolean,
): Promise<void> {
  if (batch.count > 0) await sink.deliver(batch, sinkSignal);
  let hints = 0;
  for (const step of steps) {
    advance(progress, step);
    if (step.kind === 'hint') hints += 1;
  }
  progress.records += batch.count;
  progress.partial = partial;
  progress.layoutVersion = layoutVersion;
  if (isBoundary) progress.coordinates = position;
  await onBatch({ records: batch.count, hints, position });
}

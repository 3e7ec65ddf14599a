import type { Coordinates } from '../binlog/coordinates.js';
import { turn } from '../util/clock.js';
import type { Sink } from '../sinks/sink.js';
import { advance, type Progress } from './progress.js';
import type { Taken, TransactionStream } from './transaction-stream.js';

/** What the delivery of a batch has achieved. */
export type DeliveredBatch = {
  readonly records: number;
  readonly hints: number;
  /** How far the stream was read. Inside a transaction this is beyond the delivered coordinates. */
  readonly position: Coordinates;
};

/** Where the batches come from. */
export type LineSource = Pick<TransactionStream, 'take' | 'waitingBytes'>;

/** Where batches go, and who is told. */
export type DeliveryOptions = {
  readonly progress: Progress;
  readonly sink: Pick<Sink, 'deliver'>;
  /** Ends waiting for the sink. */
  readonly sinkSignal: AbortSignal;
  /** Called when the sink has accepted a batch, before it gets the next one. */
  readonly onBatch: (batch: DeliveredBatch) => Promise<void>;
};

/** How many bytes of lines may wait while the sink works on a batch. */
const readAheadBytes = 2 * 1024 * 1024;

/** How far the lines that wait have been read. */
type ReadTo = {
  readonly position: Coordinates;
  /** Whether a dump can begin at the position. */
  readonly isBoundary: boolean;
};

/**
 * Hands records to the sink, one batch at a time. While the sink works on a batch, more is read. What has been read
 * when the sink accepts it becomes the next batch. So a slower sink gets larger batches.
 */
export class Deliveries {
  readonly #stream: LineSource;
  readonly #options: DeliveryOptions;
  readonly #failed = new AbortController();
  /** The batch that the sink works on. */
  #current: Promise<void> | null = null;
  /** How far the lines that wait have been read. Null while more is being read, or if nothing waits. */
  #waiting: ReadTo | null = null;

  constructor(stream: LineSource, options: DeliveryOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  /** Fires when a delivery has failed, with its error as the reason. Nothing more must be read then. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /**
   * Called before events are processed. Until the next {@link give}, the stream's lines end in the middle of them, so
   * they must not go to the sink.
   */
  hold(): void {
    this.#waiting = null;
  }

  /**
   * Delivers what has been read so far: at once, or when the sink has accepted its batch. Resolves when more may be
   * read.
   * @throws the error of a delivery.
   */
  async give(position: Coordinates, isBoundary: boolean): Promise<void> {
    this.#failed.signal.throwIfAborted();
    this.#waiting = { position, isBoundary };
    if (this.#current === null) {
      this.#begin(this.#waiting);
      return;
    }
    // The sink may wait for Node to report a finished write. Node does that between two turns of the event loop.
    await turn();
    if (this.#stream.waitingBytes >= readAheadBytes) await this.#current;
  }

  /**
   * Resolves when the sink has accepted everything that it was given, and the progress says so.
   * @throws the error of a delivery.
   */
  async settled(): Promise<void> {
    while (this.#current !== null) await this.#current;
    this.#failed.signal.throwIfAborted();
  }

  #begin({ position, isBoundary }: ReadTo): void {
    const { progress } = this.#options;
    this.#waiting = null;
    progress.isDelivering = true;
    this.#current = deliver(this.#stream.take(), position, this.#options, isBoundary).then(() => {
      this.#current = null;
      progress.isDelivering = false;
      if (this.#waiting !== null) this.#begin(this.#waiting);
    });
    // The next call of `give` or `settled` reports the error.
    this.#current.catch((error: unknown) => {
      progress.isDelivering = false;
      this.#failed.abort(error);
    });
  }
}

/** Hands records to the sink. When the sink has accepted them, moves the stream's progress past them. */
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

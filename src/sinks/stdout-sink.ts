import type { Writable } from 'node:stream';

import type { SinkPosition } from '../checkpoint/checkpoint.js';
import { reasonOf } from '../util/async.js';
import { WaymarkError, messageOf, hasSystemCode } from '../util/errors.js';
import { encodeRecords } from './ndjson.js';
import type { ChangeRecord } from './record.js';
import type { Sink, SinkRecovery } from './sink.js';

/**
 * Writes the records to a stream (the process's stdout unless another is given), one JSON document per line.
 *
 * `deliver` resolves when the stream has handed the lines to the system, so a slow reader slows the agent and nothing
 * accepted is left in memory. It can't tell what its reader took: it remembers nothing. The stream is not ended.
 * Errors: WaymarkError `sink` when the reader has gone away or the system refuses the lines; after one the sink takes
 * no more.
 */
export function stdoutSink(stream: Writable = process.stdout): Sink {
  return new StdoutSink(stream);
}

class StdoutSink implements Sink {
  readonly #stream: Writable;
  #failure: WaymarkError | null = null;
  #isOpen = false;
  /** Writes under way: one, or an aborted one that the reader still keeps waiting. */
  #writing = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  open(_acknowledged: SinkPosition | null, signal: AbortSignal): Promise<SinkRecovery> {
    signal.throwIfAborted();
    if (!this.#isOpen) this.#stream.on('error', this.#onError);
    this.#isOpen = true;
    return Promise.resolve({ remembers: false, delivered: [], endsBetweenTransactions: false });
  }

  async deliver(records: readonly ChangeRecord[], signal: AbortSignal): Promise<void> {
    if (!this.#isOpen) throw new WaymarkError('sink', 'the stdout sink is not open');
    for (const { bytes } of encodeRecords(records)) {
      signal.throwIfAborted();
      if (this.#failure !== null) throw this.#failure;
      await this.#write(bytes, signal);
    }
  }

  async flush(): Promise<null> {
    if (this.#failure !== null) throw this.#failure;
    return Promise.resolve(null);
  }

  close(): Promise<void> {
    this.#isOpen = false;
    this.#stopListening();
    return Promise.resolve();
  }

  #write(bytes: Buffer, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        reject(reasonOf(signal));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#writing++;
      this.#stream.write(bytes, (error) => {
        this.#writing--;
        signal.removeEventListener('abort', onAbort);
        if (error) this.#onError(error);
        if (!this.#isOpen) this.#stopListening();
        if (this.#failure === null) resolve();
        else reject(this.#failure);
      });
    });
  }

  readonly #onError = (error: unknown): void => {
    this.#failure ??= asSinkError(error);
  };

  /** Not while a write is under way: a stream's error without a listener ends the process. */
  #stopListening(): void {
    // The event of a failed write comes right behind its callback.
    if (this.#writing === 0 && this.#failure === null) this.#stream.off('error', this.#onError);
  }
}

function asSinkError(error: unknown): WaymarkError {
  const gone = hasSystemCode(error, 'EPIPE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END');
  const message = gone
    ? 'the reader of stdout has gone away: start it again together with the agent, which goes on from its checkpoint'
    : `stdout cannot be written: ${messageOf(error)}`;
  return new WaymarkError('sink', message, { cause: error });
}

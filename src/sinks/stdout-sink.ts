import { constants, fstatSync, readFileSync, statSync, write } from 'node:fs';
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';

import type { SinkPosition } from '../checkpoint/checkpoint.js';
import { reasonOf } from '../util/async.js';
import { WaymarkError, messageOf, hasSystemCode } from '../util/errors.js';
import type { RecordBatch } from '../records/record-batch.js';
import { DiskRoom } from './disk-room.js';
import type { Sink, SinkRecovery } from './sink.js';

/**
 * Returns a sink that writes the records to a stream, one JSON document per line. The stream is the process's
 * stdout unless given.
 *
 * `deliver` resolves when the stream has passed the lines to the system. So a slow reader slows the agent
 * down, and accepted lines don't stay in memory. The sink can't know what its reader has read, so it
 * remembers nothing. It doesn't end the stream.
 * @throws WaymarkError `sink` if stdout is closed. The sink rejects with `sink` if the reader has gone away
 *   or the system refuses the lines. After that it takes nothing more.
 */
export function stdoutSink(stream: Writable & { readonly fd?: number } = process.stdout): Sink {
  if (stream.fd !== undefined && isClosed(stream.fd)) {
    throw new WaymarkError(
      'sink',
      'stdout is closed, so the records would be lost. Connect it to a reader or to a file (sink: {type: stdout})',
    );
  }
  return stream.fd !== undefined && fstatSync(stream.fd).isFile()
    ? new RedirectedSink(stream.fd)
    : new StdoutSink(stream);
}

/**
 * Returns whether a standard stream was closed when this process began. Then Node opens /dev/null for reading
 * and writing in its place (src/node.cc, PlatformInit). Somebody who wants to discard records opens it for
 * writing only. Without /proc, nobody can tell.
 */
function isClosed(fd: number): boolean {
  try {
    const [stream, nowhere] = [fstatSync(fd), statSync('/dev/null')];
    if (!stream.isCharacterDevice() || stream.rdev !== nowhere.rdev) return false;
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${String(fd)}`, 'utf8'))?.[1];
    return flags !== undefined && (parseInt(flags, 8) & accessMode) === constants.O_RDWR;
  } catch {
    return false;
  }
}

const accessMode = constants.O_RDONLY | constants.O_WRONLY | constants.O_RDWR;

const writeTo = promisify(write);

/**
 * Writes to a file that stdout leads to.
 *
 * If a full disk takes only a part of a write, Node's own stream reports success
 * (lib/internal/fs/sync_write_stream.js ignores the result of writeSync), and the rest would be lost
 * silently.
 */
class RedirectedSink implements Sink {
  readonly #fd: number;
  readonly #room = new DiskRoom();
  #failure: WaymarkError | null = null;
  #isOpen = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  get trouble(): string | null {
    return this.#room.trouble;
  }

  open(_acknowledged: SinkPosition | null, signal: AbortSignal): Promise<SinkRecovery> {
    signal.throwIfAborted();
    this.#isOpen = true;
    return Promise.resolve(knowsNothing);
  }

  async deliver({ lines }: RecordBatch, signal: AbortSignal): Promise<void> {
    if (!this.#isOpen) throw new WaymarkError('sink', 'the stdout sink is not open');
    signal.throwIfAborted();
    if (this.#failure !== null) throw this.#failure;
    await this.#write(lines, signal);
  }

  async #write(bytes: Buffer, signal: AbortSignal): Promise<void> {
    let written = 0;
    try {
      await this.#room.wait(async () => {
        while (written < bytes.length) {
          const { bytesWritten } = await writeTo(this.#fd, bytes, written, bytes.length - written, null);
          written += bytesWritten;
        }
      }, signal);
    } catch (error) {
      if (!signal.aborted) throw (this.#failure = asSinkError(error));
      // The file may end within one of these lines. The rest would never follow.
      if (written > 0) this.#failure = asSinkError(error);
      throw error;
    }
  }

  async flush(): Promise<null> {
    if (this.#failure !== null) throw this.#failure;
    return Promise.resolve(null);
  }

  close(): Promise<void> {
    this.#isOpen = false;
    return Promise.resolve();
  }
}

/** What a sink reports that can't read what it wrote. */
const knowsNothing: SinkRecovery = { remembers: false, delivered: [], endsBetweenTransactions: false };

class StdoutSink implements Sink {
  readonly #stream: Writable;
  #failure: WaymarkError | null = null;
  #isOpen = false;
  /** Pending writes: one, or an aborted one that the reader hasn't taken yet. */
  #writing = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  open(_acknowledged: SinkPosition | null, signal: AbortSignal): Promise<SinkRecovery> {
    signal.throwIfAborted();
    if (!this.#isOpen) this.#stream.on('error', this.#onError);
    this.#isOpen = true;
    return Promise.resolve(knowsNothing);
  }

  async deliver({ lines }: RecordBatch, signal: AbortSignal): Promise<void> {
    if (!this.#isOpen) throw new WaymarkError('sink', 'the stdout sink is not open');
    signal.throwIfAborted();
    if (this.#failure !== null) throw this.#failure;
    await this.#write(lines, signal);
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

  /**
   * Stops listening, but not while a write is pending: a stream's error without a listener ends the process.
   */
  #stopListening(): void {
    // The error event of a failed write comes right after its callback.
    if (this.#writing === 0 && this.#failure === null) this.#stream.off('error', this.#onError);
  }
}

function asSinkError(error: unknown): WaymarkError {
  const gone = hasSystemCode(error, 'EPIPE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END');
  const message = gone
    ? 'the reader of stdout has gone away. Start it again together with the agent, which goes on from its checkpoint'
    : `stdout cannot be written: ${messageOf(error)}`;
  return new WaymarkError('sink', message, { cause: error });
}

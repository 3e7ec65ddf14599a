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
 * Writes the records to a stream (the process's stdout unless another is given), one JSON document per line.
 *
 * `deliver` resolves when the stream has handed the lines to the system, so a slow reader slows the agent and nothing
 * accepted is left in memory. It can't tell what its reader took: it remembers nothing. The stream is not ended.
 * @throws WaymarkError `sink` when stdout is closed.
 * Errors: WaymarkError `sink` when the reader has gone away or the system refuses the lines; after one the sink takes
 * no more.
 */
export function stdoutSink(stream: Writable & { readonly fd?: number } = process.stdout): Sink {
  if (stream.fd !== undefined && isClosed(stream.fd)) {
    throw new WaymarkError(
      'sink',
      'stdout is closed, so the records would go nowhere: connect it to a reader or to a file (sink: {type: stdout})',
    );
  }
  return stream.fd !== undefined && fstatSync(stream.fd).isFile()
    ? new RedirectedSink(stream.fd)
    : new StdoutSink(stream);
}

/**
 * Whether a standard stream was closed when this process began: Node opens /dev/null in its place, for reading and
 * writing (src/node.cc, PlatformInit); whoever throws records away himself opens it for writing alone. Where there is no
 * /proc, nobody can tell.
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
 * stdout that leads into a file. Node's own stream takes a write for whole of which a full disk took a part only
 * (lib/internal/fs/sync_write_stream.js doesn't look at what writeSync gives), and would lose the rest in silence.
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
      // What is in the file of these records may end within a line; the rest would never come behind it.
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

/** What a sink says of itself that can't read what it has written. */
const knowsNothing: SinkRecovery = { remembers: false, delivered: [], endsBetweenTransactions: false };

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

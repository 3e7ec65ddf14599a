import type { Timer } from '../runtime/clock.js';
import type { Socket } from '../runtime/network.js';
import { reasonOf } from '../util/async.js';
import { after, monotonicMs, onNextTurn } from '../util/clock.js';

/** Bytes that may wait for the consumer before the socket is paused (and TCP tells the server to wait). */
const queueLimitBytes = 1024 * 1024;

/** Given at once, but for the last chunk: some milliseconds of work. */
const readBytes = 256 * 1024;

/**
 * Reads a socket on demand: what has come since the last time, as much as is worked off without a turn. Chunks are the socket's own buffers, not copies.
 * The silence limit counts only while somebody waits for data: a slow consumer is not a silent server.
 */
export class SocketReader {
  readonly #socket: Socket;
  readonly #signal: AbortSignal;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #ended = false;
  #error: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(socket: Socket, signal: AbortSignal) {
    this.#socket = socket;
    this.#signal = signal;
    socket.on('data', (chunk: Buffer) => {
      this.#queue.push(chunk);
      this.#queuedBytes += chunk.length;
      if (this.#queuedBytes >= queueLimitBytes) socket.pause();
      this.#wake?.();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake?.();
    };
    socket.on('end', end);
    socket.on('close', end);
    socket.on('error', (error) => {
      this.#error = error;
      this.#wake?.();
    });
    if (socket.destroyed || socket.readableEnded) this.#ended = true;
    socket.resume();
  }

  /**
   * The next chunks, one at least; `ended` when the other side closed; `silent` when nothing came for `silenceMs`.
   * @throws the socket's error, or the signal's reason.
   */
  async read(silenceMs: number): Promise<readonly Buffer[] | 'ended' | 'silent'> {
    const deadline = monotonicMs() + silenceMs;
    for (;;) {
      this.#signal.throwIfAborted();
      if (this.#queue.length > 0) {
        const chunks = this.#next();
        if (this.#queuedBytes < queueLimitBytes && this.#socket.isPaused()) this.#socket.resume();
        return chunks;
      }
      if (this.#error !== null) throw this.#error;
      if (this.#ended) return 'ended';
      if (monotonicMs() >= deadline) return 'silent';
      await this.#wait(deadline - monotonicMs());
    }
  }

  #next(): Buffer[] {
    let count = 0;
    let bytes = 0;
    for (; count < this.#queue.length && bytes < readBytes; count += 1)
      bytes += this.#queue[count]?.length ?? 0;
    this.#queuedBytes -= bytes;
    return this.#queue.splice(0, count);
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let whatCame: Timer | undefined;
      const finish = (): void => {
        timer.cancel();
        whatCame?.cancel();
        this.#signal.removeEventListener('abort', onAbort);
        this.#wake = null;
      };
      const onAbort = (): void => {
        finish();
        reject(reasonOf(this.#signal));
      };
      const wake = (): void => {
        finish();
        resolve();
      };
      // When this process stood still itself, timers run before sockets are read (the phases of Node's event loop):
      // what has come meanwhile is taken first, so that our own pause isn't the server's silence.
      const onSilence = (): void => {
        whatCame = onNextTurn(wake);
      };
      const timer = after(Math.max(ms, 1), onSilence);
      this.#signal.addEventListener('abort', onAbort, { once: true });
      this.#wake = wake;
    });
  }
}

import type { Timer } from '../runtime/clock.js';
import type { Socket } from '../runtime/network.js';
import { reasonOf } from '../util/async.js';
import { after, monotonicMs, onNextTurn } from '../util/clock.js';
import type { Pulse } from './pulse.js';

/** Bytes that may wait for the consumer. Then the socket is paused, and TCP makes the server wait. */
const queueLimitBytes = 1024 * 1024;

/** A read returns about this much: some milliseconds of work, so that the event loop keeps its turns. */
const readBytes = 256 * 1024;

/**
 * Reads a socket on demand. Each read returns the chunks since the last one, limited to some milliseconds of
 * work. Chunks are the socket's own buffers, not copies.
 *
 * The silence limit counts only while somebody waits for data: a slow consumer is not a silent server.
 */
export class SocketReader {
  readonly #socket: Socket;
  readonly #signal: AbortSignal;
  readonly #pulse: Pulse;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #ended = false;
  #error: Error | null = null;
  #wake: (() => void) | null = null;

  /** @param pulse shows whether anybody waits for the socket, and whether anything comes. */
  constructor(socket: Socket, signal: AbortSignal, pulse: Pulse) {
    this.#socket = socket;
    this.#signal = signal;
    this.#pulse = pulse;
    socket.on('data', (chunk: Buffer) => {
      this.#queue.push(chunk);
      this.#queuedBytes += chunk.length;
      const isFull = this.#queuedBytes >= queueLimitBytes;
      if (isFull) socket.pause();
      pulse.quietSinceMs = isFull ? null : monotonicMs();
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
    pulse.quietSinceMs = monotonicMs();
    socket.resume();
  }

  /**
   * Returns the next chunks, at least one. `ended` if the other side closed, `silent` if nothing came for
   * `silenceMs`.
   * @throws the socket's error, or the signal's reason.
   */
  async read(silenceMs: number): Promise<readonly Buffer[] | 'ended' | 'silent'> {
    const deadline = monotonicMs() + silenceMs;
    for (;;) {
      this.#signal.throwIfAborted();
      if (this.#queue.length > 0) {
        this.#pulse.waitingSinceMs = null;
        const chunks = this.#next();
        if (this.#queuedBytes < queueLimitBytes && this.#socket.isPaused()) {
          this.#pulse.quietSinceMs = monotonicMs();
          this.#socket.resume();
        }
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
      this.#pulse.waitingSinceMs ??= monotonicMs();
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
      // If this process itself stalled, Node runs timers before it reads sockets (the phases of its event
      // loop). So data that came meanwhile is read first: our own stall isn't the server's silence.
      const onSilence = (): void => {
        whatCame = onNextTurn(wake);
      };
      const timer = after(Math.max(ms, 1), onSilence);
      this.#signal.addEventListener('abort', onAbort, { once: true });
      this.#wake = wake;
    });
  }
}

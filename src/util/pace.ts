import { sleep } from './async.js';
import { monotonicMs } from './clock.js';

/** Slows a reader down to a number of bytes per second. Without a limit it never waits. */
export class Pace {
  readonly #bytesPerSecond: number | undefined;
  readonly #startedAt = monotonicMs();
  #bytes = 0;

  constructor(bytesPerSecond: number | undefined) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  async spent(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#bytesPerSecond === undefined) return;
    this.#bytes += bytes;
    const dueMs = (this.#bytes / this.#bytesPerSecond) * 1000;
    const aheadMs = dueMs - (monotonicMs() - this.#startedAt);
    if (aheadMs > 1) await sleep(aheadMs, signal);
  }
}

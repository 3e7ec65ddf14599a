import { sleep } from '../util/async.js';
import { monotonicMs } from '../util/clock.js';
import { hasSystemCode, WaymarkError } from '../util/errors.js';
import { formatDuration, formatSeconds } from '../util/quantities.js';

/** How long to wait for room on a full disk. */
const patienceMs = 60_000;
const retryMs = { first: 100, last: 2000 } as const;

/** Returns whether a disk is full, or the account's quota is used up. */
export function isDiskFull(error: unknown): boolean {
  return hasSystemCode(error, 'ENOSPC', 'EDQUOT');
}

/** Waits for room on the disk. */
export class DiskRoom {
  readonly #patienceMs: number;
  #fullSinceMs: number | null = null;

  constructor(patience = patienceMs) {
    this.#patienceMs = patience;
  }

  /** What it waits for, in words. Null if nothing. */
  get trouble(): string | null {
    if (this.#fullSinceMs === null) return null;
    const seconds = Math.round((monotonicMs() - this.#fullSinceMs) / 1000);
    return `the disk is full, for ${formatSeconds(seconds)} now. Writing is tried again for ${formatDuration(this.#patienceMs)}`;
  }

  /**
   * Writes, and tries again while the disk is full.
   * @param write if it fails, it must leave nothing behind, or continue where it was the next time.
   * @throws the error of `write` if the disk isn't full, or has been full for a minute. The signal's reason.
   */
  async wait(write: () => Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      for (let waitMs: number = retryMs.first; ; waitMs = Math.min(waitMs * 2, retryMs.last)) {
        try {
          await write();
          return;
        } catch (error) {
          if (error instanceof WaymarkError || !isDiskFull(error)) throw error;
          this.#fullSinceMs ??= monotonicMs();
          if (monotonicMs() - this.#fullSinceMs > this.#patienceMs) throw error;
        }
        await sleep(waitMs, signal);
      }
    } finally {
      this.#fullSinceMs = null;
    }
  }
}

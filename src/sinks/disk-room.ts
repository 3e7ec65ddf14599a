import { sleep } from '../util/async.js';
import { monotonicMs } from '../util/clock.js';
import { hasSystemCode, WaymarkError } from '../util/errors.js';
import { formatDuration, formatSeconds } from '../util/quantities.js';

/** A full disk is waited for so long. */
const patienceMs = 60_000;
const retryMs = { first: 100, last: 2000 } as const;

/** Whether a disk has no room, or the account has used up its quota. */
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

  /** What is waited for, in words; null: nothing. */
  get trouble(): string | null {
    if (this.#fullSinceMs === null) return null;
    const seconds = Math.round((monotonicMs() - this.#fullSinceMs) / 1000);
    return `the disk is full, for ${formatSeconds(seconds)} now; writing is tried again for ${formatDuration(this.#patienceMs)}`;
  }

  /**
   * Does what takes room on a disk, again and again while there is none.
   * @param write when it fails, leaves nothing behind, or goes on where it was the next time.
   * @throws what `write` throws when it isn't that, or when there is no room for a minute; the signal's reason.
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

import { type Pulse, silentSince } from '../dump/pulse.js';
import { sleep } from '../util/async.js';
import { monotonicMs, turn } from '../util/clock.js';

/** How often the two servers are compared. */
const compareMs = 50;

/** A timer that fires later than this shows that our own process stood still. */
const onTimeMs = 20;

/** A shadow that is idle sends a heartbeat every 100 ms. */
const heardMs = 250;

/**
 * Tells the silence of a server from our own: it compares what comes from two servers.
 *
 * A server is silent if nothing has come from it while it was waited for, less the time for which our own process stood
 * still, and if the other one was heard of meanwhile. So neither a slow sink nor a busy or suspended machine is taken
 * for a silent server.
 */
export class SilenceComparison {
  readonly #limitMs: number;
  /** The silence that is being counted, by its beginning, and how much of it was our own. */
  #sinceMs: number | null = null;
  #ownMs = 0;

  /** @param limitMs how long a server may be silent. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Waits for the next comparison. Tells how much later it comes than it should. */
  async pause(signal: AbortSignal): Promise<{ readonly lateMs: number }> {
    const dueMs = monotonicMs() + compareMs;
    await sleep(compareMs, signal);
    const lateMs = Math.max(monotonicMs() - dueMs, 0);
    // Timers run before sockets are read. What has arrived is heard now.
    await turn();
    return { lateMs: lateMs > onTimeMs ? lateMs : 0 };
  }

  /** How long the server has been silent, if that is too long. Null if it isn't. */
  compare(server: Pulse, other: Pulse, lateMs: number): number | null {
    const sinceMs = silentSince(server);
    if (sinceMs !== this.#sinceMs) {
      this.#sinceMs = sinceMs;
      this.#ownMs = 0;
    }
    this.#ownMs += lateMs;
    if (sinceMs === null) return null;
    const nowMs = monotonicMs();
    const silentMs = Math.round(nowMs - sinceMs - this.#ownMs);
    const otherSilentMs = other.waitingSinceMs === null ? 0 : nowMs - other.waitingSinceMs;
    return silentMs >= this.#limitMs && otherSilentMs < heardMs ? silentMs : null;
  }
}

import { WaymarkError } from '../util/errors.js';
import type { HeldLeadership } from './campaign.js';
import type { Leadership } from './election.js';

/** Returns the error that ends campaigns and leaderships when a process closes its elections. */
export function closedError(): WaymarkError {
  return new WaymarkError('not-leader', 'The election was closed');
}

/** The campaigns and leaderships of one process. They are ended together. */
export class OpenLeaderships {
  readonly #closing = new AbortController();
  readonly #campaigns = new Set<Promise<unknown>>();
  readonly #leaderships = new Set<HeldLeadership>();

  /** Runs a campaign. Its signal fires with `signal`, and when everything is closed. */
  async campaign(
    signal: AbortSignal,
    run: (signal: AbortSignal) => Promise<HeldLeadership>,
  ): Promise<Leadership> {
    const running = run(AbortSignal.any([signal, this.#closing.signal]));
    const ended = running.catch(() => undefined);
    this.#campaigns.add(ended);
    try {
      const leadership = await running;
      this.#leaderships.add(leadership);
      void leadership.ended.then(() => this.#leaderships.delete(leadership));
      return leadership;
    } finally {
      this.#campaigns.delete(ended);
    }
  }

  /** Ends all campaigns and leaderships. Resolves when the backend knows, or can't be told. */
  async close(): Promise<void> {
    this.#closing.abort(closedError());
    await Promise.all(this.#campaigns);
    await Promise.all([...this.#leaderships].map((leadership) => leadership.resign()));
  }
}

import { WaymarkError } from '../util/errors.js';

import type { Checkpoint, StoredCheckpoint } from './checkpoint.js';

/**
 * Refuses a writer whose fencing token is older than the stored record's: it was leader once and doesn't know yet
 * that it is no longer. Remembers the token of the last version seen, so that nothing need be read again for it.
 */
export class TokenGuard {
  #version: string | null = null;
  #token = 0;

  /** A record was read or written. */
  note(version: string, checkpoint: Checkpoint): void {
    this.#version = version;
    this.#token = checkpoint.fencingToken;
  }

  /**
   * @param load reads the stored record; called only when `expected` is a version not seen here before.
   * @throws WaymarkError `checkpoint-conflict` when the stored token is newer.
   */
  async check(
    checkpoint: Checkpoint,
    expected: string | null,
    location: string,
    load: () => Promise<StoredCheckpoint | null>,
  ): Promise<void> {
    if (expected === null) return;
    if (expected !== this.#version) {
      const stored = await load();
      // Another version by now: the compare-and-set will say so.
      if (stored?.version !== expected) return;
      this.note(stored.version, stored.checkpoint);
    }
    if (checkpoint.fencingToken < this.#token) {
      throw fencedOff(checkpoint, this.#token, location);
    }
  }
}

/** The error of a writer whose token is older than the stored one. */
export function fencedOff(checkpoint: Checkpoint, stored: number, location: string): WaymarkError {
  return new WaymarkError(
    'checkpoint-conflict',
    `The checkpoint at ${location} was written under fencing token ${stored}, this agent has the older ` +
      `token ${checkpoint.fencingToken}: another agent has taken over the stream "${checkpoint.stream}".`,
    { details: { location, stored, own: checkpoint.fencingToken } },
  );
}

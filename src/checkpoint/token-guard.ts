import { WaymarkError } from '../util/errors.js';

import type { Checkpoint, StoredCheckpoint } from './checkpoint.js';

/** Who writes. */
type Writer = Pick<Checkpoint, 'stream' | 'fencingToken'>;

/**
 * Refuses a writer whose fencing token is older than the stored record's: it lost its leadership and doesn't
 * know yet. Remembers the token of the last version it has seen, so that the record need not be read again.
 */
export class TokenGuard {
  #version: string | null = null;
  #token = 0;

  /** Notes that a record was read or written. */
  note(version: string, checkpoint: Checkpoint): void {
    this.#version = version;
    this.#token = checkpoint.fencingToken;
  }

  /**
   * Refuses a write with an older token than the stored one.
   * @param load reads the stored record. It is called only if `expected` is a version that wasn't seen here
   *   before.
   * @throws WaymarkError `checkpoint-conflict` if the stored token is newer.
   */
  async check(
    writer: Writer,
    expected: string | null,
    location: string,
    load: () => Promise<StoredCheckpoint | null>,
  ): Promise<void> {
    if (expected === null) return;
    if (expected !== this.#version) {
      const stored = await load();
      // The version has changed already: the compare-and-set will report that.
      if (stored?.version !== expected) return;
      this.note(stored.version, stored.checkpoint);
    }
    if (writer.fencingToken < this.#token) {
      throw olderTokenError(writer, this.#token, location);
    }
  }
}

/** Returns the error of a writer whose token is older than the stored one. */
export function olderTokenError(writer: Writer, stored: number, location: string): WaymarkError {
  return new WaymarkError(
    'checkpoint-conflict',
    `The checkpoint at ${location} has fencing token ${stored}, but this agent has the older token ` +
      `${writer.fencingToken}. Another agent has taken over the stream "${writer.stream}".`,
    { details: { location, stored, own: writer.fencingToken } },
  );
}

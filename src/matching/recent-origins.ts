import type { TrailEntry } from './trail.js';

/** Enough for what a group commit writes at a time, many times over. */
const generationSize = 256;

/**
 * Which transactions have come lately, by their MariaDB GTIDs.
 *
 * A MariaDB replica that is killed between a transaction's way into its log and the note of its place (in a table of
 * another engine for DDL, in a file where it replicates by file and position) carries it out again when it is back, and
 * logs it a second time, under the same GTID. Others may stand between the two: of another domain, or of its own.
 * MySQL keeps the place within the transaction; its origins (commit times) aren't unique either, and are not kept here.
 */
export class RecentOrigins {
  /** Two generations: the older one goes as a whole, so that nothing is taken out one by one. */
  #newer = new Set<string>();
  #older = new Set<string>();

  /** @param entries a trail whose last transactions have come already. */
  constructor(entries: readonly TrailEntry[] = []) {
    for (const entry of entries.slice(-2 * generationSize)) {
      if (entry.kind === 'transaction') this.add(entry.identity.origin);
    }
  }

  add(origin: string): void {
    if (!origin.startsWith('g:')) return;
    if (this.#newer.size >= generationSize) {
      this.#older = this.#newer;
      this.#newer = new Set();
    }
    this.#newer.add(origin);
  }

  has(origin: string): boolean {
    return this.#newer.has(origin) || this.#older.has(origin);
  }
}

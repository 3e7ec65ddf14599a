import { likeness } from '../binlog/identity.js';
import type { Identity, TrailEntry } from './trail.js';

/** Enough for what a group commit writes at a time, many times over. */
const generationSize = 256;

/**
 * Which transactions have come lately in a server's log, by their MariaDB GTIDs, and what was in them.
 *
 * A MariaDB replica that is killed between a transaction's way into its log and the note of its place (in a table of
 * another engine for DDL, in a file where it replicates by file and position) carries it out again when it is back, and
 * logs it a second time, under the same GTID. Others may stand between the two: of another domain, or of its own. It is
 * the same one only if its content is: without gtid_strict_mode a MariaDB server logs anything under a GTID that it has.
 * MySQL keeps the place within the transaction; its origins (commit times) aren't unique either, and are not kept here.
 */
export class RecentOrigins {
  /** Digests by origin, in two generations: the older one goes as a whole, so that nothing is taken out one by one. */
  #newer = new Map<string, bigint>();
  #older = new Map<string, bigint>();

  /** @param entries a trail whose last transactions have come already. */
  constructor(entries: readonly TrailEntry[] = []) {
    for (const entry of entries.slice(-2 * generationSize)) {
      if (entry.kind === 'transaction') this.add(entry.identity);
    }
  }

  add({ origin, digest }: Pick<Identity, 'origin' | 'digest'>): void {
    if (!origin.startsWith('g:')) return;
    if (this.#newer.size >= generationSize) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(origin, digest);
  }

  /** The digest of what came under this origin; null when nothing has. */
  digestOf(origin: string): bigint | null {
    return this.#newer.get(origin) ?? this.#older.get(origin) ?? null;
  }

  /** Whether a transaction has come already: one of the same origin, and of the same content as far as that can be said. */
  has({ origin, digest }: Pick<Identity, 'origin' | 'digest'>): boolean {
    const known = this.digestOf(origin);
    return known !== null && likeness(known, digest) !== null;
  }
}

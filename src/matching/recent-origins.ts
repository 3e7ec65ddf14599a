import { compareDigests } from '../transactions/identity.js';
import type { Identity, TrailEntry } from './trail.js';

/** Enough for what a group commit writes at a time, many times over. */
const count = 512;

/**
 * The recent transactions in a server's log, by MariaDB GTID, with their digests.
 *
 * A MariaDB replica may be killed after it has logged a transaction and before it has saved its place (for DDL in a
 * table of another engine, by file and position in a file). Then it executes the transaction again and logs it a
 * second time, under the same GTID. Others may be between the two: of another domain, or its own. It is the same
 * transaction only if the content is the same, because without gtid_strict_mode a MariaDB server logs anything under
 * a GTID that it already has. MySQL saves the place within the transaction. Its origins (commit times) aren't unique,
 * and are not kept here.
 */
export class RecentOrigins {
  /** The last ones in a ring, with the numbers of their GTIDs. Finding a number is fast, finding a text isn't. */
  readonly #identities: Pick<Identity, 'origin' | 'digest'>[] = [];
  readonly #numbers = new Float64Array(count);
  #next = 0;
  /** The highest number so far. A higher one is new, as nearly all are. */
  #highest = -1;

  /** @param entries a trail whose last transactions have come already. */
  constructor(entries: readonly TrailEntry[] = []) {
    for (const entry of entries.slice(-count)) {
      if (entry.kind === 'transaction') this.add(entry.identity);
    }
  }

  add(identity: Pick<Identity, 'origin' | 'digest'>): void {
    const number = numberOf(identity.origin);
    if (number === null) return;
    this.#identities[this.#next] = identity;
    this.#numbers[this.#next] = number;
    this.#next = (this.#next + 1) % count;
    if (number > this.#highest) this.#highest = number;
  }

  /** The digest of what came last under this origin. Null if nothing has. */
  digestOf(origin: string): bigint | null {
    const number = numberOf(origin);
    if (number === null || number > this.#highest) return null;
    for (let back = 1; back <= this.#identities.length; back += 1) {
      const at = (this.#next - back + count) % count;
      if (this.#numbers[at] !== number) continue;
      const known = this.#identities[at];
      if (known?.origin === origin) return known.digest;
    }
    return null;
  }

  /** Whether a transaction has come already: the same origin, and the same content as far as it can be compared. */
  has({ origin, digest }: Pick<Identity, 'origin' | 'digest'>): boolean {
    const known = this.digestOf(origin);
    return known !== null && compareDigests(known, digest) !== null;
  }
}

/** The number at the end of a MariaDB GTID, rounded where JavaScript has no such number; null for another origin. */
function numberOf(origin: string): number | null {
  if (!origin.startsWith('g:')) return null;
  let number = 0;
  let factor = 1;
  for (let at = origin.length - 1; at > 1; at -= 1) {
    const digit = origin.charCodeAt(at) - 0x30;
    if (digit < 0) break;
    number += digit * factor;
    factor *= 10;
  }
  return number;
}

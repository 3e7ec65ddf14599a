import type { Coordinates } from '../binlog/coordinates.js';
import type { Hint } from '../hints/hint.js';
import type { Identity, TrailEntry } from './trail.js';

/**
 * Entries kept in memory at most (about 100 MB). Reached only when no hint comes for very long: then the oldest half
 * goes, and with it, if need be, the ability to switch, which the agent warns about.
 */
const maximumEntries = 1_000_000;

/** A hint of the trail: its place in the list, and how many transactions were added before it, ever. */
type Mark = { index: number; transactionsBefore: number };

/**
 * The trail as it grows: what was delivered lately, oldest first.
 *
 * It is cut at hints, so that it always begins with one, and keeps: the newest hint that has a whole interval and at
 * least `margin` transactions behind it (reading a candidate begins to count there), and before that hint at least
 * another `margin` transactions, which a candidate that commits out of order may have behind it.
 */
export class TrailKeeper {
  readonly #margin: number;
  readonly #maximumEntries: number;
  #entries: TrailEntry[] = [];
  #marks: Mark[] = [];
  #transactions = 0;
  #lastHint: Hint | null = null;
  #sequence = 0;

  constructor(margin: number, limit = maximumEntries) {
    this.#margin = margin;
    this.#maximumEntries = limit;
  }

  /** Takes over a trail that was kept before; `sequence` is the number of transactions since its last hint. */
  restore(entries: readonly TrailEntry[], sequence: number): void {
    this.#entries = [];
    this.#marks = [];
    this.#transactions = 0;
    this.#lastHint = null;
    for (const entry of entries) {
      if (entry.kind === 'hint') {
        if (!this.#has(entry.hint)) this.#add(entry.hint, entry.coordinates);
      } else this.transaction(entry.identity);
    }
    this.#sequence = sequence;
  }

  /** Adds a hint and forgets what is no longer needed. */
  hint(hint: Hint, coordinates: Coordinates): void {
    if (this.#has(hint)) return;
    this.#add(hint, coordinates);
    this.#cut();
  }

  transaction(identity: Identity): void {
    this.#entries.push({ kind: 'transaction', identity });
    this.#transactions += 1;
    this.#sequence += 1;
    if (this.#entries.length > this.#maximumEntries) this.#drop(this.#maximumEntries >> 1);
  }

  /** A transaction came that the trail has already: it counts, and isn't added. */
  passedOver(): void {
    this.#sequence += 1;
  }

  get entries(): readonly TrailEntry[] {
    return this.#entries;
  }

  /** The newest hint ever added, also when the trail had to be cut behind it. */
  get lastHint(): Hint | null {
    return this.#lastHint;
  }

  /** Transactions since {@link lastHint}. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Hints in the trail: without one no other server can be matched. */
  get hintCount(): number {
    return this.#marks.length;
  }

  /**
   * Whether a hint stands in the trail already. A replica that is killed between a statement's way into its log and the
   * note of it (MariaDB: mysql.gtid_slave_pos) carries it out, and logs it, once more when it is back.
   */
  #has({ token }: Hint): boolean {
    return this.#marks.some(({ index }) => {
      const entry = this.#entries[index];
      return entry?.kind === 'hint' && entry.hint.token === token;
    });
  }

  #add(hint: Hint, coordinates: Coordinates): void {
    this.#marks.push({ index: this.#entries.length, transactionsBefore: this.#transactions });
    this.#entries.push({ kind: 'hint', hint, coordinates });
    this.#lastHint = hint;
    this.#sequence = 0;
  }

  #cut(): void {
    const counting = this.#marks.findLast(
      (mark, index) =>
        index < this.#marks.length - 1 && this.#transactions - mark.transactionsBefore >= this.#margin,
    );
    if (!counting) return;
    const first = this.#marks.findLast(
      (mark) => counting.transactionsBefore - mark.transactionsBefore >= this.#margin,
    );
    if (first && first.index > 0) this.#drop(first.index);
  }

  #drop(count: number): void {
    this.#entries = this.#entries.slice(count);
    this.#marks = this.#marks
      .filter((mark) => mark.index >= count)
      .map((mark) => ({ ...mark, index: mark.index - count }));
  }
}

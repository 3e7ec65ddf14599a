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
  /** Of the hints in the trail. */
  readonly #tokens = new Set<string>();
  #transactions = 0;
  #lastHint: Hint | null = null;
  #sequence = 0;

  constructor(margin: number, limit = maximumEntries) {
    this.#margin = margin;
    this.#maximumEntries = limit;
  }

  /**
   * Takes over a trail as a checkpoint has it, and its numbering, whatever was kept before.
   * @param sequence the number of transactions since the last hint.
   * @param numberedFrom the hint since which `sequence` counts, where that isn't the trail's last.
   */
  restore(entries: readonly TrailEntry[], sequence: number, numberedFrom: Hint | null = null): void {
    this.#take(entries);
    this.#lastHint = numberedFrom ?? this.#lastHint;
    this.#sequence = sequence;
  }

  /**
   * Takes over the trail as another server has it. The numbering of what is delivered goes on where it was, if it has
   * begun: that server may have the last hint at another place, and counting from there would give a number twice.
   */
  moveTo(entries: readonly TrailEntry[], sequence: number): void {
    const before = { hint: this.#lastHint, sequence: this.#sequence };
    this.restore(entries, sequence);
    if (before.hint === null) return;
    const samePlace = this.#lastHint?.token === before.hint.token;
    this.#sequence = samePlace ? Math.max(sequence, before.sequence) : before.sequence;
    this.#lastHint = before.hint;
  }

  /**
   * Adds a hint and forgets what is no longer needed. One that the trail has already begins nothing new: on a server
   * with another order it comes again, and so it does on a replica that was killed between a statement's way into its
   * log and the note of it (MariaDB: mysql.gtid_slave_pos), which carries it out, and logs it, once more.
   */
  hint(hint: Hint, coordinates: Coordinates): void {
    if (this.has(hint)) return;
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

  /** Whether the trail has the hint. */
  has(hint: Hint): boolean {
    return this.#tokens.has(hint.token);
  }

  get entries(): readonly TrailEntry[] {
    return this.#entries;
  }

  /** The hint added last, also when the trail had to be cut behind it: what is delivered is numbered from it. */
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

  #take(entries: readonly TrailEntry[]): void {
    this.#entries = [];
    this.#marks = [];
    this.#tokens.clear();
    this.#transactions = 0;
    this.#lastHint = null;
    for (const entry of entries) {
      if (entry.kind === 'hint') {
        if (!this.#tokens.has(entry.hint.token)) this.#add(entry.hint, entry.coordinates);
      } else this.transaction(entry.identity);
    }
  }

  #add(hint: Hint, coordinates: Coordinates): void {
    this.#marks.push({ index: this.#entries.length, transactionsBefore: this.#transactions });
    this.#entries.push({ kind: 'hint', hint, coordinates });
    this.#tokens.add(hint.token);
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
    for (const entry of this.#entries.slice(0, count)) {
      if (entry.kind === 'hint') this.#tokens.delete(entry.hint.token);
    }
    this.#entries = this.#entries.slice(count);
    this.#marks = this.#marks
      .filter((mark) => mark.index >= count)
      .map((mark) => ({ ...mark, index: mark.index - count }));
  }
}

import type { Coordinates } from '../binlog/coordinates.js';
import type { Hint } from '../hints/hint.js';
import { IdentityList } from './identity-list.js';
import type { Identity, TrailEntry } from './trail.js';

/**
 * The most transactions kept in memory (about 60 MB). This is reached only if no hint comes for very long. Then the
 * oldest half is dropped. The stream may lose its ability to switch by that. The agent warns about it.
 */
const maximumTransactions = 1_000_000;

/** A hint of the trail, and how many of the list's transactions stand before it. */
type Mark = { readonly hint: Hint; readonly coordinates: Coordinates; readonly before: number };

/**
 * The trail as it grows: what was delivered lately, oldest first.
 *
 * It is cut at hints, so it always begins with one. It keeps the newest hint that is followed by a whole interval and
 * at least `margin` transactions. On a candidate, counting begins there. Before that hint it keeps at least another
 * `margin` transactions, because a candidate that commits out of order may have them after it.
 */
export class TrailKeeper {
  readonly #margin: number;
  readonly #maximumTransactions: number;
  readonly #identities = new IdentityList();
  #marks: Mark[] = [];
  /** Of the hints in the trail. */
  readonly #tokens = new Set<string>();
  #lastHint: Hint | null = null;
  #sequence = 0;

  constructor(margin: number, limit = maximumTransactions) {
    this.#margin = margin;
    this.#maximumTransactions = limit;
  }

  /**
   * Takes over the trail and the numbering of a checkpoint, and drops what was kept before.
   * @param sequence the number of transactions since the last hint.
   * @param numberedFrom the hint since which `sequence` counts, where that isn't the trail's last.
   */
  restore(entries: readonly TrailEntry[], sequence: number, numberedFrom: Hint | null = null): void {
    this.#take(entries);
    this.#lastHint = numberedFrom ?? this.#lastHint;
    this.#sequence = sequence;
  }

  /**
   * Takes over the trail in another server's order. If numbering has begun, it goes on unchanged, because that server
   * may have the last hint at another place. Counting from there would use a number twice.
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
   * Adds a hint and drops what is no longer needed. A hint that the trail has already begins nothing new. It may come
   * again on a server with another order, and on a replica that was killed after logging a statement and before
   * saving its place (MariaDB: mysql.gtid_slave_pos), which then executes and logs it again.
   */
  hint(hint: Hint, coordinates: Coordinates): void {
    if (this.has(hint)) return;
    this.#add(hint, coordinates);
    this.#cut();
  }

  transaction(identity: Identity): void {
    this.#identities.push(identity);
    this.#sequence += 1;
    if (this.#identities.length > this.#maximumTransactions) this.#drop(this.#maximumTransactions >> 1);
  }

  /** A transaction came that the trail already has. It counts, but isn't added. */
  passedOver(): void {
    this.#sequence += 1;
  }

  /** Whether the trail has the hint. */
  has(hint: Hint): boolean {
    return this.#tokens.has(hint.token);
  }

  /** A new copy of the whole trail. */
  get entries(): TrailEntry[] {
    return this.#entriesFrom(0, 0);
  }

  /**
   * The whole trail if it has at most `count` transactions. Else the part of {@link entries} from the first hint with
   * at most that many after it.
   */
  newest(count: number): TrailEntry[] {
    const { length } = this.#identities;
    if (length <= count) return this.entries;
    const first = this.#marks.findIndex(({ before }) => length - before <= count);
    return first < 0 ? [] : this.#entriesFrom(first, this.#marks[first]?.before ?? 0);
  }

  /** Hints and transactions in the trail. */
  get length(): number {
    return this.#identities.length + this.#marks.length;
  }

  /** The hint added last, even if the trail had to be cut after it. Numbering counts from it. */
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

  #entriesFrom(mark: number, transaction: number): TrailEntry[] {
    const entries: TrailEntry[] = [];
    let at = transaction;
    const transactions = (to: number): void => {
      for (; at < to; at += 1) entries.push({ kind: 'transaction', identity: this.#identities.at(at) });
    };
    for (const { hint, coordinates, before } of this.#marks.slice(mark)) {
      transactions(before);
      entries.push({ kind: 'hint', hint, coordinates });
    }
    transactions(this.#identities.length);
    return entries;
  }

  #take(entries: readonly TrailEntry[]): void {
    this.#identities.clear();
    this.#marks = [];
    this.#tokens.clear();
    this.#lastHint = null;
    for (const entry of entries) {
      if (entry.kind === 'hint') {
        if (!this.#tokens.has(entry.hint.token)) this.#add(entry.hint, entry.coordinates);
      } else this.transaction(entry.identity);
    }
  }

  #add(hint: Hint, coordinates: Coordinates): void {
    this.#marks.push({ hint, coordinates, before: this.#identities.length });
    this.#tokens.add(hint.token);
    this.#lastHint = hint;
    this.#sequence = 0;
  }

  #cut(): void {
    const counting = this.#marks.findLast(
      ({ before }, index) =>
        index < this.#marks.length - 1 && this.#identities.length - before >= this.#margin,
    );
    if (!counting) return;
    const first = this.#marks.findLast(({ before }) => counting.before - before >= this.#margin);
    if (!first) return;
    this.#forgetMarks(this.#marks.indexOf(first));
    this.#drop(first.before);
  }

  /** Takes out the first `count` transactions, and the hints before the last of them. */
  #drop(count: number): void {
    const left = this.#marks.findIndex(({ before }) => before >= count);
    this.#forgetMarks(left < 0 ? this.#marks.length : left);
    this.#identities.drop(count);
    this.#marks = this.#marks.map((mark) => ({ ...mark, before: mark.before - count }));
  }

  #forgetMarks(count: number): void {
    for (const { hint } of this.#marks.splice(0, count)) this.#tokens.delete(hint.token);
  }
}

import type { Coordinates } from '../binlog/coordinates.js';
import type { Hint } from '../hints/hint.js';
import { IdentityList } from './identity-list.js';
import {
  type Anchor,
  type Identity,
  isAnchor,
  nameOfAnchor,
  type TrailEntry,
  transactionsBetweenGtids,
} from './trail.js';

/**
 * The most transactions kept in memory (about 60 MB). This is reached only if no hint comes for very long. Then the
 * oldest half is dropped. The stream may lose its ability to switch by that. The agent warns about it.
 */
const maximumTransactions = 1_000_000;

/** A transaction's GTID, and where the transaction begins. */
type GtidStart = { readonly gtid: string; readonly coordinates: Coordinates };

/** An anchor of the trail, and how many of the list's transactions stand before it. */
type Mark = { readonly anchor: Anchor; readonly before: number };

/** Is told of each entry that is added, and where it begins. Null: that isn't known. */
export type Follower = (entry: TrailEntry, start: Coordinates | null) => void;

/**
 * The trail as it grows: what was delivered lately, oldest first.
 *
 * It is cut at anchors, so it always begins with one. It keeps the newest anchor that is followed by a whole interval
 * and at least `margin` transactions. On a candidate, counting begins there. Before that anchor it keeps at least
 * another `margin` transactions, because a candidate that commits out of order may have them after it.
 */
export class TrailKeeper {
  readonly #margin: number;
  readonly #maximumTransactions: number;
  readonly #identities = new IdentityList();
  #marks: Mark[] = [];
  /** Of the anchors in the trail. */
  readonly #names = new Set<string>();
  #lastHint: Hint | null = null;
  #sequence = 0;
  /** Transactions that were added since the trail was taken over. */
  #added = 0;
  /** The GTIDs of some of these, and how many had been added before. The newest one with the margin after it is enough. */
  #starts: (GtidStart & { readonly before: number })[] = [];
  #followers: readonly Follower[] = [];

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
    if (before.hint === null) {
      if (this.#lastHint === null) this.#sequence = before.sequence;
      return;
    }
    const samePlace = this.#lastHint?.token === before.hint.token;
    this.#sequence = samePlace ? Math.max(sequence, before.sequence) : before.sequence;
    this.#lastHint = before.hint;
  }

  /** Calls a function with each entry that is added, until the returned function is called. */
  follow(follower: Follower): () => void {
    this.#followers = [...this.#followers, follower];
    return () => {
      this.#followers = this.#followers.filter((one) => one !== follower);
    };
  }

  /**
   * Adds a hint and drops what is no longer needed. A hint that the trail has already begins nothing new. It may come
   * again on a server with another order, and on a replica that was killed after logging a statement and before
   * saving its place (MariaDB: mysql.gtid_slave_pos), which then executes and logs it again.
   */
  hint(hint: Hint, coordinates: Coordinates): void {
    if (this.has(hint)) return;
    const entry = { kind: 'hint', hint, coordinates } as const;
    this.#add(entry);
    this.#cut();
    for (const follow of this.#followers) follow(entry, coordinates);
  }

  /**
   * Notes the GTID of the transaction that comes next, if enough transactions have come since the last anchor, and
   * drops what is no longer needed.
   * @param coordinates where the transaction begins.
   */
  gtid(gtid: string, coordinates: Coordinates): void {
    const last = this.#marks.at(-1);
    if (last !== undefined && this.#identities.length - last.before < transactionsBetweenGtids) return;
    if (this.#names.has(gtid)) return;
    this.#add({ kind: 'gtid', gtid, coordinates });
    this.#cut();
  }

  /**
   * Notes the GTID of the transaction that comes next in a trail by hints, if enough have come since the last one that
   * was noted: for {@link near}.
   * @param coordinates where the transaction begins.
   */
  mayBegin(gtid: string, coordinates: Coordinates): void {
    const last = this.#starts.at(-1);
    if (last !== undefined && this.#added - last.before < transactionsBetweenGtids) return;
    this.#starts.push({ gtid, coordinates, before: this.#added });
    const enough = this.#starts.findLastIndex(({ before }) => this.#added - before >= this.#margin);
    if (enough > 0) this.#starts.splice(0, enough);
  }

  /** @param start where it begins. Null: nobody who follows needs it. */
  transaction(identity: Identity, start: Coordinates | null = null): void {
    this.#push(identity);
    this.#added += 1;
    if (this.#followers.length === 0) return;
    const entry = { kind: 'transaction', identity } as const;
    for (const follow of this.#followers) follow(entry, start);
  }

  /** A transaction came that the trail already has. It counts, but isn't added. */
  passedOver(): void {
    this.#sequence += 1;
    // Another one follows here than in the trail.
    this.#starts = [];
  }

  /** Whether the trail has the hint. */
  has(hint: Hint): boolean {
    return this.#names.has(hint.token);
  }

  /** A new copy of the whole trail. */
  get entries(): TrailEntry[] {
    return this.#entriesFrom(0, 0);
  }

  /**
   * The whole trail if it has at most `count` transactions. Else the part of {@link entries} from the first anchor
   * with at most that many after it.
   */
  newest(count: number): TrailEntry[] {
    const { length } = this.#identities;
    if (length <= count) return this.entries;
    const first = this.#marks.findIndex(({ before }) => length - before <= count);
    return first < 0 ? [] : this.#entriesFrom(first, this.#marks[first]?.before ?? 0);
  }

  /**
   * The end of the trail from a transaction with a GTID on, as a trail by GTIDs: the newest such end with at least the
   * margin of transactions. Only what was added one after the other counts, since the trail was taken over. Null if
   * that is too little.
   */
  get near(): (GtidStart & { readonly entries: readonly TrailEntry[] }) | null {
    const start = this.#starts.findLast(({ before }) => this.#added - before >= this.#margin);
    if (start === undefined) return null;
    const { gtid, coordinates } = start;
    const first = this.#identities.length - (this.#added - start.before);
    if (first < 0) return null;
    const entries: TrailEntry[] = [{ kind: 'gtid', gtid, coordinates }];
    for (let at = first; at < this.#identities.length; at += 1) {
      entries.push({ kind: 'transaction', identity: this.#identities.at(at) });
    }
    return { gtid, coordinates, entries };
  }

  /** Anchors and transactions in the trail. */
  get length(): number {
    return this.#identities.length + this.#marks.length;
  }

  /** Transactions in the trail. */
  get transactionCount(): number {
    return this.#identities.length;
  }

  /** The hint added last, even if the trail had to be cut after it. Numbering counts from it. */
  get lastHint(): Hint | null {
    return this.#lastHint;
  }

  /** Transactions since {@link lastHint}. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Anchors in the trail: without one no other server can be matched. */
  get anchorCount(): number {
    return this.#marks.length;
  }

  #push(identity: Identity): void {
    this.#identities.push(identity);
    this.#sequence += 1;
    if (this.#identities.length > this.#maximumTransactions) this.#drop(this.#maximumTransactions >> 1);
  }

  #entriesFrom(mark: number, transaction: number): TrailEntry[] {
    const entries: TrailEntry[] = [];
    let at = transaction;
    const transactions = (to: number): void => {
      for (; at < to; at += 1) entries.push({ kind: 'transaction', identity: this.#identities.at(at) });
    };
    for (const { anchor, before } of this.#marks.slice(mark)) {
      transactions(before);
      entries.push(anchor);
    }
    transactions(this.#identities.length);
    return entries;
  }

  #take(entries: readonly TrailEntry[]): void {
    this.#identities.clear();
    this.#marks = [];
    this.#names.clear();
    this.#lastHint = null;
    for (const entry of entries) {
      if (!isAnchor(entry)) this.#push(entry.identity);
      else if (!this.#names.has(nameOfAnchor(entry))) this.#add(entry);
    }
    this.#starts = [];
    this.#added = 0;
  }

  #add(anchor: Anchor): void {
    this.#marks.push({ anchor, before: this.#identities.length });
    this.#names.add(nameOfAnchor(anchor));
    if (anchor.kind === 'gtid') return;
    this.#lastHint = anchor.hint;
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

  /** Takes out the first `count` transactions, and the anchors before the last of them. */
  #drop(count: number): void {
    const left = this.#marks.findIndex(({ before }) => before >= count);
    this.#forgetMarks(left < 0 ? this.#marks.length : left);
    this.#identities.drop(count);
    this.#marks = this.#marks.map((mark) => ({ ...mark, before: mark.before - count }));
  }

  #forgetMarks(count: number): void {
    for (const { anchor } of this.#marks.splice(0, count)) this.#names.delete(nameOfAnchor(anchor));
  }
}

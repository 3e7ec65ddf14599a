import type { Coordinates } from '../binlog/coordinates.js';
import { confidenceOf } from '../matching/confidence.js';
import { IdentityBag } from '../matching/identity-bag.js';
import type { Confidence, HistoryStep, PassedOver, ResumePoint } from '../matching/match-state.js';
import { TrailKeeper } from '../matching/trail-keeper.js';
import type { AnchorKind, Identity, TrailEntry } from '../matching/trail.js';
import { type Comparison, comparisonOf, weaker } from '../transactions/identity.js';

/** What is known when the shadow begins to be read. */
export type LedgerStart = {
  /** The proved place where it begins. */
  readonly resume: ResumePoint;
  readonly anchors: AnchorKind;
  /** Whether both servers keep the source's order. */
  readonly ordered: boolean;
  /** By how many transactions the order of two servers may differ if `ordered` is false. */
  readonly margin: number;
  /** Whether a transaction was delivered before the trail begins, by its GTID. Null: the log must tell. */
  readonly wasDelivered: (gtid: string) => boolean | null;
};

/** A transaction that one of the two servers has where the other has none, or another one. */
export type Difference = {
  /** `missing`: it was delivered, and the shadow doesn't have it. `extra`: only the shadow has it. */
  readonly kind: 'missing' | 'extra';
  /** Null: a hint. */
  readonly identity: Identity | null;
  /** Where it begins in the shadow's log. Null if it isn't there. */
  readonly start: Coordinates | null;
};

/** A step of the shadow's log that the place hasn't passed. */
type Ahead = {
  readonly step: HistoryStep;
  /** Whether it was delivered, or is nothing to deliver. */
  isDone: boolean;
  /** Whether it belongs to the trail. */
  readonly isHistory: boolean;
  /** Whether the trail has it already. */
  readonly isKept: boolean;
  /**
   * Whether the stream may leave it out: the server's own, nothing to deliver, or delivered long before. If the stream
   * delivers what comes later, it has left this out. Until then it decides that anew when it goes on here.
   */
  readonly isOptional: boolean;
};

const undelivered = { isDone: false, isHistory: true, isKept: false, isOptional: false } as const;

/** Something that was delivered, and that the shadow has yet to show. */
type Due = {
  readonly entry: TrailEntry;
  /** Whether the trail in the shadow's order has it already. */
  readonly isKept: boolean;
};

/**
 * Holds what was delivered against the shadow's log, transaction by transaction, as both come. At any moment it knows
 * where the stream would go on in that log.
 *
 * Each of the two may be ahead. What one of them has waits for its like. If both keep the source's order, nothing else
 * may come in between. If not, so many others may come as two orders may differ by.
 *
 * Deterministic and without I/O.
 */
export class PairLedger {
  readonly #start: LedgerStart;
  /** How many others may come before the like of a transaction. */
  readonly #tolerance: number;
  /** The trail in the shadow's order, up to the place. */
  readonly #keeper: TrailKeeper;
  readonly #due = new Map<number, Due>();
  readonly #dueBag = new IdentityBag({ keepsTaken: false });
  readonly #dueHints = new Map<string, number>();
  #nextDue = 0;
  readonly #ahead = new Map<number, Ahead>();
  readonly #aheadBag = new IdentityBag({ keepsTaken: false });
  readonly #aheadHints = new Map<string, number>();
  #nextAhead = 0;
  /** The last step of the shadow that was delivered. */
  #lastDone = -1;
  #place: Coordinates;
  #sourceServerId: number | null;
  #comparison: Comparison = 'content';
  #inOrder = true;
  #difference: Difference | null = null;
  #met = 0;

  constructor(start: LedgerStart) {
    this.#start = start;
    const { resume, margin, ordered } = start;
    this.#tolerance = ordered ? 0 : margin;
    this.#keeper = new TrailKeeper(margin);
    this.#keeper.restore(resume.trail, resume.sequence);
    for (const { identity } of resume.skip) this.#owe({ kind: 'transaction', identity }, true);
    this.#inOrder = resume.skip.length === 0;
    this.#place = resume.coordinates;
    this.#sourceServerId = resume.sourceServerId;
  }

  /** A transaction that only one of the two has. Null while there is none. Then nothing is proved any more. */
  get difference(): Difference | null {
    return this.#difference;
  }

  /** Transactions and hints that were delivered, and that the shadow has yet to show. */
  get behind(): number {
    return this.#due.size;
  }

  /** Transactions and hints of the shadow that the place hasn't passed. */
  get ahead(): number {
    return this.#ahead.size;
  }

  /** Transactions and hints that both have shown since the ledger began. */
  get met(): number {
    return this.#met;
  }

  /** Everything before this place in the shadow's log was delivered. */
  get place(): Coordinates {
    return this.#place;
  }

  get confidence(): Confidence {
    return confidenceOf(this.#comparison, this.#inOrder ? 'exact' : 'reordered');
  }

  /** Takes what was delivered next. The trail's GTIDs say nothing that their transactions don't say. */
  delivered(entry: TrailEntry): void {
    if (entry.kind === 'gtid') return;
    const number =
      entry.kind === 'hint' ? this.#takeAheadHint(entry.hint.token) : this.#takeAhead(entry.identity);
    if (number === null) {
      this.#owe(entry, false);
      // In one order, it would have to be the next one there. A statement may have changed nothing there.
      if (this.#tolerance === 0 && !isStatement(entry) && this.#firstUndelivered() !== null)
        this.#differ('missing', identityOf(entry), null);
      return;
    }
    const ahead = this.#ahead.get(number);
    if (ahead === undefined) return;
    ahead.isDone = true;
    this.#lastDone = Math.max(this.#lastDone, number);
    this.#met += 1;
    this.#lookForMissing(this.#nextDue);
    this.#nextDue += 1;
    this.#lookForExtra(number);
    this.#advance();
  }

  /** Takes the next step of the shadow's log. */
  read(step: HistoryStep): void {
    switch (step.kind) {
      case 'gtid':
        return;
      case 'hint':
        this.#readHint(step);
        return;
      case 'transaction':
        this.#readTransaction(step);
    }
  }

  /** The place to go on from. Null while the shadow lacks something that was delivered, or differs. */
  get resume(): ResumePoint | null {
    if (this.#difference !== null || this.#due.size > 0) return null;
    const trail = this.#keeper.entries;
    const skip: PassedOver[] = [];
    for (const { step, isDone, isHistory, isKept } of this.#ahead.values()) {
      if (!isDone || !isHistory) continue;
      if (step.kind === 'transaction') {
        skip.push({ start: step.start, identity: step.identity });
        if (!isKept) trail.push({ kind: 'transaction', identity: step.identity });
      } else if (step.kind === 'hint') {
        trail.push({ kind: 'hint', hint: step.hint, coordinates: step.start });
      }
    }
    const { sequence } = this.#keeper;
    return { coordinates: this.#place, trail, sequence, sourceServerId: this.#sourceServerId, skip };
  }

  #owe(entry: TrailEntry, isKept: boolean): void {
    const number = this.#nextDue;
    this.#nextDue += 1;
    this.#due.set(number, { entry, isKept });
    if (entry.kind === 'transaction') this.#dueBag.add(entry.identity, number);
    else if (entry.kind === 'hint') this.#dueHints.set(entry.hint.token, number);
  }

  #readHint(step: HistoryStep & { kind: 'hint' }): void {
    const { token } = step.hint;
    if (this.#start.anchors === 'gtid') {
      this.#arrive(step, { ...undelivered, isHistory: false, isOptional: true });
      return;
    }
    if (this.#keeper.has(step.hint)) {
      this.#arrive(step, { ...undelivered, isDone: true, isKept: true });
      return;
    }
    const number = this.#dueHints.get(token);
    if (number === undefined) {
      this.#aheadHints.set(token, this.#nextAhead);
      this.#arriveNew(step);
      return;
    }
    this.#dueHints.delete(token);
    this.#meet(number);
    this.#arrive(step, { ...undelivered, isDone: true });
  }

  #readTransaction(step: HistoryStep & { kind: 'transaction' }): void {
    const { identity, gtid, errant, deliverable } = step;
    const found = this.#dueBag.take(identity);
    if (found !== null) {
      this.#comparison = weaker(this.#comparison, found.by);
      const isKept = this.#meet(found.value);
      this.#arrive(step, { ...undelivered, isDone: true, isKept });
      return;
    }
    const wasDelivered = gtid != null && this.#start.wasDelivered(gtid);
    if (wasDelivered === true) {
      this.#arrive(step, { ...undelivered, isDone: true, isHistory: false });
      return;
    }
    this.#aheadBag.add(identity, this.#nextAhead);
    if (errant || !deliverable || wasDelivered === null) {
      this.#arrive(step, { ...undelivered, isOptional: true });
      return;
    }
    this.#arriveNew(step);
  }

  /** A step comes that hasn't been delivered. */
  #arriveNew(step: HistoryStep): void {
    this.#arrive(step, undelivered);
    if (this.#tolerance > 0) return;
    // In one order, what was delivered would have to come first.
    for (let first = this.#firstDue(); first !== null; first = this.#firstDue()) {
      if (!isStatement(first.entry)) {
        this.#differ('missing', identityOf(first.entry), null);
        return;
      }
      this.#forget(first.number, first.entry);
    }
  }

  /** Something that was due has come. Returns whether the trail has it already. */
  #meet(number: number): boolean {
    const due = this.#due.get(number);
    this.#due.delete(number);
    this.#met += 1;
    this.#lookForMissing(number);
    return due?.isKept ?? false;
  }

  /** Something that was delivered has been met. What was delivered before it should have been, too. */
  #lookForMissing(number: number): void {
    for (let first = this.#firstDue(); first !== null && first.number < number; first = this.#firstDue()) {
      const isLate = number - first.number > this.#tolerance;
      if (!isStatement(first.entry)) {
        this.#inOrder = false;
        if (isLate) this.#differ('missing', identityOf(first.entry), null);
        return;
      }
      if (!isLate) return;
      this.#forget(first.number, first.entry);
    }
  }

  /** A statement of which the shadow has logged nothing, because nothing changed there. */
  #forget(number: number, entry: TrailEntry): void {
    this.#due.delete(number);
    if (entry.kind === 'transaction') this.#dueBag.take(entry.identity);
    this.#comparison = 'origin';
  }

  #arrive(step: HistoryStep, state: Omit<Ahead, 'step'>): void {
    const number = this.#nextAhead;
    this.#ahead.set(number, { step, ...state });
    this.#nextAhead += 1;
    if (state.isDone && state.isHistory) {
      this.#lastDone = number;
      this.#lookForExtra(number);
    }
    this.#advance();
  }

  /** A step of the shadow's is done. One that came before it should be, too. */
  #lookForExtra(number: number): void {
    const first = this.#firstUndelivered();
    if (first === null || first.number > number) return;
    this.#inOrder = false;
    if (number - first.number > this.#tolerance)
      this.#differ('extra', identityOfStep(first.step), first.step.start);
  }

  /** Moves the place past everything that was delivered, or left out. */
  #advance(): void {
    for (const [number, { step, isDone, isHistory, isKept, isOptional }] of this.#ahead) {
      const isLeftOut = isOptional && number + this.#tolerance < this.#lastDone;
      if (!isDone && !isLeftOut) return;
      this.#ahead.delete(number);
      this.#place = step.end;
      if (!isDone && step.kind === 'transaction') this.#aheadBag.take(step.identity);
      if (isDone && isHistory && !isKept) this.#keep(step);
      else if (step.kind === 'hint') this.#sourceServerId = step.serverId;
    }
  }

  #keep(step: HistoryStep): void {
    if (step.kind === 'hint') {
      this.#keeper.hint(step.hint, step.start);
      this.#sourceServerId = step.serverId;
    } else if (step.kind === 'transaction') {
      if (this.#start.anchors === 'gtid' && step.gtid != null) this.#keeper.gtid(step.gtid, step.start);
      this.#keeper.transaction(step.identity);
    }
  }

  #takeAhead(identity: Identity): number | null {
    const found = this.#aheadBag.take(identity);
    if (found === null) return null;
    this.#comparison = weaker(this.#comparison, found.by);
    return found.value;
  }

  #takeAheadHint(token: string): number | null {
    const number = this.#aheadHints.get(token);
    this.#aheadHints.delete(token);
    return number ?? null;
  }

  #firstDue(): { readonly number: number; readonly entry: TrailEntry } | null {
    for (const [number, { entry }] of this.#due) return { number, entry };
    return null;
  }

  /** The first step of the shadow that hasn't been delivered although something of it would be. */
  #firstUndelivered(): { readonly number: number; readonly step: HistoryStep } | null {
    for (const [number, { step, isDone, isOptional }] of this.#ahead) {
      if (!isDone && !isOptional) return { number, step };
    }
    return null;
  }

  #differ(kind: Difference['kind'], identity: Identity | null, start: Coordinates | null): void {
    this.#difference ??= { kind, identity, start };
  }
}

/** Whether other servers may have logged rows for it, or nothing. */
function isStatement(entry: TrailEntry): boolean {
  return entry.kind === 'transaction' && comparisonOf(entry.identity.digest) === 'origin';
}

function identityOf(entry: TrailEntry): Identity | null {
  return entry.kind === 'transaction' ? entry.identity : null;
}

function identityOfStep(step: HistoryStep): Identity | null {
  return step.kind === 'transaction' ? step.identity : null;
}

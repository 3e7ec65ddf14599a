import type { Coordinates } from '../binlog/coordinates.js';
import { confidenceOf } from '../matching/confidence.js';
import { IdentityBag, sameNumber } from '../matching/identity-bag.js';
import type { Confidence, HistoryStep, PassedOver, ResumePoint } from '../matching/match-state.js';
import { TrailKeeper } from '../matching/trail-keeper.js';
import { domainOf } from '../matching/trail-match.js';
import type { AnchorKind, Identity, TrailEntry } from '../matching/trail.js';
import { compareDigests, type Comparison, comparisonOf, weaker } from '../transactions/identity.js';
import { Numbered } from './numbered.js';

/** What is known when the shadow begins to be read. */
export type LedgerStart = {
  /** The proved place where it begins. */
  readonly resume: ResumePoint;
  readonly anchors: AnchorKind;
  /** Whether both servers keep the source's order. If GTIDs anchor the stream, MariaDB has one for each domain. */
  readonly ordered: boolean;
  /** By how many transactions the order of two servers may differ if `ordered` is false. */
  readonly margin: number;
  /** Whether a transaction was delivered before the trail begins, by its GTID. Null: the log must tell. */
  readonly wasDelivered: (gtid: string) => boolean | null;
};

/** What one of the two servers has, and the other one lacks or has otherwise. */
export type Difference = {
  /**
   * `content`: both have the transaction, with other content. `missing`: it was delivered, and the shadow lacks it.
   * `extra`: the shadow has it, and it was not delivered. `repeated`: the shadow has it twice.
   */
  readonly kind: 'content' | 'missing' | 'extra' | 'repeated';
  /** The hint's token if it is a hint. */
  readonly hint: string | null;
  /** Of the transaction: see Identity. '' for a hint, and if the log doesn't tell. */
  readonly origin: string;
  /** Whether the shadow wrote it itself while it was a replica. */
  readonly errant: boolean;
  /** Where it begins on the server that it was delivered from. Null if it isn't there, or if that isn't known. */
  readonly delivered: Coordinates | null;
  /** Where it begins in the shadow's log. Null if it isn't there. */
  readonly beside: Coordinates | null;
};

/** A step of the shadow's log that the place hasn't passed. */
type Ahead = {
  readonly step: HistoryStep;
  /** Whether it was delivered, or is nothing to deliver. */
  isDone: boolean;
  /** Whether it belongs to the trail. */
  readonly isHistory: boolean;
  /** Whether the trail has it already. */
  isKept: boolean;
  /**
   * Whether the stream may leave it out: the server's own, nothing to deliver, or delivered long before. If the stream
   * delivers what comes later, it has left this out. Until then it decides that anew when it goes on here.
   */
  readonly isOptional: boolean;
  /** Whether it was found to be the shadow's alone. The place passes it. */
  isLeftOut: boolean;
  /** What was delivered under its GTID, where that has other content. */
  deliveredAs: Identity | null;
  readonly part: Part;
  /** Its number among the steps of its part. */
  readonly at: number;
  /** When it came, on the caller's clock. */
  readonly atMs: number;
};

/** What has an order of its own, and is held against each other by itself. */
type Part = {
  /** What was delivered, and hasn't been met: its number in the part, and in all. In order. */
  readonly due: Numbered<number>;
  nextDue: number;
  /** The same of what the shadow has, and would be delivered. */
  readonly undelivered: Numbered<number>;
  nextAhead: number;
  /** The last step of the shadow that was delivered: its number in the part. */
  lastDone: number;
};

const undelivered = {
  ...{ isDone: false, isHistory: true, isKept: false, isOptional: false },
  ...{ isLeftOut: false, deliveredAs: null },
} as const;

/** Something that was delivered, and that the shadow has yet to show. */
type Due = {
  readonly entry: DueEntry;
  /** Where it begins on the server that it was delivered from. Null if that isn't known. */
  readonly start: Coordinates | null;
  readonly part: Part;
  /** Its number among what was delivered of its part. */
  readonly at: number;
  /** Whether the trail in the shadow's order has it already. */
  readonly isKept: boolean;
};

type DueEntry = Exclude<TrailEntry, { readonly kind: 'gtid' }>;

/**
 * Holds what was delivered against the shadow's log, transaction by transaction, as both come. At any moment it knows
 * where the stream would go on in that log.
 *
 * Each of the two may be ahead. What one of them has waits for its like. If both keep the source's order, what comes
 * before a hint or a transaction that both have is settled with it. If not, something is settled when as many others
 * have come as two orders may differ by. Where MariaDB keeps an order for each replication domain, each domain is such a
 * part by itself. What has no like then is a difference. Two contents under one GTID are one at
 * once. The ledger goes on behind a difference. But for as long as a candidate that is compared with the trail would be
 * found to differ, it gives no place.
 *
 * Deterministic and without I/O.
 */
export class PairLedger {
  readonly #start: LedgerStart;
  /** How many others may come before the like of a transaction. */
  #tolerance: number;
  /** How the origins begin that were met first, `g:domain-`, if hints anchor the stream. Null: none has come. */
  #domain: string | null = null;
  /** The trail in the shadow's order, up to the place. */
  readonly #keeper: TrailKeeper;
  readonly #due = new Map<number, Due>();
  readonly #dueBag = new IdentityBag({ keepsTaken: false });
  readonly #dueHints = new Map<string, number>();
  #nextDue = 0;
  readonly #ahead = new Numbered<Ahead>();
  readonly #aheadBag = new IdentityBag({ keepsTaken: false });
  readonly #aheadHints = new Map<string, number>();
  #nextAhead = 0;
  readonly #parts = new Map<string, Part>();
  /** What the shadow seems to have written itself, and the place hasn't passed. */
  readonly #own = new Map<number, Identity>();
  /** The last step of the shadow that was delivered. */
  #lastDone = -1;
  #place: Coordinates;
  #sourceServerId: number | null;
  #comparison: Comparison = 'content';
  #inOrder = true;
  #differences: Difference[] = [];
  /** How much both must show until the last difference is behind the part of a trail that has to be met. */
  #doubt: { isAnchored: boolean; transactions: number } | null = null;
  #met = 0;
  /** When the last step came, on the caller's clock. */
  #readAtMs = 0;

  constructor(start: LedgerStart) {
    this.#start = start;
    const { resume, margin, ordered } = start;
    this.#tolerance = ordered ? 0 : margin;
    this.#keeper = new TrailKeeper(margin);
    this.#keeper.restore(resume.trail, resume.sequence);
    for (const { identity } of resume.skip) this.#owe({ kind: 'transaction', identity }, null, true);
    this.#inOrder = resume.skip.length === 0;
    this.#place = resume.coordinates;
    this.#sourceServerId = resume.sourceServerId;
  }

  /** Takes the differences that were found since the last call. */
  takeDifferences(): readonly Difference[] {
    const found = this.#differences;
    if (found.length > 0) this.#differences = [];
    return found;
  }

  /** Whether the two have differed so lately that nothing is proved. */
  get isInDoubt(): boolean {
    return this.#doubt !== null;
  }

  /** Transactions and hints that were delivered, and that the shadow has yet to show. */
  get behind(): number {
    return this.#due.size;
  }

  /** Transactions and hints of the shadow that the place hasn't passed. */
  get ahead(): number {
    return this.#ahead.size;
  }

  /** When the first step came that the stream has yet to deliver, on the caller's clock. Null: there is none. */
  get aheadSinceMs(): number | null {
    let first: number | null = null;
    for (const { undelivered: left } of this.#parts.values()) {
      const number = left.first === null ? undefined : left.get(left.first);
      const atMs = number === undefined ? undefined : this.#ahead.get(number)?.atMs;
      if (atMs !== undefined && (first === null || atMs < first)) first = atMs;
    }
    return first;
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

  /**
   * Takes what was delivered next. The trail's GTIDs say nothing that their transactions don't say.
   * @param start where it begins on the server that it was read from. Null if that isn't known.
   */
  delivered(entry: TrailEntry, start: Coordinates | null): void {
    if (entry.kind === 'gtid') return;
    if (entry.kind === 'transaction') this.#noteDomain(entry.identity.origin);
    const number =
      entry.kind === 'hint' ? this.#takeAheadHint(entry.hint.token) : this.#takeAhead(entry.identity);
    const ahead = number === null ? undefined : this.#ahead.get(number);
    if (number === null || ahead === undefined) {
      const due = this.#owe(entry, start, false);
      const other = entry.kind === 'transaction' ? this.#aheadBag.otherContent(entry.identity) : null;
      if (other !== null) this.#settleDue(due, Infinity);
      return;
    }
    const { part } = ahead;
    this.#own.delete(number);
    this.#finish(ahead, number);
    this.#meet(part, part.nextDue, ahead.at, entry);
    part.nextDue += 1;
    this.#advance();
  }

  /**
   * Takes the next step of the shadow's log.
   * @param atMs when it has come.
   */
  read(step: HistoryStep, atMs: number): void {
    this.#readAtMs = atMs;
    switch (step.kind) {
      case 'gtid':
        return;
      case 'hint':
        this.#readHint(step);
        break;
      case 'transaction':
        this.#noteDomain(step.identity.origin);
        this.#readTransaction(step);
    }
    this.#advance();
  }

  /** A second replication domain of MariaDB has an order of its own. Hints know of one order only. */
  #noteDomain(origin: string): void {
    if (this.#tolerance > 0 || this.#start.anchors === 'gtid' || !origin.startsWith('g:')) return;
    if (this.#domain !== null && origin.startsWith(this.#domain)) return;
    if (this.#domain === null) this.#domain = `g:${domainOf(origin)}-`;
    else this.#tolerance = this.#start.margin;
  }

  /** The shadow has a transaction twice, the second time at this place. */
  repeated(identity: Identity, start: Coordinates): void {
    this.#note({ kind: 'repeated', origin: identity.origin, beside: start });
  }

  /** The place to go on from. Null while the shadow lacks something that was delivered, or while it is in doubt. */
  get resume(): ResumePoint | null {
    if (this.#doubt !== null || this.#due.size > 0 || this.#isUnsettled) return null;
    const trail = this.#keeper.entries;
    const skip: PassedOver[] = [];
    for (const [, { step, isDone, isHistory, isKept, deliveredAs }] of this.#ahead) {
      if (!isDone || !isHistory) continue;
      if (step.kind === 'transaction') {
        skip.push({ start: step.start, identity: step.identity });
        if (!isKept) trail.push({ kind: 'transaction', identity: deliveredAs ?? step.identity });
      } else if (step.kind === 'hint') {
        trail.push({ kind: 'hint', hint: step.hint, coordinates: step.start });
      }
    }
    const { sequence } = this.#keeper;
    return { coordinates: this.#place, trail, sequence, sourceServerId: this.#sourceServerId, skip };
  }

  /** Whether the two are in one order, and the shadow has something that should have been delivered by now. */
  get #isUnsettled(): boolean {
    if (this.#tolerance > 0) return false;
    for (const { undelivered: left, lastDone } of this.#parts.values()) {
      const { first } = left;
      if (first !== null && first < lastDone) return true;
    }
    return false;
  }

  #partOf(origin: string): Part {
    const name = this.#start.anchors === 'gtid' ? domainOf(origin) : '';
    let part = this.#parts.get(name);
    if (part === undefined) {
      part = { due: new Numbered(), nextDue: 0, undelivered: new Numbered(), nextAhead: 0, lastDone: -1 };
      this.#parts.set(name, part);
    }
    return part;
  }

  /** Returns its number. */
  #owe(entry: DueEntry, start: Coordinates | null, isKept: boolean): number {
    const number = this.#nextDue;
    this.#nextDue += 1;
    const part = this.#partOf(entry.kind === 'hint' ? '' : entry.identity.origin);
    const at = part.nextDue;
    part.nextDue += 1;
    part.due.set(at, number);
    this.#due.set(number, { entry, start, isKept, part, at });
    if (entry.kind === 'transaction') this.#dueBag.add(entry.identity, number);
    else this.#dueHints.set(entry.hint.token, number);
    return number;
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
      this.#arrive(step, undelivered);
      return;
    }
    this.#dueHints.delete(token);
    this.#arriveLike(step, number);
  }

  #readTransaction(step: HistoryStep & { kind: 'transaction' }): void {
    const { identity, gtid, errant, deliverable } = step;
    const found = this.#dueBag.take(identity);
    if (found !== null) {
      this.#comparison = weaker(this.#comparison, found.by);
      this.#arriveLike(step, found.value);
      return;
    }
    const wasDelivered = gtid != null && this.#start.wasDelivered(gtid);
    // What was delivered and hasn't been met was delivered with other content.
    if (wasDelivered === true && !this.#dueBag.sameOrigin(identity)) {
      this.#arrive(step, { ...undelivered, isDone: true, isHistory: false });
      return;
    }
    this.#aheadBag.add(identity, this.#nextAhead);
    if (errant) this.#own.set(this.#nextAhead, identity);
    // Behind what both have shown, nothing in this order was delivered long before.
    const isOld =
      wasDelivered === null && !(this.#tolerance === 0 && this.#partOf(identity.origin).lastDone >= 0);
    const isOptional = errant || !deliverable || isOld;
    this.#arrive(step, { ...undelivered, isOptional });
    const other = this.#dueBag.otherContent(identity);
    if (other !== null) this.#settleDue(other, Infinity);
    else if (this.#tolerance === 0 && !isOptional) this.#passStatements(this.#partOf(identity.origin));
  }

  /** A step comes whose like was delivered. */
  #arriveLike(step: HistoryStep, number: number): void {
    const due = this.#takeDue(number);
    const ahead = this.#arrive(step, { ...undelivered, isDone: true, isKept: due?.isKept ?? false });
    if (due !== null) this.#meet(ahead.part, due.at, ahead.at, due.entry);
  }

  #arrive(step: HistoryStep, state: Omit<Ahead, 'step' | 'part' | 'at' | 'atMs'>): Ahead {
    const number = this.#nextAhead;
    const part = this.#partOf(step.kind === 'transaction' ? step.identity.origin : '');
    const ahead = { step, ...state, part, at: part.nextAhead, atMs: this.#readAtMs };
    this.#nextAhead += 1;
    part.nextAhead += 1;
    this.#ahead.set(number, ahead);
    if (!state.isDone && !state.isOptional) part.undelivered.set(ahead.at, number);
    if (state.isDone && state.isHistory) this.#finish(ahead, number);
    return ahead;
  }

  /** A step of the shadow was delivered. */
  #finish(ahead: Ahead, number: number): void {
    const { part, at } = ahead;
    ahead.isDone = true;
    part.undelivered.delete(at);
    part.lastDone = Math.max(part.lastDone, at);
    this.#lastDone = Math.max(this.#lastDone, number);
  }

  #takeDue(number: number): Due | null {
    const due = this.#due.get(number);
    if (due === undefined) return null;
    this.#due.delete(number);
    due.part.due.delete(due.at);
    return due;
  }

  /** Both have it. What should have come before it, and hasn't, is settled. */
  #meet(part: Part, dueAt: number, aheadAt: number, entry: DueEntry): void {
    this.#met += 1;
    this.#passDoubt(entry);
    if (this.#tolerance === 0) {
      if (entry.kind === 'hint' || entry.identity.origin !== '') this.#settleBefore(part, dueAt, aheadAt);
      return;
    }
    this.#settleBefore(part, dueAt - this.#tolerance, aheadAt - this.#tolerance);
    const isFirst = (part.due.first ?? dueAt) >= dueAt && (part.undelivered.first ?? aheadAt) >= aheadAt;
    this.#inOrder &&= isFirst;
  }

  /** Settles what was delivered, and what the shadow has, before two places that belong together. */
  #settleBefore(part: Part, dueAt: number, aheadAt: number): void {
    for (const [at, number] of part.due) {
      if (at >= dueAt) break;
      this.#settleDue(number, aheadAt);
    }
    for (const [at, number] of part.undelivered) {
      if (at >= aheadAt) break;
      this.#settleAhead(number);
    }
  }

  /** The shadow goes on in the same order. So it has logged nothing of the statements that would have to come first. */
  #passStatements({ due }: Part): void {
    for (const [, number] of due) {
      const entry = this.#due.get(number)?.entry;
      if (entry === undefined || !isStatement(entry)) return;
      this.#settleDue(number, Infinity);
    }
  }

  /**
   * Something was delivered, and its like hasn't come.
   * @param before steps of the shadow before this one of its part may be another form of it.
   */
  #settleDue(number: number, before: number): void {
    const due = this.#takeDue(number);
    if (due === null) return;
    const { entry, start, isKept } = due;
    if (entry.kind === 'hint') {
      this.#dueHints.delete(entry.hint.token);
      this.#differ({ kind: 'missing', hint: entry.hint.token, delivered: start });
      if (!isKept) this.#keeper.hint(entry.hint, entry.coordinates);
      return;
    }
    const { identity } = entry;
    this.#dueBag.remove(identity, number);
    const like = this.#undeliveredLike(due.part, identity, before);
    if (like !== null) {
      this.#pair(due, identity, like);
    } else if (isStatement(entry)) {
      // A statement of which the shadow has logged nothing, because nothing changed there.
      this.#comparison = 'origin';
    } else {
      this.#differ({ kind: 'missing', origin: identity.origin, delivered: start });
      if (!isKept) this.#keeper.transaction(identity);
    }
  }

  /** What was delivered, and what the shadow has, are one transaction, although they differ. */
  #pair({ start, isKept }: Due, identity: Identity, number: number): void {
    const ahead = this.#ahead.get(number);
    if (ahead?.step.kind !== 'transaction') return;
    const other = ahead.step.identity;
    this.#aheadBag.remove(other, number);
    this.#own.delete(number);
    ahead.isKept = isKept;
    ahead.deliveredAs = identity;
    this.#finish(ahead, number);
    // A replica that was killed may log its source's transaction as its own.
    if (compareDigests(identity.digest, other.digest) === null) {
      const { start: beside, errant } = ahead.step;
      this.#differ({ kind: 'content', origin: identity.origin, errant, delivered: start, beside });
    }
    this.#advance();
  }

  /** The shadow has something that wasn't delivered. */
  #settleAhead(number: number): void {
    const ahead = this.#ahead.get(number);
    if (ahead === undefined) return;
    ahead.isLeftOut = true;
    ahead.part.undelivered.delete(ahead.at);
    const { step } = ahead;
    if (step.kind === 'hint') {
      this.#aheadHints.delete(step.hint.token);
      this.#differ({ kind: 'extra', hint: step.hint.token, beside: step.start });
    } else if (step.kind === 'transaction') {
      this.#aheadBag.remove(step.identity, number);
      this.#differ({ kind: 'extra', origin: step.identity.origin, beside: step.start });
    }
    this.#advance();
  }

  /**
   * What the shadow has under the same mark of origin, and wasn't delivered. Without a mark, the place and the second
   * tell, where the order is kept. Null if there is nothing.
   */
  #undeliveredLike(part: Part, identity: Identity, before: number): number | null {
    const isBefore = (number: number): boolean => {
      const ahead = this.#ahead.get(number);
      return ahead !== undefined && (this.#tolerance > 0 || ahead.at < before);
    };
    if (identity.origin !== '') {
      const same = this.#aheadBag.ofOrigin(identity.origin);
      if (same !== null && isBefore(same)) return same;
      for (const [number, own] of this.#own) if (sameNumber(identity, own) && isBefore(number)) return number;
      return null;
    }
    if (this.#tolerance > 0) return null;
    for (const [at, number] of part.undelivered) {
      if (at >= before) return null;
      const step = this.#ahead.get(number)?.step;
      if (step?.kind === 'transaction' && step.identity.second === identity.second) return number;
    }
    return null;
  }

  /** Moves the place past everything that was delivered, or left out. */
  #advance(): void {
    for (const [number, ahead] of this.#ahead) {
      const { step, isDone, isHistory, isKept } = ahead;
      const isLeftOut = ahead.isLeftOut || this.#isPassed(ahead, number);
      if (!isDone && !isLeftOut) return;
      this.#ahead.delete(number);
      this.#place = step.end;
      if (this.#own.size > 0) this.#own.delete(number);
      if (!isDone && !ahead.isLeftOut && step.kind === 'transaction') this.#leaveOut(step, number);
      if (isDone && isHistory && !isKept) this.#keep(step, ahead.deliveredAs);
      else if (step.kind === 'hint') this.#sourceServerId = step.serverId;
    }
  }

  /**
   * Whether the stream has left out an optional step: it has delivered what comes later. In a part of which nothing is
   * delivered, what comes later in other parts tells.
   */
  #isPassed({ isOptional, part, at }: Ahead, number: number): boolean {
    if (!isOptional) return false;
    return part.lastDone >= 0
      ? at + this.#tolerance < part.lastDone
      : number + this.#tolerance < this.#lastDone;
  }

  #leaveOut({ identity, errant, start }: HistoryStep & { kind: 'transaction' }, number: number): void {
    this.#aheadBag.remove(identity, number);
    if (errant) this.#note({ kind: 'extra', origin: identity.origin, errant, beside: start });
  }

  #keep(step: HistoryStep, deliveredAs: Identity | null): void {
    if (step.kind === 'hint') {
      this.#keeper.hint(step.hint, step.start);
      this.#sourceServerId = step.serverId;
    } else if (step.kind === 'transaction') {
      if (this.#start.anchors === 'gtid' && step.gtid != null) this.#keeper.gtid(step.gtid, step.start);
      this.#keeper.transaction(deliveredAs ?? step.identity);
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

  /** Notes a difference that the stream would leave out, too: it says nothing against the place. */
  #note(difference: Pick<Difference, 'kind'> & Partial<Difference>): void {
    this.#differences.push({
      ...{ hint: null, origin: '', errant: false, delivered: null, beside: null },
      ...difference,
    });
  }

  /** Notes a difference that a candidate would be refused for. */
  #differ(difference: Pick<Difference, 'kind'> & Partial<Difference>): void {
    this.#note(difference);
    this.#doubt = { isAnchored: false, transactions: this.#start.margin };
  }

  /** Both have shown this. Behind an anchor and the margin, a difference before them no longer matters. */
  #passDoubt(entry: DueEntry): void {
    const doubt = this.#doubt;
    if (doubt === null) return;
    const isAnchor = this.#start.anchors === 'hint' ? entry.kind === 'hint' : entry.kind === 'transaction';
    if (isAnchor) doubt.isAnchored = true;
    if (!doubt.isAnchored || entry.kind === 'hint') return;
    doubt.transactions -= 1;
    if (doubt.transactions <= 0) this.#doubt = null;
  }
}

/** Whether other servers may have logged rows for it, or nothing. */
function isStatement(entry: TrailEntry): boolean {
  return entry.kind === 'transaction' && comparisonOf(entry.identity.digest) === 'origin';
}

import type { Coordinates } from '../binlog/coordinates.js';
import { type Comparison, comparisonOf, weaker } from '../binlog/identity.js';
import { compareHints, displayHint, type Hint } from '../hints/hint.js';
import { confidenceOf } from './comparison.js';
import { IdentityBag } from './identity-bag.js';
import type {
  Confidence,
  HistoryStep,
  MissingTransaction,
  PassedOver,
  ResumePoint,
  MatchEvidence,
  MatchState,
} from './match-state.js';
import type { Identity, TrailEntry } from './trail.js';

export type MatchOptions = {
  /** Whether both servers commit in the order of the source: then nothing may be out of order. */
  readonly ordered: boolean;
  /** How far apart, in transactions, the order of two servers may differ when `ordered` is false. */
  readonly margin: number;
  /** Whether what isn't in the trail is new from the first step on, before the start hint: see look-back.ts. */
  readonly countFromFirstStep?: boolean;
};

const missingShown = 10;

/** Whether it need not be on the other server, or may be nothing there: a statement that changes no rows logs none. */
function mayBeNothing(entry: TrailEntry | undefined): boolean {
  return entry?.kind === 'transaction' && (entry.optional === true || isStatement(entry));
}

/** Whether other servers may have logged rows for it. */
function isStatement(entry: TrailEntry): boolean {
  return entry.kind === 'transaction' && comparisonOf(entry.identity.digest) === 'origin';
}

/**
 * Holds the history of a candidate, step by step, against a trail: the heart of resuming.
 *
 * Reading begins at or before a hint of the trail that the candidate has (`startHint`). What the trail has is met;
 * what it doesn't have is new and will be delivered, if it stands behind the counting hint: the newest hint of the
 * trail with at least `margin` transactions of the trail behind it. (A transaction that the old server would have
 * written behind everything delivered cannot stand before that hint on any server whose order differs by no more than
 * the margin. What stands before it and isn't in the trail is older than the trail.)
 *
 * Deterministic, without I/O: the same steps give the same state.
 */
export class TrailMatch {
  readonly #entries: readonly TrailEntry[];
  readonly #options: MatchOptions;
  readonly #met: boolean[];
  readonly #requiredFrom: number;
  readonly #hintIndexes = new Map<string, number>();
  readonly #bag = new IdentityBag();
  /** What the trail has before the start hint: it may stand behind it here, if nothing behind it fits. */
  readonly #olderBag = new IdentityBag();
  /** Transactions of the trail before each entry, for distances. */
  readonly #transactionsBefore: number[] = [];
  readonly #newestHint: Hint | null;
  readonly #countingToken: string | null;
  /** Transactions of the trail between the start hint and the counting hint. */
  readonly #leadTransactions: number;
  #counting = false;
  /** Whether the start hint itself has come: what comes before it is read to look back. */
  #started = false;
  readonly #startToken: string;
  #remaining = 0;
  #required = 0;
  #expected: number;
  #inOrder = true;
  #furthest = -1;
  #firstUnmet: number;
  #unknown = 0;
  #newerHints = 0;
  #transactionsMatched = 0;
  #hintsMatched = 0;
  #bornHere = 0;
  #trail: TrailEntry[] = [];
  #sequence = 0;
  #sourceServerId: number | null = null;
  #resumeAt: Coordinates | null = null;
  #skip: PassedOver[] = [];
  /** Of the trail, what stands behind the place to go on from. */
  #later: TrailEntry[] = [];
  #otherContent: Identity | null = null;
  /** An entry whose GTID the candidate has with other content: its index. */
  #contradicted: number | null = null;
  /** By what those that were met were compared, at the least. */
  #comparison: Comparison = 'content';
  /** Statements of the trail that have to be met, unless the candidate has passed their place: indexes, ascending. */
  readonly #statements: number[] = [];
  /** Of all that count, how many have not been met. */
  #statementsUnmet = 0;

  /**
   * @param entries the trail; must hold `startHint`.
   * @param startHint the hint that the candidate has; its own step must come first or, when reading begins earlier,
   * in its turn.
   */
  constructor(entries: readonly TrailEntry[], startHint: Hint, options: MatchOptions) {
    this.#entries = entries;
    this.#options = options;
    const startIndex = entries.findIndex(
      (entry) => entry.kind === 'hint' && entry.hint.token === startHint.token,
    );
    if (startIndex < 0) throw new RangeError(`the trail doesn't have the hint ${startHint.token}`);
    this.#met = new Array<boolean>(entries.length).fill(false);
    this.#index(startIndex);
    const countingIndex = this.#countingIndex(startIndex);
    const counting = entries[countingIndex];
    this.#countingToken = counting?.kind === 'hint' ? counting.hint.token : null;
    this.#counting = options.countFromFirstStep ?? false;
    this.#startToken = startHint.token;
    // A trail that begins before its first hint, where reading looks back far enough: all of it has to be there.
    const beginsBeforeHints = !entries.slice(0, startIndex).some((entry) => entry.kind === 'hint');
    this.#requiredFrom = options.countFromFirstStep && beginsBeforeHints ? 0 : countingIndex;
    this.#leadTransactions =
      (this.#transactionsBefore[countingIndex] ?? 0) - (this.#transactionsBefore[startIndex] ?? 0);
    this.#expected = options.countFromFirstStep ? Math.min(startIndex, this.#requiredFrom) : startIndex;
    this.#firstUnmet = this.#requiredFrom;
    while (this.#isOptional(this.#firstUnmet)) this.#firstUnmet += 1;
    this.#required = entries.filter(
      (_entry, index) => index >= this.#requiredFrom && !this.#isOptional(index),
    ).length;
    this.#remaining = this.#required;
    for (const [index, entry] of entries.entries()) {
      if (index < this.#requiredFrom || entry.kind === 'hint' || !isStatement(entry)) continue;
      this.#statementsUnmet += 1;
      if (entry.optional !== true) this.#statements.push(index);
    }
    const newest = entries.findLast((entry) => entry.kind === 'hint');
    this.#newestHint = newest?.kind === 'hint' ? newest.hint : null;
  }

  /**
   * Whether reading has to begin before the start hint, where look-back.ts says: the order isn't kept, and what must
   * be met may stand before the start hint here.
   */
  get needsLookBack(): boolean {
    return !this.#options.ordered && this.#leadTransactions < this.#options.margin;
  }

  /** Whether there is no hint of the trail with the margin behind it: then what is new can stand before any. */
  get startsAtCountingHint(): boolean {
    return this.#countingToken === this.#startToken;
  }

  /** Whether the trail's entry with this index has been met. */
  isMet(index: number): boolean {
    return this.#met[index] === true;
  }

  /** The indexes of the trail's entries that have to be met and have not been. */
  get unmet(): readonly number[] {
    return [...this.#met.keys()].filter(
      (index) => index >= this.#requiredFrom && !this.#met[index] && !this.#isOptional(index),
    );
  }

  /** Takes the next step of the candidate's history. */
  step(step: HistoryStep): MatchState {
    if (step.kind === 'hint') this.#hint(step);
    else this.#transaction(step);
    return this.#state(step.end);
  }

  #index(startIndex: number): void {
    let transactions = 0;
    for (const [index, entry] of this.#entries.entries()) {
      this.#transactionsBefore.push(transactions);
      if (entry.kind === 'hint') this.#hintIndexes.set(entry.hint.token, index);
      else {
        (index < startIndex ? this.#olderBag : this.#bag).add(entry.identity, index);
        transactions += 1;
      }
    }
  }

  #countingIndex(startIndex: number): number {
    if (this.#options.ordered) return startIndex;
    const total = this.#entries.filter((entry) => entry.kind === 'transaction').length;
    const index = this.#entries.findLastIndex(
      (entry, at) =>
        at > startIndex &&
        entry.kind === 'hint' &&
        total - (this.#transactionsBefore[at] ?? 0) >= this.#options.margin,
    );
    return index < 0 ? startIndex : index;
  }

  #hint({ hint, start, serverId }: HistoryStep & { kind: 'hint' }): void {
    if (hint.token === this.#startToken) this.#started = true;
    if (hint.token === this.#countingToken) this.#counting = true;
    const index = this.#hintIndexes.get(hint.token);
    if (index !== undefined) {
      if (!this.#met[index]) this.#hintsMatched += 1;
      this.#meet(index);
    } else if (this.#newestHint !== null && (compareHints(hint, this.#newestHint) ?? 0) > 0) {
      this.#newerHints += 1;
      this.#unknownStep(start);
    }
    if (this.#resumeAt !== null) {
      if (index !== undefined) this.#later.push({ kind: 'hint', hint, coordinates: start });
      return;
    }
    this.#sequence = 0;
    this.#sourceServerId = serverId;
    this.#trail.push({ kind: 'hint', hint, coordinates: start });
  }

  #transaction(step: HistoryStep & { kind: 'transaction' }): void {
    const met = this.#bag.take(step.identity) ?? this.#olderBag.take(step.identity);
    if (met === null && step.bornHere) {
      this.#bornHere += 1;
      return;
    }
    if (met !== null) {
      this.#transactionsMatched += 1;
      this.#comparison = weaker(this.#comparison, met.by);
      this.#meet(met.value);
      if (this.#resumeAt !== null) {
        this.#skip.push({ start: step.start, identity: step.identity });
        this.#later.push({ kind: 'transaction', identity: step.identity });
      }
    } else this.#unknownTransaction(step);
    if (this.#resumeAt === null) {
      this.#sequence += 1;
      this.#trail.push({ kind: 'transaction', identity: step.identity });
    }
  }

  #unknownTransaction({ identity, start, deliverable }: HistoryStep & { kind: 'transaction' }): void {
    const contradicted = this.#bag.otherContent(identity) ?? this.#olderBag.otherContent(identity);
    if (contradicted !== null || this.#bag.sameOrigin(identity)) this.#otherContent ??= identity;
    this.#contradicted ??= contradicted;
    if (!this.#counting || !deliverable) return;
    this.#unknown += 1;
    this.#unknownStep(start);
  }

  #unknownStep(start: Coordinates): void {
    this.#resumeAt ??= start;
  }

  #meet(index: number): void {
    if (this.#met[index]) return;
    this.#met[index] = true;
    if (index >= this.#requiredFrom) {
      const entry = this.#entries[index];
      if (!mayBeNothing(entry)) this.#remaining -= 1;
      else if (entry && isStatement(entry)) this.#statementsUnmet -= 1;
    }
    // What the trail has before the start hint may come before it, and only there.
    if (!this.#isNext(index) && (this.#started || index > this.#expected)) this.#inOrder = false;
    if (index >= this.#expected) this.#expected = index + 1;
    this.#furthest = Math.max(this.#furthest, index);
    while (this.#met[this.#firstUnmet] || this.#isOptional(this.#firstUnmet)) this.#firstUnmet += 1;
  }

  #isOptional(index: number): boolean {
    return mayBeNothing(this.#entries[index]);
  }

  /**
   * Whether a statement of the trail may still come, as rows: nothing has that comes behind it. Where the order isn't
   * kept, that much must have come as two orders may differ by.
   */
  #awaitsStatement(): boolean {
    const { ordered, margin } = this.#options;
    let last = this.#statements.at(-1);
    while (last !== undefined && this.#met[last]) {
      this.#statements.pop();
      last = this.#statements.at(-1);
    }
    if (last === undefined) return false;
    if (ordered) return this.#furthest < last && this.#newerHints === 0 && this.#unknown === 0;
    const distance = (this.#transactionsBefore[this.#furthest] ?? 0) - (this.#transactionsBefore[last] ?? 0);
    return distance <= margin && this.#unknown <= margin;
  }

  /** By what the trail was compared: what may be nothing and wasn't met could not be. */
  #confidence(): Confidence {
    const proved = this.#inOrder && this.#unknown === 0 ? 'exact' : 'reordered';
    return confidenceOf(this.#statementsUnmet === 0 ? this.#comparison : 'origin', proved);
  }

  /** Whether an entry is the next one to come, those left out that need not. */
  #isNext(index: number): boolean {
    if (index < this.#expected) return false;
    let next = this.#expected;
    while (next < index && this.#isOptional(next)) next += 1;
    return next === index;
  }

  #state(end: Coordinates): MatchState {
    const { evidence } = this;
    if (this.#contradicted === null) {
      if (this.#remaining === 0) {
        return this.#awaitsStatement()
          ? { status: 'reading', evidence }
          : { status: 'complete', confidence: this.#confidence(), resume: this.#resume(end), evidence };
      }
      if (!this.#overdue()) return { status: 'reading', evidence };
    }
    const missing = this.#contradicted === null ? this.#missing() : [this.#contradicted];
    return {
      status: 'diverged',
      missing: missing.slice(0, missingShown).map((index) => this.#describe(index)),
      missingCount: missing.length,
      otherContent: this.#otherContent && describe(this.#otherContent, null, 0),
      resume: this.#resume(end),
      evidence,
    };
  }

  /** What had to come by now and has not: what stands before something that came, or else all that is left. */
  #missing(): readonly number[] {
    const { unmet } = this;
    const passed = unmet.filter((index) => index < this.#furthest);
    return passed.length > 0 ? passed : unmet;
  }

  /** Whether something that had to come by now has not. */
  #overdue(): boolean {
    const { ordered, margin } = this.#options;
    if (this.#unknown > margin) return true;
    if (ordered) return this.#furthest > this.#firstUnmet || this.#newerHints > 0;
    const distance =
      (this.#transactionsBefore[this.#furthest] ?? 0) - (this.#transactionsBefore[this.#firstUnmet] ?? 0);
    return this.#furthest > this.#firstUnmet && distance > margin;
  }

  #resume(end: Coordinates): ResumePoint {
    return {
      coordinates: this.#resumeAt ?? end,
      sequence: this.#sequence,
      sourceServerId: this.#sourceServerId,
      trail: [...this.#trail, ...this.#later],
      skip: this.#skip,
    };
  }

  get evidence(): MatchEvidence {
    return {
      transactionsMatched: this.#transactionsMatched,
      hintsMatched: this.#hintsMatched,
      required: this.#required,
      additional: this.#unknown,
      bornHere: this.#bornHere,
    };
  }

  #describe(index: number): MissingTransaction {
    const hintIndex = this.#entries.findLastIndex((entry, at) => at <= index && entry.kind === 'hint');
    const hint = this.#entries[hintIndex];
    const entry = this.#entries[index];
    const identity = entry?.kind === 'transaction' ? entry.identity : null;
    return describe(identity, hint?.kind === 'hint' ? displayHint(hint.hint) : null, index - hintIndex);
  }
}

function describe(identity: Identity | null, hint: string | null, sequence: number): MissingTransaction {
  return {
    hint,
    sequence,
    origin: identity?.origin ?? '',
    second: identity?.second ?? 0,
    digest: identity?.digest.toString(16).padStart(16, '0') ?? '',
  };
}

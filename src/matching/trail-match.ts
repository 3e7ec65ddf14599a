import type { Coordinates } from '../binlog/coordinates.js';
import { type Comparison, comparisonOf, weaker } from '../transactions/identity.js';
import { compareHints, displayHint, type Hint } from '../hints/hint.js';
import { confidenceOf } from './confidence.js';
import { IdentityBag, sameNumber } from './identity-bag.js';
import type {
  Confidence,
  HistoryStep,
  MissingTransaction,
  PassedOver,
  ResumePoint,
  MatchEvidence,
  MatchState,
} from './match-state.js';
import { type Anchor, type Identity, isAnchor, nameOfAnchor, type TrailEntry } from './trail.js';

export type MatchOptions = {
  /** Whether both servers commit in the order of the source: then nothing may be out of order. */
  readonly ordered: boolean;
  /** By how many transactions the order of two servers may differ if `ordered` is false. */
  readonly margin: number;
  /** Whether transactions outside the trail are new even before the start anchor: see look-back.ts. */
  readonly countFromFirstStep?: boolean;
  /** What is known by GTID, if the trail is anchored by GTIDs. */
  readonly known?: KnownGtids;
};

/** What GTIDs tell of transactions outside the trail, and of entries before the place where reading begins. */
export type KnownGtids = {
  /** Whether a transaction outside the trail was delivered before the trail begins. Null: that isn't known. */
  readonly isDelivered: (gtid: string) => boolean | null;
  /** Whether the log has a transaction before the place where reading begins. It can't be compared there. */
  readonly isBeforeStart: (gtid: string) => boolean;
};

const missingShown = 10;

/**
 * Whether the other server may lack it: a statement that changes no rows logs none. A GTID says nothing that its
 * transaction doesn't say.
 */
function mayBeNothing(entry: TrailEntry | undefined): boolean {
  if (entry?.kind === 'gtid') return true;
  return entry?.kind === 'transaction' && (entry.optional === true || isStatement(entry));
}

/**
 * A part of the trail that has an order of its own. MariaDB keeps an order for each replication domain. If the trail
 * is anchored by GTIDs, each domain is such a part. Else all of the trail is one.
 */
type Part = {
  /** The last entry that was met. */
  furthest: number;
  /** The entries that have to be met, in order. */
  readonly due: number[];
  /** How many of these, from the first one on, have been met. */
  metInFront: number;
  /** New transactions. */
  unknown: number;
  /** Transactions of the trail. */
  transactions: number;
};

/** The replication domain of an origin that is a MariaDB GTID. '' for another origin. */
export function domainOf(origin: string): string {
  return origin.startsWith('g:') ? origin.slice(2, origin.indexOf('-')) : '';
}

/** Whether other servers may have logged rows for it. */
function isStatement(entry: TrailEntry): boolean {
  return entry.kind === 'transaction' && comparisonOf(entry.identity.digest) === 'origin';
}

/**
 * Compares the history of a candidate with a trail, step by step. This is the heart of resuming.
 *
 * Reading begins at or before an anchor of the trail that the candidate has (the start anchor). A transaction of the
 * trail is met. Any other is new and will be delivered, if it comes after the counting anchor: the newest anchor of the
 * trail that is followed by at least `margin` transactions of the trail. (A transaction that the old server would have
 * written after everything delivered can't come before that anchor on a server whose order differs by at most the
 * margin. A transaction before it that isn't in the trail is older than the trail.) If GTIDs tell what was delivered,
 * they decide that instead.
 *
 * Deterministic and without I/O: the same steps lead to the same state.
 */
export class TrailMatch {
  readonly #entries: readonly TrailEntry[];
  readonly #options: MatchOptions;
  readonly #met: boolean[];
  readonly #requiredFrom: number;
  readonly #anchorIndexes = new Map<string, number>();
  readonly #bag = new IdentityBag();
  /** The trail's transactions before the start anchor. Here they may come after it, if nothing after it fits. */
  readonly #olderBag = new IdentityBag();
  /** Transactions of the trail before each entry. */
  readonly #transactionsBefore: number[] = [];
  readonly #parts = new Map<string, Part>();
  readonly #partOf: Part[] = [];
  /** Transactions of its part before each entry, for distances. */
  readonly #partBefore: number[] = [];
  readonly #newestHint: Hint | null;
  readonly #countingName: string | null;
  /** Transactions of the trail between the start anchor and the counting anchor. */
  readonly #leadTransactions: number;
  #counting = false;
  /** Whether the start anchor itself has come. Steps before it are read to look back. */
  #started = false;
  readonly #startName: string;
  readonly #startIndex: number;
  #remaining = 0;
  #required = 0;
  #expected: number;
  #inOrder = true;
  #unknown = 0;
  #newerHints = 0;
  #transactionsMatched = 0;
  #hintsMatched = 0;
  #errant = 0;
  /** The last transaction, if the server wrote it itself and the trail lacks it. */
  #own: (HistoryStep & { kind: 'transaction' }) | null = null;
  #trail: TrailEntry[] = [];
  #sequence = 0;
  #sourceServerId: number | null = null;
  #resumeAt: Coordinates | null = null;
  #skip: PassedOver[] = [];
  /** The part of the trail after the place to go on from. */
  #later: TrailEntry[] = [];
  #otherContent: Identity | null = null;
  /** An entry whose GTID the candidate has with other content: its index. */
  #contradicted: number | null = null;
  /** The weakest comparison of the transactions that were met. */
  #comparison: Comparison = 'content';
  /** Statements of the trail that have to be met, unless the candidate has passed their place: indexes, ascending. */
  readonly #statements: number[] = [];
  /** How many of the entries that count have not been met. */
  #statementsUnmet = 0;

  /**
   * @param entries the trail; must hold the start anchor.
   * @param startName the name of the anchor that the candidate has; its own step must come first or, when reading
   * begins earlier, in its turn.
   */
  constructor(entries: readonly TrailEntry[], startName: string, options: MatchOptions) {
    this.#entries = entries;
    this.#options = options;
    const startIndex = entries.findIndex((entry) => isAnchor(entry) && nameOfAnchor(entry) === startName);
    if (startIndex < 0) throw new RangeError(`the trail doesn't have the anchor ${startName}`);
    this.#startIndex = startIndex;
    this.#met = new Array<boolean>(entries.length).fill(false);
    this.#index(startIndex);
    const countingIndex = this.#countingIndex(startIndex);
    const counting = entries[countingIndex];
    this.#countingName = counting && isAnchor(counting) ? nameOfAnchor(counting) : null;
    this.#counting = options.countFromFirstStep ?? false;
    this.#startName = startName;
    // If a trail begins before its first anchor, and reading looks back far enough, all of it must be there.
    const beginsBeforeAnchors = !entries.slice(0, startIndex).some(isAnchor);
    this.#requiredFrom = options.countFromFirstStep && beginsBeforeAnchors ? 0 : countingIndex;
    this.#leadTransactions =
      (this.#transactionsBefore[countingIndex] ?? 0) - (this.#transactionsBefore[startIndex] ?? 0);
    this.#expected = options.countFromFirstStep ? Math.min(startIndex, this.#requiredFrom) : startIndex;
    for (const [index, entry] of entries.entries()) {
      if (index < this.#requiredFrom) continue;
      if (!this.#isOptional(index)) {
        this.#partOf[index]?.due.push(index);
        this.#required += 1;
      }
      if (entry.kind !== 'transaction' || !isStatement(entry)) continue;
      this.#statementsUnmet += 1;
      if (entry.optional !== true) this.#statements.push(index);
    }
    this.#remaining = this.#required;
    const newest = entries.findLast((entry) => entry.kind === 'hint');
    this.#newestHint = newest?.kind === 'hint' ? newest.hint : null;
  }

  /**
   * Whether reading must begin before the start anchor, where look-back.ts says. That is so if the order isn't kept
   * and required entries may be before the start anchor here.
   */
  get needsLookBack(): boolean {
    return !this.#options.ordered && this.#leadTransactions < this.#options.margin;
  }

  /** Whether no anchor of the trail is followed by the margin. Then new transactions can come before any anchor. */
  get startsAtCountingAnchor(): boolean {
    return this.#countingName === this.#startName;
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
    switch (step.kind) {
      case 'hint':
        this.#hint(step);
        break;
      case 'gtid':
        this.#gtid(step);
        break;
      case 'transaction':
        this.#transaction(step);
        break;
    }
    return this.#state(step.end);
  }

  #index(startIndex: number): void {
    let transactions = 0;
    for (const [index, entry] of this.#entries.entries()) {
      const part = this.#partFor(
        entry.kind === 'gtid' ? `g:${entry.gtid}` : entry.kind === 'hint' ? '' : entry.identity.origin,
      );
      this.#partOf.push(part);
      this.#transactionsBefore.push(transactions);
      this.#partBefore.push(part.transactions);
      if (isAnchor(entry)) this.#anchorIndexes.set(nameOfAnchor(entry), index);
      else {
        (index < startIndex ? this.#olderBag : this.#bag).add(entry.identity, index);
        transactions += 1;
        part.transactions += 1;
      }
    }
  }

  #partFor(origin: string): Part {
    const name = this.#options.known === undefined ? '' : domainOf(origin);
    let part = this.#parts.get(name);
    if (part === undefined) {
      part = { furthest: -1, due: [], metInFront: 0, unknown: 0, transactions: 0 };
      this.#parts.set(name, part);
    }
    return part;
  }

  #countingIndex(startIndex: number): number {
    if (this.#options.ordered) return startIndex;
    const total = this.#entries.filter((entry) => entry.kind === 'transaction').length;
    const index = this.#entries.findLastIndex(
      (entry, at) =>
        at > startIndex &&
        isAnchor(entry) &&
        total - (this.#transactionsBefore[at] ?? 0) >= this.#options.margin,
    );
    return index < 0 ? startIndex : index;
  }

  #hint({ hint, start, serverId }: HistoryStep & { kind: 'hint' }): void {
    if (this.#options.known !== undefined) {
      // Others may inject hints. For this stream they only show who the source is.
      if (this.#resumeAt === null) this.#sourceServerId = serverId;
      return;
    }
    this.#anchorComes(hint.token);
    this.#settleOwn(null);
    const index = this.#anchorIndexes.get(hint.token);
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

  #gtid({ gtid, start }: HistoryStep & { kind: 'gtid' }): void {
    this.#anchorComes(gtid);
    const index = this.#anchorIndexes.get(gtid);
    if (index === undefined || this.#met[index]) return;
    this.#meet(index);
    (this.#resumeAt === null ? this.#trail : this.#later).push({ kind: 'gtid', gtid, coordinates: start });
  }

  #anchorComes(name: string): void {
    if (name === this.#startName) this.#started = true;
    if (name === this.#countingName) this.#counting = true;
  }

  #transaction(step: HistoryStep & { kind: 'transaction' }): void {
    const { identity } = step;
    const met = this.#bag.take(identity) ?? this.#olderBag.take(identity);
    if (met === null && step.errant) {
      this.#errant += 1;
      this.#own = step;
      return;
    }
    this.#settleOwn(identity);
    if (met !== null) {
      this.#transactionsMatched += 1;
      this.#comparison = weaker(this.#comparison, met.by);
      this.#meet(met.value);
      if (this.#resumeAt !== null) {
        this.#skip.push({ start: step.start, identity });
        this.#later.push({ kind: 'transaction', identity });
      }
    } else if (!this.#unknownTransaction(step)) return;
    if (this.#resumeAt === null) {
      this.#sequence += 1;
      this.#trail.push({ kind: 'transaction', identity });
    }
  }

  /**
   * A transaction that the server wrote itself takes the place of the source's, if the next GTID number follows
   * instead of the source's own. The server was killed during a statement, and finished it when it started again.
   * @param next null: a hint.
   */
  #settleOwn(next: Identity | null): void {
    const own = this.#own;
    this.#own = null;
    if (own === null || (next !== null && sameNumber(own.identity, next))) return;
    const met = this.#bag.takeRecovered(own.identity) ?? this.#olderBag.takeRecovered(own.identity);
    if (met === null) return;
    this.#errant -= 1;
    this.#transactionsMatched += 1;
    this.#meet(met.value);
    // The next server has it from the source.
    const entry: TrailEntry = { kind: 'transaction', identity: met.identity };
    if (this.#resumeAt === null) {
      this.#sequence += 1;
      this.#trail.push(entry);
      return;
    }
    this.#skip.push({ start: own.start, identity: own.identity });
    this.#later.push(entry);
  }

  /** Returns whether the transaction belongs into the trail from here on. */
  #unknownTransaction({
    identity,
    gtid,
    start,
    deliverable,
  }: HistoryStep & { kind: 'transaction' }): boolean {
    const contradicted = this.#bag.otherContent(identity) ?? this.#olderBag.otherContent(identity);
    if (contradicted !== null || this.#bag.sameOrigin(identity)) this.#otherContent ??= identity;
    this.#contradicted ??= contradicted;
    const known = gtid ? (this.#options.known?.isDelivered(gtid) ?? null) : null;
    // Delivered before the trail begins. The next server may have it in another place again.
    if (known === true) return false;
    if (!deliverable || (known === null && !this.#counting)) return true;
    this.#unknown += 1;
    this.#partFor(identity.origin).unknown += 1;
    this.#unknownStep(start);
    return true;
  }

  #unknownStep(start: Coordinates): void {
    this.#resumeAt ??= start;
  }

  #meet(index: number): void {
    if (this.#met[index]) return;
    this.#met[index] = true;
    if (index >= this.#requiredFrom) {
      const entry = this.#entries[index];
      if (!this.#isOptional(index)) this.#remaining -= 1;
      if (entry && isStatement(entry)) this.#statementsUnmet -= 1;
    }
    // Entries before the start hint may come before it, and only there.
    if (!this.#isNext(index) && (this.#started || index > this.#expected)) this.#inOrder = false;
    if (index >= this.#expected) this.#expected = index + 1;
    const part = this.#partOf[index];
    if (part === undefined) return;
    part.furthest = Math.max(part.furthest, index);
    while (this.#met[part.due[part.metInFront] ?? -1]) part.metInFront += 1;
  }

  #isOptional(index: number): boolean {
    const entry = this.#entries[index];
    if (mayBeNothing(entry)) return true;
    const { known } = this.#options;
    if (known === undefined || entry?.kind !== 'transaction') return false;
    const { origin } = entry.identity;
    return origin.startsWith('g:') && known.isBeforeStart(origin.slice(2));
  }

  /**
   * Whether a statement of the trail may still come, as rows: nothing after it has come yet. If the order isn't kept,
   * as many transactions must have come as two orders may differ by.
   */
  #awaitsStatement(): boolean {
    const { ordered, margin } = this.#options;
    let last = this.#statements.at(-1);
    while (last !== undefined && this.#met[last]) {
      this.#statements.pop();
      last = this.#statements.at(-1);
    }
    if (last === undefined) return false;
    const { furthest = -1, unknown = 0 } = this.#partOf[last] ?? {};
    if (ordered) return furthest < last && this.#newerHints === 0 && unknown === 0;
    const distance = (this.#partBefore[furthest] ?? 0) - (this.#partBefore[last] ?? 0);
    return distance <= margin && unknown <= margin;
  }

  /** How the trail was compared. Optional entries that weren't met could not be compared. */
  #confidence(): Confidence {
    const proved = this.#inOrder && this.#unknown === 0 ? 'exact' : 'reordered';
    return confidenceOf(this.#statementsUnmet === 0 ? this.#comparison : 'origin', proved);
  }

  /** Whether an entry is the next one due, ignoring optional ones. */
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

  /** The overdue entries: those before an entry that has come, or else all that are left. */
  #missing(): readonly number[] {
    const { unmet } = this;
    const passed = unmet.filter((index) => index < (this.#partOf[index]?.furthest ?? -1));
    return passed.length > 0 ? passed : unmet;
  }

  /** Whether an entry is overdue. */
  #overdue(): boolean {
    for (const part of this.#parts.values()) if (this.#isOverdueIn(part)) return true;
    return false;
  }

  #isOverdueIn({ due, metInFront, furthest, unknown }: Part): boolean {
    const firstUnmet = due[metInFront];
    if (firstUnmet === undefined) return false;
    const { ordered, margin } = this.#options;
    if (unknown > margin) return true;
    if (ordered) return furthest > firstUnmet || this.#newerHints > 0;
    const distance = (this.#partBefore[furthest] ?? 0) - (this.#partBefore[firstUnmet] ?? 0);
    return furthest > firstUnmet && distance > margin;
  }

  #resume(end: Coordinates): ResumePoint {
    return {
      coordinates: this.#resumeAt ?? end,
      sequence: this.#sequence,
      sourceServerId: this.#sourceServerId,
      trail: [...this.#older, ...this.#trail, ...this.#later],
      skip: this.#skip,
    };
  }

  /**
   * The part of the trail that need not be met and that this log doesn't have, because it begins later (it was purged, or
   * the server rebuilt). It was delivered all the same, and the next server may have it.
   */
  get #older(): TrailEntry[] {
    const end = Math.max(this.#startIndex, this.#requiredFrom);
    return this.#entries.slice(0, end).filter((_entry, index) => this.#met[index] !== true);
  }

  get evidence(): MatchEvidence {
    return {
      transactionsMatched: this.#transactionsMatched,
      hintsMatched: this.#hintsMatched,
      required: this.#required,
      additional: this.#unknown,
      errant: this.#errant,
    };
  }

  #describe(index: number): MissingTransaction {
    const anchorIndex = this.#entries.findLastIndex((entry, at) => at <= index && isAnchor(entry));
    const anchor = this.#entries[anchorIndex];
    const entry = this.#entries[index];
    const identity = entry?.kind === 'transaction' ? entry.identity : null;
    return describe(identity, anchor && isAnchor(anchor) ? anchor : null, index - anchorIndex);
  }
}

function describe(identity: Identity | null, anchor: Anchor | null, sequence: number): MissingTransaction {
  return {
    hint: anchor?.kind === 'hint' ? displayHint(anchor.hint) : null,
    gtid: anchor?.kind === 'gtid' ? anchor.gtid : null,
    sequence,
    origin: identity?.origin ?? '',
    second: identity?.second ?? 0,
    digest: identity?.digest.toString(16).padStart(16, '0') ?? '',
  };
}

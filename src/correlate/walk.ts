import { compareHints, type Hint } from '../hints/hint.js';
import type { HistoryStep, MatchEvidence, MatchState } from '../matching/match-state.js';
import type { TrailEntry } from '../matching/trail.js';

/** A transaction, not a hint. */
export type TransactionStep = Extract<HistoryStep, { kind: 'transaction' }>;

/**
 * Notes of the search for the same place, taken while another server's log is compared with the trail, step by step.
 * If order is kept, the first difference ends it.
 */
export class CorrelationWalk {
  readonly #entries: readonly TrailEntry[];
  readonly #ordered: boolean;
  readonly #newestHint: Hint | null;
  readonly #unknown: HistoryStep[] = [];
  readonly #own: TransactionStep[] = [];
  readonly #origins: ReadonlySet<string>;
  readonly #twins: TransactionStep[] = [];
  #state: MatchState | null = null;
  #before: MatchEvidence | null = null;
  #passed = false;

  constructor(entries: readonly TrailEntry[], ordered: boolean) {
    this.#entries = entries;
    this.#ordered = ordered;
    this.#origins = new Set(
      entries.flatMap((entry) => (entry.kind === 'transaction' ? [entry.identity.origin] : [])),
    );
    const newest = entries.findLast((entry) => entry.kind === 'hint');
    this.#newestHint = newest?.kind === 'hint' ? newest.hint : null;
  }

  /** The state when an entry of the trail was last met, or the state that ended the match. */
  get state(): MatchState | null {
    return this.#state;
  }

  /** Transactions before the end of the match that the trail lacks, without errant ones. */
  get unknown(): readonly HistoryStep[] {
    return this.#unknown;
  }

  /** Whether a transaction was seen that comes after the whole trail. */
  get passed(): boolean {
    return this.#passed;
  }

  /** Errant transactions that came before the whole trail was met, and that the trail lacks. */
  get own(): readonly TransactionStep[] {
    return this.#own;
  }

  /** Transactions with the origin of one of the trail's and different content, wherever they are. */
  get twins(): readonly TransactionStep[] {
    return this.#twins;
  }

  /** Takes a step and the state after it. Returns true when enough has been read. */
  step(state: MatchState, step: HistoryStep): boolean {
    const before = this.#before;
    this.#before = state.evidence;
    const grown = (value: 'transactionsMatched' | 'hintsMatched' | 'additional' | 'errant'): boolean =>
      state.evidence[value] > (before?.[value] ?? 0);
    const complete = this.#state?.status === 'complete';
    if (step.kind === 'transaction' && !grown('transactionsMatched') && this.#isTwin(step)) {
      this.#twins.push(step);
    }
    if (grown('transactionsMatched') || grown('hintsMatched')) {
      this.#state = state;
    } else if (grown('additional') || (step.kind === 'hint' && this.#isOther(step.hint))) {
      if (complete) {
        this.#passed = true;
        return true;
      }
      this.#unknown.push(step);
    } else if (grown('errant') && step.kind === 'transaction' && !complete) {
      this.#own.push(step);
    }
    return this.#isEnough(state);
  }

  #isEnough(state: MatchState): boolean {
    switch (state.status) {
      case 'reading':
        return this.#ordered && this.#unknown.length > 0;
      case 'diverged':
        this.#state = state;
        return true;
      case 'complete': {
        // Optional transactions can still come right after it.
        const last = this.#entries.at(-1);
        return last?.kind !== 'transaction' || last.optional !== true || this.#unknown.length > 0;
      }
    }
  }

  #isTwin({ identity: { origin } }: TransactionStep): boolean {
    return origin !== '' && this.#origins.has(origin);
  }

  /** Whether a hint that the trail lacks would be in the trail if the place were after it. */
  #isOther(hint: Hint): boolean {
    if (this.#ordered || this.#newestHint === null) return true;
    return (compareHints(hint, this.#newestHint) ?? 0) > 0;
  }
}

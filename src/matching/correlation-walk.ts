import { compareHints, type Hint } from '../hints/hint.js';
import type { HistoryStep, MatchEvidence, MatchState } from './match-state.js';
import type { TrailEntry } from './trail.js';

/** A transaction, not a hint. */
export type TransactionStep = Extract<HistoryStep, { kind: 'transaction' }>;

/**
 * What one who looks for the same place on another server notes while its log is held against the trail, step by step.
 * Where order is kept, the first thing that differs ends it.
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

  /** The state when something of the trail was met last, or the one that ended the match. */
  get state(): MatchState | null {
    return this.#state;
  }

  /** What stands there before the end of the match, and the trail doesn't have; without the server's own. */
  get unknown(): readonly HistoryStep[] {
    return this.#unknown;
  }

  /** Whether something was seen there that comes behind all of the trail. */
  get passed(): boolean {
    return this.#passed;
  }

  /** What the server wrote on its own account before all of the trail was met, and the trail doesn't have. */
  get own(): readonly TransactionStep[] {
    return this.#own;
  }

  /** What has the mark of origin of a transaction of the trail, and isn't it: another content, wherever it stands. */
  get twins(): readonly TransactionStep[] {
    return this.#twins;
  }

  /** Takes a step and the state behind it; true when enough has been read. */
  step(state: MatchState, step: HistoryStep): boolean {
    const before = this.#before;
    this.#before = state.evidence;
    const grown = (value: 'transactionsMatched' | 'hintsMatched' | 'additional' | 'bornHere'): boolean =>
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
    } else if (grown('bornHere') && step.kind === 'transaction' && !complete) {
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
        // What may be there and may not be can still come, right behind.
        const last = this.#entries.at(-1);
        return last?.kind !== 'transaction' || last.optional !== true || this.#unknown.length > 0;
      }
    }
  }

  #isTwin({ identity: { origin } }: TransactionStep): boolean {
    return origin !== '' && this.#origins.has(origin);
  }

  /** Whether a hint that the trail doesn't have is one that it would have, if the place were behind it. */
  #isOther(hint: Hint): boolean {
    if (this.#ordered || this.#newestHint === null) return true;
    return (compareHints(hint, this.#newestHint) ?? 0) > 0;
  }
}

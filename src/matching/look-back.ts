import type { Coordinates } from '../binlog/coordinates.js';
import { hintSeconds } from '../hints/next-hint.js';
import type { TrailEntry } from './trail.js';
import type { HistoryStep } from './match-state.js';

/** How much earlier than all of the trail, by its second, a transaction may be and yet have come later. */
const slackSeconds = 10;

/** How far the injector's clock may be from the servers'. */
const clockSlackSeconds = 60;

/**
 * Finds where to begin before the start hint, if the trail is too short and servers commit out of order. It begins
 * with the transactions right before the hint, up to the margin, that are not older than the trail. One of them can
 * be new, because the old server would have written it after everything that was delivered. A short trail comes from
 * a stream that began recently. Nothing of it was ever dropped, so what isn't in it was not delivered.
 */
export class LookBack {
  readonly #margin: number;
  readonly #firstSecond: number;
  #window: Coordinates[] = [];

  constructor(trail: readonly TrailEntry[], margin: number) {
    this.#margin = margin;
    this.#firstSecond = firstSecondOf(trail);
  }

  /** Takes the steps before the start hint, in order. */
  step(step: HistoryStep): void {
    if (step.kind !== 'transaction' || step.identity.second < this.#firstSecond - slackSeconds) return;
    this.#window.push(step.start);
    if (this.#window.length > this.#margin) this.#window.shift();
  }

  /** Where to begin; the hint itself when there is nothing before it to look at. */
  start(hint: Coordinates): Coordinates {
    return this.#window[0] ?? hint;
  }
}

/** The earliest second in the trail. If the trail has only hints, the time of the first one. */
function firstSecondOf(trail: readonly TrailEntry[]): number {
  const seconds = trail.flatMap((entry) => (entry.kind === 'transaction' ? [entry.identity.second] : []));
  if (seconds.length > 0) return seconds.reduce((first, second) => Math.min(first, second));
  const hint = trail.find((entry) => entry.kind === 'hint');
  const stated = hint?.kind === 'hint' ? hintSeconds(hint.hint) : null;
  return stated === null ? Number.NEGATIVE_INFINITY : stated - clockSlackSeconds;
}

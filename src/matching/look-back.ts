import type { Coordinates } from '../binlog/coordinates.js';
import { hintSeconds } from '../hints/next-hint.js';
import type { TrailEntry } from './trail.js';
import type { HistoryStep } from './match-state.js';

/** How much earlier than all of the trail, by its second, a transaction may be and yet have come later. */
const slackSeconds = 10;

/** How far the injector's clock may be from the servers'. */
const clockSlackSeconds = 60;

/**
 * Finds where to begin before the start hint when the trail is too short to say what is older than it, and servers
 * commit out of order: with the transactions right before the hint, as many as the margin says, that are not older
 * than the trail itself. One of them can be new, because the server before would have written it behind all that was
 * delivered. A short trail is one from a stream's beginning: nothing of it was ever dropped, so that nothing that is
 * not in it has been delivered.
 */
export class LookBack {
  readonly #margin: number;
  readonly #firstSecond: number;
  #window: Coordinates[] = [];

  constructor(trail: readonly TrailEntry[], margin: number) {
    this.#margin = margin;
    this.#firstSecond = firstSecondOf(trail);
  }

  /** Takes what stands before the start hint, in order. */
  step(step: HistoryStep): void {
    if (step.kind === 'hint' || step.identity.second < this.#firstSecond - slackSeconds) return;
    this.#window.push(step.start);
    if (this.#window.length > this.#margin) this.#window.shift();
  }

  /** Where to begin; the hint itself when there is nothing before it to look at. */
  start(hint: Coordinates): Coordinates {
    return this.#window[0] ?? hint;
  }
}

/** The earliest second in the trail; of a trail with nothing but hints, what the first hint says of the time. */
function firstSecondOf(trail: readonly TrailEntry[]): number {
  const seconds = trail.flatMap((entry) => (entry.kind === 'transaction' ? [entry.identity.second] : []));
  if (seconds.length > 0) return seconds.reduce((first, second) => Math.min(first, second));
  const hint = trail.find((entry) => entry.kind === 'hint');
  const stated = hint?.kind === 'hint' ? hintSeconds(hint.hint) : null;
  return stated === null ? Number.NEGATIVE_INFINITY : stated - clockSlackSeconds;
}

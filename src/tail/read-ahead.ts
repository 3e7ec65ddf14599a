import type { Hint } from '../hints/hint.js';
import type { Progress, Step } from './progress.js';

/**
 * What has been read and not yet accepted by the sink. Records are numbered by it, and the steps become the stream's
 * progress when the sink has accepted the records: so the checkpoint never names what a sink has not taken.
 */
export class ReadAhead {
  readonly #progress: Progress;
  #steps: Step[] = [];
  /** Of the hints among the steps, and among those that were taken last: the sink may be at them still. */
  #tokens = new Set<string>();
  #takenTokens = new Set<string>();
  #lastHint: Hint | null;
  #sequence: number;
  #sourceServerId: number | null;
  #errant: number;

  constructor(progress: Progress) {
    this.#progress = progress;
    this.#lastHint = progress.keeper.lastHint;
    this.#sequence = progress.keeper.sequence;
    this.#sourceServerId = progress.sourceServerId;
    this.#errant = progress.errant;
  }

  /** The last hint that was read: the next transaction is numbered from it. */
  get lastHint(): Hint | null {
    return this.#lastHint;
  }

  /** Transactions read since {@link lastHint}. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Where {@link lastHint} was injected; null when it isn't known. */
  get sourceServerId(): number | null {
    return this.#sourceServerId;
  }

  /** Transactions born on the replica itself, since the agent began. */
  get errant(): number {
    return this.#errant;
  }

  /** A transaction has been read to its end. */
  step(step: Step): void {
    this.#steps.push(step);
    switch (step.kind) {
      case 'hint':
        this.#sourceServerId = step.ended.serverId;
        this.#hint(step.hint);
        return;
      case 'delivered':
      case 'passed-over':
        this.#sequence += 1;
        return;
      case 'errant':
        this.#errant += 1;
        return;
      case 'repeated':
      case 'empty':
        return;
    }
  }

  /**
   * The steps since the last call, for {@link advance} once the sink has accepted what they hold. Those of the call before
   * have been taken over by then.
   */
  take(): readonly Step[] {
    const steps = this.#steps;
    this.#steps = [];
    this.#takenTokens = this.#tokens;
    this.#tokens = new Set();
    return steps;
  }

  /** As the trail takes it: a hint that it has already begins nothing new. */
  #hint(hint: Hint): void {
    if (this.#tokens.has(hint.token) || this.#takenTokens.has(hint.token)) return;
    if (this.#progress.keeper.has(hint)) return;
    this.#tokens.add(hint.token);
    this.#lastHint = hint;
    this.#sequence = 0;
  }
}

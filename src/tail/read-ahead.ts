import type { Hint } from '../hints/hint.js';
import type { Progress, Step } from './progress.js';

/**
 * What has been read, but not yet accepted by the sink. Records are numbered by it. The steps become the stream's
 * progress when the sink has accepted the records, so the checkpoint never covers what a sink has not accepted.
 */
export class ReadAhead {
  readonly #progress: Progress;
  #steps: Step[] = [];
  /**
   * The tokens of the hints in the steps, and in those that were taken last: the sink may still be working on the
   * latter.
   */
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

  /** The last hint that was read. The next transaction is numbered from it. */
  get lastHint(): Hint | null {
    return this.#lastHint;
  }

  /** The number of transactions read since {@link lastHint}. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The server_id of the source on which {@link lastHint} was injected. Null if it isn't known. */
  get sourceServerId(): number | null {
    return this.#sourceServerId;
  }

  /** The number of errant transactions since the agent began. */
  get errant(): number {
    return this.#errant;
  }

  /** Adds a transaction that has been read to its end. */
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
   * Returns the steps since the last call. Pass them to {@link advance} when the sink has accepted what they hold. By
   * then the steps of the call before must have been passed.
   */
  take(): readonly Step[] {
    const steps = this.#steps;
    this.#steps = [];
    this.#takenTokens = this.#tokens;
    this.#tokens = new Set();
    return steps;
  }

  /** Like the trail, ignores a hint that is already known, and all hints if GTIDs anchor the stream. */
  #hint(hint: Hint): void {
    if (this.#progress.anchors === 'gtid') return;
    if (this.#tokens.has(hint.token) || this.#takenTokens.has(hint.token)) return;
    if (this.#progress.keeper.has(hint)) return;
    this.#tokens.add(hint.token);
    this.#lastHint = hint;
    this.#sequence = 0;
  }
}

import { reasonOf } from '../util/async.js';
import { messageOf } from '../util/errors.js';
import type { Difference } from './pair-ledger.js';
import { firstDifference, type ShownDifference } from './shown-difference.js';
import { type ContentOptions, readContent } from './transaction-content.js';

/** A difference between two servers, with what is shown of it. */
export type DifferenceReport = {
  readonly difference: Difference;
  /** The server that is read beside the stream's. */
  readonly server: string;
  /** The server that the stream is read from. */
  readonly other: string;
  /** The first change that differs. Null if it can't be shown. */
  readonly shown: ShownDifference | null;
  /** Why it can't be shown. Null if it is, or if it is a hint. */
  readonly unshownBecause: string | null;
  /** Differences before this one that were only counted, because there were too many to show. */
  readonly more: number;
};

/** Where both contents are read again. */
export type BothContents = { readonly delivered: ContentOptions; readonly beside: ContentOptions };

/**
 * Reads again what two servers have in the place of a difference, and finds the first change that differs. If that
 * fails, it says why.
 * @throws the signal's reason only.
 */
export async function showDifference(
  { hint, kind, delivered, beside }: Difference,
  both: BothContents,
  signal: AbortSignal,
): Promise<Pick<DifferenceReport, 'shown' | 'unshownBecause'>> {
  if (hint !== null) return { shown: null, unshownBecause: null };
  if (kind === 'missing' && delivered === null) {
    return { shown: null, unshownBecause: 'it was delivered from another server' };
  }
  try {
    const one = delivered && (await readContent(delivered, both.delivered, signal));
    const other = beside && (await readContent(beside, both.beside, signal));
    const shown = firstDifference(one, other);
    const why =
      one === null || other === null
        ? 'nothing of it is shown in records'
        : 'they are alike in all that records show';
    return { shown, unshownBecause: shown === null ? why : null };
  } catch (error) {
    if (signal.aborted) throw reasonOf(signal);
    return { shown: null, unshownBecause: messageOf(error) };
  }
}

/** So many differences are shown within the time. */
const mostShown = 20;
const withinMs = 60_000;

/** Keeps a server that differs in everything from filling the log. */
export class ReportLimit {
  #sinceMs = -Infinity;
  #shown = 0;
  #more = 0;

  /** Whether one more difference may be shown now. If so, returns how many were not shown before it. Else null. */
  take(nowMs: number): number | null {
    if (nowMs - this.#sinceMs >= withinMs) {
      this.#sinceMs = nowMs;
      this.#shown = 0;
    }
    if (this.#shown === mostShown) {
      this.#more += 1;
      return null;
    }
    this.#shown += 1;
    const more = this.#more;
    this.#more = 0;
    return more;
  }
}

import { monotonicMs } from '../util/clock.js';
import { LeadHistogram } from './lead-histogram.js';

/** A shorter lead is never a lag. */
const leastMs = 2000;

/** A lag is so many times longer than nearly all leads of the last hour. */
const timesUsual = 4;
const nearlyAll = 0.999;

/** The lead of a shadow: the age of the first transaction that it has and the stream has yet to show. */
export type Lead = { readonly leadMs: number; readonly isTooLong: boolean };

/**
 * Tells the lag of a server from our own: it measures for how long the shadow has had what the stream hasn't shown,
 * while the stream waited for its server.
 *
 * Its clock runs only while the stream waits, less the time for which our own process stood still. So neither a slow
 * sink nor a busy or suspended machine is taken for a server that lags.
 */
export class LagComparison {
  readonly #leads = new LeadHistogram();
  #comparedAtMs: number | null = null;
  #waitedMs = 0;

  /** The clock of leads: for how long the stream has waited for its server since the comparison began. */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /**
   * Compares the two servers again. Null if nothing can be said now: the stream doesn't wait for its server, or the
   * shadow has yet to show what was delivered.
   * @param sinceMs when the shadow got what the stream has yet to show, on the clock of leads. Null: there is nothing.
   * @param lateMs how much later the comparison comes than it should.
   */
  compare(sinceMs: number | null | 'unknown', isWaiting: boolean, lateMs: number): Lead | null {
    const nowMs = monotonicMs();
    const passedMs = Math.max(nowMs - (this.#comparedAtMs ?? nowMs) - lateMs, 0);
    this.#comparedAtMs = nowMs;
    if (!isWaiting) return null;
    this.#waitedMs += passedMs;
    if (sinceMs === 'unknown') return null;
    const leadMs = sinceMs === null ? 0 : Math.round(this.#waitedMs - sinceMs);
    this.#leads.add(leadMs, nowMs);
    return { leadMs, isTooLong: leadMs >= leastMs && leadMs >= this.#limitMs(nowMs) };
  }

  #limitMs(nowMs: number): number {
    return Math.max(leastMs, timesUsual * this.#leads.quantile(nearlyAll, nowMs));
  }
}

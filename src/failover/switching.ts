import type { Confidence } from '../matching/match-state.js';
import { WaymarkError } from '../util/errors.js';

/** What a planned switch came to. */
export type SwitchReport = {
  readonly from: string;
  readonly to: string;
  readonly hint: string | null;
  readonly confidence: Confidence | null;
  /** Transactions met there that had been delivered before. */
  readonly skipped: number;
  readonly blackoutMs: number;
  /** Where reading goes on, `file:position` there. */
  readonly coordinates: string;
};

/** What a new configuration has changed. */
export type ReloadReport = {
  /** Members, as `host:port`. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Keys whose new value holds from now on, for example `failover.cooldown`. */
  readonly changed: readonly string[];
  /** Keys that have a new value which only a restart brings about. */
  readonly notApplied: readonly string[];
};

/** A planned switch that doesn't take place; the stream goes on where it was. */
export function refused(to: string, reasons: readonly string[]): WaymarkError {
  return new WaymarkError('switch-refused', `The stream doesn't move to ${to}: ${reasons.join('; ')}`, {
    details: { to, reasons },
  });
}

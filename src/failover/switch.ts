import { type Coordinates, formatCoordinates } from '../binlog/coordinates.js';
import type { Confidence } from '../matching/match-state.js';
import { WaymarkError } from '../util/errors.js';
import type { Finding } from './diagnosis.js';

/** Why reading began on a server. */
export type SwitchCause =
  | Finding
  /** Nothing came from the server, while its shadow was heard of. */
  | 'silent'
  /** The server lagged behind its shadow. */
  | 'lagging'
  | 'planned'
  | 'failback'
  | 'restart'
  | 'start';

/**
 * The parts of a blackout, in milliseconds: until the finding, until the new member was chosen, until the hint was
 * found there, until the match was complete, until the first new record.
 */
export type Timeline = {
  readonly detectMs: number;
  readonly chooseMs: number;
  readonly locateMs: number;
  readonly verifyMs: number;
  /** Null until the first new record has come, or the stream is level with the server. */
  readonly firstRecordMs: number | null;
};

/** A change of servers that is over. */
export type Switch = {
  readonly from: string | null;
  readonly to: string;
  readonly finding: SwitchCause;
  readonly confidence: Confidence | null;
  /** The hint by which its place was found. Null if it was found in another way. */
  readonly hint: string | null;
  /** The GTID by which its place was found. Null if it was found in another way. */
  readonly gtid: string | null;
  readonly coordinates: Coordinates;
  /** Transactions met there that had been delivered before. They are not delivered again. */
  readonly skipped: number;
  /** Null until the first new record has been accepted, or the stream is level with the server. */
  readonly blackoutMs: number | null;
  /** Null at a start, because there was no stream before. */
  readonly timeline: Timeline | null;
  /** Milliseconds since 1970. */
  readonly at: number;
};

/** The outcome of a planned switch. */
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

/** The outcome of a switch, for the operator. Pure. */
export function reportOf(change: Switch, blackoutMs: number): SwitchReport {
  const { from, to, hint, confidence, skipped } = change;
  const coordinates = formatCoordinates(change.coordinates);
  return { from: from ?? '', to, hint, confidence, skipped, blackoutMs, coordinates };
}

/** A switch that doesn't take place. The stream goes on where it was. */
export function refused(to: string, reasons: readonly string[]): WaymarkError {
  return new WaymarkError('switch-refused', `The stream doesn't move to ${to}: ${reasons.join('; ')}`, {
    details: { to, reasons },
  });
}

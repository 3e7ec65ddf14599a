import { formatCoordinates } from '../binlog/coordinates.js';
import type { Member } from './pool.js';
import type { Switch, SwitchCause } from './state.js';
import { refused, type SwitchReport } from './switching.js';

/** Ends the tail of a server that is to be left although the stream from it runs. */
export class Interruption extends Error {
  override readonly name = 'Interruption';
}

/** A move away from a server whose stream runs. */
export class Move {
  readonly cause: SwitchCause;
  readonly reasons: readonly string[];
  /** Null: whoever can go on. */
  readonly target: Member | null;
  /** Where the stream arrived, or why it stays. */
  readonly outcome: Promise<SwitchReport>;
  #resolve: (report: SwitchReport) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(cause: SwitchCause, reasons: readonly string[], target: Member | null) {
    this.cause = cause;
    this.reasons = reasons;
    this.target = target;
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever asked may have gone.
    this.outcome.catch(() => undefined);
  }

  arrived(report: SwitchReport): void {
    this.#resolve(report);
  }

  /** Has no effect when it has arrived. */
  refuse(reason: string): void {
    this.#reject(refused(this.target?.name ?? 'another server', [reason]));
  }
}

/** A server that is not read any more, and why. */
export type Loss = {
  readonly member: Member;
  readonly cause: SwitchCause;
  /** On the monotonic clock. */
  readonly lastHeardAtMs: number;
  /** When the finding was there. */
  readonly foundAtMs: number;
  /** Null when the stream ended by itself. */
  readonly move: Move | null;
  /** Whether the same server is tried alone first. */
  readonly reconnects: boolean;
  /** Members that can't go on, and why: their logs can't be read where the stream stands. */
  readonly unfit?: ReadonlyMap<string, Error>;
};

/** What a switch came to, for whoever asked for it. */
export function reportOf(change: Switch, blackoutMs: number): SwitchReport {
  const { from, to, hint, confidence, skipped } = change;
  const coordinates = formatCoordinates(change.coordinates);
  return { from: from ?? '', to, hint, confidence, skipped, blackoutMs, coordinates };
}

import { type Coordinates, formatCoordinates } from '../binlog/coordinates.js';
import type { DeliveredBatch } from '../tail/tail.js';
import { comparePlaces } from './source-progress.js';

/** Notices when the stream has arrived on its server: the first new record accepted, or nothing new to accept. */
export class Arrival {
  readonly #logEnd: Coordinates | null;
  readonly #begin: Coordinates;
  /** Where the stream stood at the last batch; null before the first. */
  #at: string | null = null;
  readonly #since: number;
  readonly #onLevel: (blackoutMs: number) => void;
  #arrived = false;

  /**
   * @param begin where reading begins.
   * @param logEnd where the server's log ended when it was chosen; null when it can't say.
   * @param sinceMs when the last word came from the server before, on the monotonic clock.
   */
  constructor(
    begin: Coordinates,
    logEnd: Coordinates | null,
    sinceMs: number,
    onLevel: (blackoutMs: number) => void,
  ) {
    this.#begin = begin;
    this.#logEnd = logEnd;
    this.#since = sinceMs;
    this.#onLevel = onLevel;
  }

  /** Reading begins: the stream is level at once when the server's log ended there. */
  begin(): void {
    if (this.#isLevel(formatCoordinates(this.#begin))) this.#level();
  }

  batch({ records, position }: DeliveredBatch): void {
    const at = formatCoordinates(position);
    // What comes and moves nothing is a heartbeat: a server sends them when it has no more.
    const idle = this.#logEnd === null && at === this.#at;
    if (records > 0 || idle || this.#isLevel(at)) this.#level();
    this.#at = at;
  }

  /** At the log's end, or behind it: a batch may go on into the next file. */
  #isLevel(at: string): boolean {
    return this.#logEnd !== null && (comparePlaces(at, formatCoordinates(this.#logEnd)) ?? -1) >= 0;
  }

  #level(): void {
    if (this.#arrived) return;
    this.#arrived = true;
    this.#onLevel(Math.round(performance.now() - this.#since));
  }
}

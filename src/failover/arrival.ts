import type { Coordinates } from '../binlog/coordinates.js';
import type { DeliveredBatch } from '../tail/tail.js';

/** Notices when the stream has arrived on its server: the first new record accepted, or nothing new to accept. */
export class Arrival {
  readonly #logEnd: Coordinates | null;
  readonly #begin: Coordinates;
  readonly #since: number;
  readonly #onLevel: (blackoutMs: number) => void;
  #arrived = false;

  /**
   * @param begin where reading begins.
   * @param logEnd where the server's log ended when it was chosen.
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
    if (this.#isLevel(this.#begin)) this.#level();
  }

  batch({ records, position }: DeliveredBatch): void {
    if (records > 0 || this.#isLevel(position)) this.#level();
  }

  #isLevel({ file, position }: Coordinates): boolean {
    return this.#logEnd?.file === file && position >= this.#logEnd.position;
  }

  #level(): void {
    if (this.#arrived) return;
    this.#arrived = true;
    this.#onLevel(Math.round(performance.now() - this.#since));
  }
}

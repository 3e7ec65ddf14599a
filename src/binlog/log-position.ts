import type { Coordinates } from './coordinates.js';
import { eventEndPosition, EventType, eventSize, eventType, headerBytes, isArtificial } from './event.js';

const positionModulus = 2 ** 32;

/** Follows where in the log a stream of events is. Fed with every event, in order. */
export class LogPosition {
  #file: string;
  #start: number;
  #end: number;

  constructor(begin: Coordinates) {
    this.#file = begin.file;
    this.#start = begin.position;
    this.#end = begin.position;
  }

  get file(): string {
    return this.#file;
  }

  /** Where the last event begins. */
  get start(): Coordinates {
    return { file: this.#file, position: this.#start };
  }

  /** Right behind the last event (behind a rotate: the beginning of the next file). */
  get end(): Coordinates {
    return { file: this.#file, position: this.#end };
  }

  /** Takes an event. Gives false for one that the dump thread made up. */
  advance(buffer: Buffer, start: number, end: number): boolean {
    const artificial = isArtificial(buffer, start);
    if (eventType(buffer, start) === EventType.rotate) {
      this.#rotate(buffer, start, end);
      return !artificial;
    }
    if (artificial) return false;
    const size = eventSize(buffer, start);
    this.#end = this.#reconcile(this.#end + size, eventEndPosition(buffer, start));
    this.#start = this.#end - size;
    return true;
  }

  /**
   * The stated end position is right wherever there is one, but has 32 bits only; MariaDB states none inside a
   * transaction, and does not send the annotations that stand in the file there, so that sums fall short until the
   * transaction's end states its position again.
   */
  #reconcile(summed: number, stated: number): number {
    if (stated === 0) return summed;
    const base = summed - (summed % positionModulus);
    const candidates = [base - positionModulus + stated, base + stated, base + positionModulus + stated];
    return candidates.reduce((best, next) =>
      Math.abs(next - summed) < Math.abs(best - summed) ? next : best,
    );
  }

  /** ROTATE_EVENT: position in the next file (8), its name to the end. */
  #rotate(buffer: Buffer, start: number, end: number): void {
    const body = start + headerBytes;
    this.#end = Number(buffer.readBigUInt64LE(body));
    this.#start = this.#end;
    this.#file = buffer.toString('utf8', body + 8, end);
  }
}

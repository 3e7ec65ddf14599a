import { WaymarkError } from '../util/errors.js';
import { type Coordinates, firstPosition } from '../binlog/coordinates.js';
import {
  eventEndPosition,
  type EventPlace,
  EventType,
  eventSize,
  eventType,
  headerBytes,
  isArtificial,
} from '../binlog/event.js';

const positionModulus = 2 ** 32;

/** No file system has larger files, and no server begins one behind its first bytes. */
const furthestPosition = 2 ** 50;
/** A name without its folder, as SHOW BINARY LOGS gives it (FN_REFLEN of both vendors: 512 bytes). */
const logName = /^[^/\\\p{Cc}]{1,512}$/u;

/** Follows where in the log a stream of events is. Fed with every event, in order. */
export class PositionTracker {
  /** Of the last event; one object, changed by each. */
  readonly #place: { file: string; start: number; end: number; readonly xid: null };

  constructor({ file, position }: Coordinates) {
    this.#place = { file, start: position, end: position, xid: null };
  }

  /** Where the last event stands. */
  get place(): EventPlace {
    return this.#place;
  }

  /** Right behind the last event (behind a rotate: the beginning of the next file). */
  get end(): Coordinates {
    return { file: this.#place.file, position: this.#place.end };
  }

  /** Takes an event. */
  advance(buffer: Buffer, start: number, end: number): void {
    const place = this.#place;
    if (eventType(buffer, start) === EventType.rotate) {
      this.#rotate(buffer, start, end);
    } else if (isArtificial(buffer, start)) {
      place.start = place.end;
    } else {
      const size = eventSize(buffer, start);
      place.end = this.#reconcile(place.end + size, eventEndPosition(buffer, start));
      place.start = place.end - size;
    }
  }

  /**
   * The stated end position is right wherever there is one, but has 32 bits only; MariaDB states none inside a
   * transaction, and does not send the annotations that stand in the file there, so that sums fall short until the
   * transaction's end states its position again.
   */
  #reconcile(summed: number, stated: number): number {
    if (stated === 0 || summed % positionModulus === stated) return summed;
    const base = summed - (summed % positionModulus);
    const candidates = [base - positionModulus + stated, base + stated, base + positionModulus + stated];
    return candidates.reduce((best, next) =>
      Math.abs(next - summed) < Math.abs(best - summed) ? next : best,
    );
  }

  /** ROTATE_EVENT: position in the next file (8), its name to the end. */
  #rotate(buffer: Buffer, start: number, end: number): void {
    const body = start + headerBytes;
    const place = this.#place;
    const position = Number(buffer.readBigUInt64LE(body));
    const file = buffer.toString('utf8', body + 8, end);
    if (position < firstPosition || position > furthestPosition || !logName.test(file)) {
      throw new WaymarkError('protocol', 'An event says that the log goes on where no log can be');
    }
    place.end = position;
    place.start = position;
    place.file = file;
  }
}

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

/** No file system has larger files. It catches positions that can't be right. */
const furthestPosition = 2 ** 50;
/** A file name without its folder, as SHOW BINARY LOGS returns it (FN_REFLEN of both vendors: 512 bytes). */
const logName = /^[^/\\\p{Cc}]{1,512}$/u;

/** Tracks the position of a stream of events in the log. Takes every event, in order. */
export class PositionTracker {
  /** The last event's place. One object, which each event changes. */
  readonly #place: { file: string; start: number; end: number; readonly xid: null };

  constructor({ file, position }: Coordinates) {
    this.#place = { file, start: position, end: position, xid: null };
  }

  /** The last event's place. */
  get place(): EventPlace {
    return this.#place;
  }

  /** The coordinates right after the last event. After a rotate event: the beginning of the next file. */
  get end(): Coordinates {
    return { file: this.#place.file, position: this.#place.end };
  }

  /** Takes the next event. */
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
   * Combines the sum of the sizes with the end position in the event.
   *
   * The end position is right if the event has one, but it has only 32 bits. MariaDB leaves it out inside a
   * transaction, and it doesn't send annotations that are in the file. So the sum falls short until the end
   * of the transaction, which has an end position again.
   */
  #reconcile(summed: number, stated: number): number {
    if (stated === 0 || summed % positionModulus === stated) return summed;
    const base = summed - (summed % positionModulus);
    const candidates = [base - positionModulus + stated, base + stated, base + positionModulus + stated];
    return candidates.reduce((best, next) =>
      Math.abs(next - summed) < Math.abs(best - summed) ? next : best,
    );
  }

  /** Reads a ROTATE_EVENT: position in the next file (8), then the file's name. */
  #rotate(buffer: Buffer, start: number, end: number): void {
    const body = start + headerBytes;
    const place = this.#place;
    const position = Number(buffer.readBigUInt64LE(body));
    const file = buffer.toString('utf8', body + 8, end);
    if (position < firstPosition || position > furthestPosition || !logName.test(file)) {
      throw new WaymarkError('protocol', 'A rotate event names an impossible log file or position');
    }
    place.end = position;
    place.start = position;
    place.file = file;
  }
}

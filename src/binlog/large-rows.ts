import { hasBytes } from '../util/bytes.js';
import { hasCode, WaymarkError } from '../util/errors.js';
import { RecentMap } from '../util/recent-map.js';
import { EventType, eventType, headerBytes, isOutOfBounds, maximumUnpackedBytes } from './event.js';
import { type ColumnSizes, readColumnSizes, type RowWalk, rowWalk } from './null-bits.js';
import { walkableHead } from './rows-event.js';

/** A row event that has more is passed on in parts. */
export const largeRowsBytes = 1024 * 1024;

/** What a part has, unless one row has more. */
const partBytes = 128 * 1024;

/** No row event says more of itself before its rows: extra data have two bytes of length, bitmaps of columns 512 each. */
export const largestHeadBytes = 80 * 1024;

/** A statement has its table maps right before its rows. */
const recentTables = 256;

/** The table maps that came last, by their ids. */
export class TableMaps {
  readonly #bodies = new RecentMap<number, Buffer>(recentTables);

  /** Takes the next event. */
  readonly event = (buffer: Buffer, start: number, end: number): void => {
    if (eventType(buffer, start) !== EventType.tableMap) return;
    const body = start + headerBytes;
    const id = buffer.readUIntLE(body, 6);
    const known = this.#bodies.get(id);
    // The same one comes with every transaction.
    if (known !== undefined && hasBytes(known, buffer, body, end)) return;
    this.#bodies.set(id, Buffer.from(buffer.subarray(body, end)));
  };

  /** How to walk the rows of an event whose head is whole; null where they can't be. */
  walkOf(buffer: Buffer, start: number, end: number): { walk: RowWalk; imagesStart: number } | null {
    const head = walkableHead(buffer, start, end);
    const body = head && this.#bodies.get(head.tableId);
    if (head === null || !body) return null;
    const sizes = sizesOf(body);
    const walk = sizes && rowWalk(head, buffer, sizes);
    return walk && { walk, imagesStart: head.imagesStart };
  }
}

/** Null also where the table map is shorter than it says: whoever decodes it will say so. */
function sizesOf(body: Buffer): ColumnSizes | null {
  try {
    return readColumnSizes(body, -headerBytes, body.length);
  } catch (error) {
    if (isOutOfBounds(error) || hasCode(error, 'protocol')) return null;
    throw error;
  }
}

/**
 * Makes several row events of a large one, as if the server had split it: `binlog_row_event_max_size` is its own affair,
 * and no digest counts events. Takes the images in pieces and keeps no more of them than a row and a part. Images that
 * aren't what the table map says stay together, for the decoder to refuse.
 */
export class LargeRows {
  readonly #head: Buffer;
  readonly #walk: RowWalk;
  /** Images that no part has yet; the first {@link #bytes} of the room. */
  #room = Buffer.allocUnsafeSlow(4 * partBytes);
  #bytes = 0;

  /**
   * @param head of the event, up to its images, with the type of one that isn't compressed.
   */
  constructor(head: Buffer, walk: RowWalk) {
    this.#head = head;
    this.#walk = walk;
  }

  /** The events that are whole with the next piece of the images. @throws WaymarkError `protocol` for a row too large. */
  push(piece: Buffer): Buffer[] {
    this.#keep(piece);
    const events: Buffer[] = [];
    const images = this.#room.subarray(0, this.#bytes);
    let taken = 0;
    for (let at = 0; at < images.length;) {
      const next = this.#walk.behindRow(images, at);
      if (next > images.length) break;
      at = next;
      if (at - taken < partBytes) continue;
      events.push(eventOf(this.#head, images.subarray(taken, at)));
      taken = at;
    }
    this.#room.copyWithin(0, taken, this.#bytes);
    this.#bytes -= taken;
    return events;
  }

  /** The last event. */
  end(): Buffer[] {
    return this.#bytes === 0 ? [] : [eventOf(this.#head, this.#room.subarray(0, this.#bytes))];
  }

  #keep(piece: Buffer): void {
    const bytes = this.#bytes + piece.length;
    if (bytes > maximumUnpackedBytes) {
      throw new WaymarkError(
        'protocol',
        `A compressed event holds a row of more than ${maximumUnpackedBytes} bytes, which is the limit`,
      );
    }
    if (bytes > this.#room.length) {
      // As much as has come, and as much again: never as much as somebody says that there is.
      const larger = Buffer.allocUnsafeSlow(2 * bytes);
      this.#room.copy(larger, 0, 0, this.#bytes);
      this.#room = larger;
    }
    piece.copy(this.#room, this.#bytes);
    this.#bytes = bytes;
  }
}

/** The same of an event that is there as a whole: one at a time, and the event itself where it has one row. */
export function* splitRows(
  event: Buffer,
  imagesStart: number,
  walk: RowWalk,
): Generator<readonly Buffer[], void, undefined> {
  const images = event.subarray(imagesStart);
  for (let from = 0, to = 0; from < images.length; from = to) {
    while (to < images.length && to - from < partBytes)
      to = Math.min(walk.behindRow(images, to), images.length);
    if (to - from === images.length) yield [event];
    else yield [eventOf(event.subarray(0, imagesStart), images.subarray(from, to))];
  }
}

function eventOf(head: Buffer, images: Buffer): Buffer {
  const event = Buffer.concat([head, images]);
  event.writeUInt32LE(event.length, 9);
  return event;
}

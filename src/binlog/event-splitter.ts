import { WaymarkError } from '../util/errors.js';
import { eventSize, headerBytes, maximumUnpackedBytes } from './event.js';
import { largestHeadBytes, LargeRows, largeRowsBytes, type TableMaps } from './large-rows.js';

/** Called for each event, which lies in `buffer` from `start` to `end`. */
type SplitVisitor = (buffer: Buffer, start: number, end: number) => void;

/**
 * Cuts the bytes of a compressed transaction, which come in pieces, into its events. An event that lies whole in a
 * piece is visited in place; one that spans pieces is copied once, into a buffer of its size; a large row event is made
 * several of.
 * @throws WaymarkError `protocol` for an event of an impossible size.
 */
export class EventSplitter {
  /** The beginning of an event whose header isn't whole yet. */
  readonly #header = Buffer.alloc(headerBytes);
  /** The event under way, once its size is known. */
  #event: Buffer | null = null;
  #filledBytes = 0;
  /** A large row event under way, and how much of it is to come. */
  #rows: { readonly parts: LargeRows; leftBytes: number } | null = null;
  readonly #tables: TableMaps;

  /** @param tables is told of every event by whoever visits them. */
  constructor(tables: TableMaps) {
    this.#tables = tables;
  }

  /** Whether nothing of an event is waiting for its rest. */
  get isBetweenEvents(): boolean {
    return this.#filledBytes === 0 && this.#rows === null;
  }

  /** Takes the next piece and visits every event that is whole with it. The visitor may keep what it is shown. */
  push(piece: Buffer, visit: SplitVisitor): void {
    let offset = 0;
    while (offset < piece.length) {
      if (this.#rows !== null) {
        offset = this.#fillRows(this.#rows, piece, offset, visit);
        continue;
      }
      if (this.#filledBytes > 0 || piece.length - offset < headerBytes) {
        offset = this.#fill(piece, offset, visit);
        continue;
      }
      const end = offset + sizeOf(piece, offset);
      if (end > piece.length) {
        offset = this.#fill(piece, offset, visit);
        continue;
      }
      visit(piece, offset, end);
      offset = end;
    }
  }

  /** Takes the piece's bytes for the event under way; gives where it stopped. */
  #fill(piece: Buffer, offset: number, visit: SplitVisitor): number {
    const target = this.#event ?? this.#header;
    const copied = piece.copy(target, this.#filledBytes, offset);
    this.#filledBytes += copied;
    if (this.#filledBytes < target.length) return offset + copied;
    const size = sizeOf(this.#header, 0);
    if (this.#event === null) {
      this.#event = Buffer.allocUnsafeSlow(size > largeRowsBytes ? largestHeadBytes : size);
      this.#header.copy(this.#event);
    } else if (this.#filledBytes < size) {
      this.#beginLarge(this.#event, size, visit);
      return offset + copied;
    }
    if (this.#filledBytes === size) {
      const event = this.#event;
      this.#event = null;
      this.#filledBytes = 0;
      visit(event, 0, event.length);
    }
    return offset + copied;
  }

  /** The beginning of a large event is there, with all that stands before its rows if it is a row event. */
  #beginLarge(beginning: Buffer, size: number, visit: SplitVisitor): void {
    const walkable = this.#tables.walkOf(beginning, 0, beginning.length);
    if (walkable === null) {
      // Memory that isn't touched yet is none: what is claimed costs nothing before it has come.
      this.#event = Buffer.allocUnsafeSlow(size);
      beginning.copy(this.#event);
      return;
    }
    const { walk, imagesStart } = walkable;
    const parts = new LargeRows(beginning.subarray(0, imagesStart), walk);
    this.#event = null;
    this.#filledBytes = 0;
    this.#rows = { parts, leftBytes: size - imagesStart };
    this.#fillRows(this.#rows, beginning, imagesStart, visit);
  }

  #fillRows(
    rows: { readonly parts: LargeRows; leftBytes: number },
    piece: Buffer,
    offset: number,
    visit: SplitVisitor,
  ): number {
    const end = Math.min(piece.length, offset + rows.leftBytes);
    rows.leftBytes -= end - offset;
    const events = rows.parts.push(piece.subarray(offset, end));
    if (rows.leftBytes === 0) {
      events.push(...rows.parts.end());
      this.#rows = null;
    }
    for (const event of events) visit(event, 0, event.length);
    return end;
  }
}

function sizeOf(buffer: Buffer, start: number): number {
  const size = eventSize(buffer, start);
  if (size < headerBytes || size > maximumUnpackedBytes) {
    throw new WaymarkError(
      'protocol',
      `A compressed transaction holds an event of ${size} bytes. The limit is ${maximumUnpackedBytes}`,
    );
  }
  return size;
}

import { WaymarkError } from '../util/errors.js';
import { eventSize, headerBytes, maximumEventBytes } from './event.js';

/** Called for each event, which lies in `buffer` from `start` to `end`. */
type SplitVisitor = (buffer: Buffer, start: number, end: number) => void;

/**
 * Cuts the bytes of a compressed transaction, which come in pieces, into its events. An event that lies whole in a
 * piece is visited in place; one that spans pieces is copied once, into a buffer of its size.
 * @throws WaymarkError `protocol` for an event of an impossible size.
 */
export class EventSplitter {
  /** The beginning of an event whose header isn't whole yet. */
  readonly #header = Buffer.alloc(headerBytes);
  /** The event under way, once its size is known. */
  #event: Buffer | null = null;
  #filledBytes = 0;

  /** Whether nothing of an event is waiting for its rest. */
  get isBetweenEvents(): boolean {
    return this.#filledBytes === 0;
  }

  /** Takes the next piece and visits every event that is whole with it. The visitor may keep what it is shown. */
  push(piece: Buffer, visit: SplitVisitor): void {
    let offset = 0;
    while (offset < piece.length) {
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
    if (this.#event === null) {
      this.#event = Buffer.allocUnsafeSlow(sizeOf(this.#header, 0));
      this.#header.copy(this.#event);
    }
    if (this.#filledBytes === this.#event.length) {
      const event = this.#event;
      this.#event = null;
      this.#filledBytes = 0;
      visit(event, 0, event.length);
    }
    return offset + copied;
  }
}

function sizeOf(buffer: Buffer, start: number): number {
  const size = eventSize(buffer, start);
  if (size < headerBytes || size > maximumEventBytes) {
    throw new WaymarkError('protocol', `A compressed transaction holds an event of ${size} bytes`);
  }
  return size;
}

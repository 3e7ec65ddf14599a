import { WaymarkError } from '../util/errors.js';
import { eventSize, headerBytes } from './event.js';

/**
 * Cuts what is unpacked of a compressed transaction, as it comes piece by piece, into its events. What spans pieces is put
 * together once. Inside of such a transaction events have headers of their own and no checksums.
 * @throws WaymarkError `protocol` for what is no event.
 */
export class EventSplitter {
  #pieces: Buffer[] = [];
  #bytes = 0;
  #neededBytes = headerBytes;

  /** Whether what has come ends with an event's end. */
  get isBetweenEvents(): boolean {
    return this.#bytes === 0;
  }

  push(piece: Buffer, visit: (buffer: Buffer, start: number, end: number) => void): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes < this.#neededBytes) return;
    const buffer = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces, this.#bytes);
    let offset = 0;
    this.#neededBytes = headerBytes;
    while (buffer.length - offset >= headerBytes) {
      const size = eventSize(buffer, offset);
      if (size < headerBytes) {
        throw new WaymarkError(
          'protocol',
          'A compressed transaction holds an event that is shorter than its header',
        );
      }
      if (buffer.length - offset < size) {
        this.#neededBytes = size;
        break;
      }
      visit(buffer, offset, offset + size);
      offset += size;
    }
    this.#bytes = buffer.length - offset;
    this.#pieces = this.#bytes === 0 ? [] : [buffer.subarray(offset)];
  }
}

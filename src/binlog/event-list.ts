import { WaymarkError } from '../util/errors.js';
import { type EventBatch, type EventPlace, eventType, type EventVisitor, isOutOfBounds } from './event.js';

/** Numbers kept of each event: where its bytes begin and end, and where it begins and ends in the log. */
const numbersEach = 4;

const noEvent = Buffer.alloc(0);

/** An event and its place. */
type ListedEvent = {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  readonly place: EventPlace;
};

/**
 * Events that lie in buffers, in order, with their places. Made to be filled and emptied again and again: an event
 * costs a few numbers in arrays that stay, and no object. The buffers themselves are kept for as long as they are listed.
 */
export class EventList {
  #buffers: Buffer[] = [];
  #files: string[] = [];
  #numbers = new Float64Array(1024 * numbersEach);
  #length = 0;
  readonly #server: string;
  /** The view that visitors get. */
  readonly #place = { file: '', start: 0, end: 0, xid: null as string | null };

  /** @param server whose log it is, for errors. */
  constructor(server: string) {
    this.#server = server;
  }

  get length(): number {
    return this.#length;
  }

  push(buffer: Buffer, start: number, end: number, place: EventPlace): void {
    const at = this.#length * numbersEach;
    if (at === this.#numbers.length) this.#enlarge();
    this.#buffers[this.#length] = buffer;
    this.#files[this.#length] = place.file;
    this.#numbers[at] = start;
    this.#numbers[at + 1] = end;
    this.#numbers[at + 2] = place.start;
    this.#numbers[at + 3] = place.end;
    this.#length += 1;
  }

  /**
   * Visits the events from one index up to another, in order.
   * @param xid {@link EventPlace.xid} of them all.
   * @throws WaymarkError `protocol` for an event that is shorter than its fields say (servers that write no checksums).
   */
  forEach(visit: EventVisitor, from = 0, to = this.#length, xid: string | null = null): void {
    for (let index = from; index < to; index += 1) this.#visit(visit, index, xid);
  }

  /**
   * The events from one index up to another, for a batch.
   * @param xid {@link EventPlace.xid} of them all.
   */
  part(from = 0, to = this.#length, xid: string | null = null): Pick<EventBatch, 'forEach' | 'visit'> {
    let next = from;
    return {
      forEach: (visit) => {
        this.forEach(visit, from, to, xid);
      },
      visit: (visit) => {
        for (; next < to; next += 1) {
          const waiting = this.#visit(visit, next, xid);
          if (waiting !== null) return waiting;
        }
        return null;
      },
    };
  }

  #visit<T>(visit: (...event: Parameters<EventVisitor>) => T, index: number, xid: string | null): T {
    const place = this.#place;
    const numbers = this.#numbers;
    const at = index * numbersEach;
    place.file = this.#files[index] ?? '';
    place.start = numbers[at + 2] ?? 0;
    place.end = numbers[at + 3] ?? 0;
    place.xid = xid;
    try {
      return visit(this.#buffers[index] ?? noEvent, numbers[at] ?? 0, numbers[at + 1] ?? 0, place);
    } catch (error) {
      throw isOutOfBounds(error) ? this.#unreadable(error, index) : error;
    }
  }

  /**
   * Visits one event; gives what the visitor does.
   * @throws what {@link forEach} throws.
   */
  look<T>(index: number, visit: (...event: Parameters<EventVisitor>) => T): T {
    return this.#visit(visit, index, null);
  }

  /** An event, to keep. */
  get(index: number): ListedEvent {
    let found: ListedEvent = { buffer: Buffer.alloc(0), start: 0, end: 0, place: this.#place };
    this.forEach(
      (buffer, start, end, place) => {
        found = { buffer, start, end, place: { ...place } };
      },
      index,
      index + 1,
    );
    return found;
  }

  /** Bytes of an event, without its checksum. */
  bytesOf(index: number): number {
    const at = index * numbersEach;
    return (this.#numbers[at + 1] ?? 0) - (this.#numbers[at] ?? 0);
  }

  /** Takes out the events from one index up to another. */
  remove(from: number, to = this.#length): void {
    const count = to - from;
    if (count <= 0) return;
    this.#buffers.splice(from, count);
    this.#files.splice(from, count);
    this.#numbers.copyWithin(from * numbersEach, to * numbersEach, this.#length * numbersEach);
    this.#length -= count;
  }

  clear(): void {
    this.#buffers = [];
    this.#files = [];
    this.#length = 0;
  }

  #unreadable(cause: unknown, index: number): WaymarkError {
    const at = index * numbersEach;
    const buffer = this.#buffers[index] ?? Buffer.alloc(0);
    const place = `${this.#files[index] ?? ''}:${this.#numbers[at + 3] ?? 0}`;
    const type = eventType(buffer, this.#numbers[at] ?? 0);
    return new WaymarkError(
      'protocol',
      `An event from ${this.#server} (type ${type}, before ${place}) cannot be read`,
      {
        cause,
        details: { server: this.#server },
      },
    );
  }

  #enlarge(): void {
    const larger = new Float64Array(this.#numbers.length * 2);
    larger.set(this.#numbers);
    this.#numbers = larger;
  }
}

import { compareCoordinates, type Coordinates } from '../binlog/coordinates.js';
import { EventList } from '../binlog/event-list.js';
import { type EventBatch, type EventPlace, EventType, eventType } from '../binlog/event.js';

/** How many kept events are passed on at once: some milliseconds of work. */
const eventsAtOnce = 1024;

/**
 * A dump that is read ahead of its consumer. What was read is kept as raw events until it is released, so that the
 * consumer can begin at an earlier place and go on with the open connection.
 */
export class KeptDump {
  readonly #dump: AsyncGenerator<EventBatch, void, undefined>;
  readonly #server: string;
  readonly #events: EventList;
  /** From here on, everything that was read is kept. */
  #from: Coordinates;
  #end: Coordinates;
  /** The format description that came last of what was dropped. What follows can't be read without it. */
  #format: Buffer | null = null;
  #bytes = 0;
  #hasPacked = false;
  #isKeeping = true;
  #isHandedOver = false;
  /** The reader's question for the next batch. */
  #pending: Promise<EventBatch | null> | null = null;
  #failure: { readonly error: unknown } | null = null;

  /**
   * @param dump yields batches of events, as readDump does, from `start` on.
   * @param server whose log it is, for errors.
   */
  constructor(dump: AsyncGenerator<EventBatch, void, undefined>, start: Coordinates, server: string) {
    this.#dump = dump;
    this.#server = server;
    this.#events = new EventList(server);
    this.#from = start;
    this.#end = start;
  }

  /** Bytes of the events that are kept. */
  get keptBytes(): number {
    return this.#bytes;
  }

  /** Reads on, and keeps what is read. Ends when the dump ends, or when it is handed over. */
  async *read(): AsyncGenerator<EventBatch, void, undefined> {
    while (!this.#isHandedOver) {
      this.#pending = this.#readOne();
      const batch = await this.#pending;
      if (batch === null) return;
      yield batch;
    }
  }

  /** Drops the events that end at or before a place. */
  release(before: Coordinates): void {
    if (this.#isHandedOver) return;
    this.#release(before);
  }

  #release(before: Coordinates): void {
    let count = 0;
    let bytes = 0;
    const isBefore = (_buffer: Buffer, _start: number, _end: number, { file, end }: EventPlace): boolean =>
      file === before.file ? end <= before.position : isAtMost({ file, position: end }, before);
    while (count < this.#events.length && this.#events.look(count, isBefore)) {
      bytes += this.#events.bytesOf(count);
      count += 1;
    }
    if (count === 0) return;
    this.#noteFormat(count);
    this.#events.remove(0, count);
    this.#bytes -= bytes;
    if (this.#events.length === 0) this.#hasPacked = false;
    if (isAtMost(this.#from, before)) this.#from = before;
  }

  /**
   * Drops everything, and keeps nothing more until {@link keepAgain}. For a transaction that is larger than what may be
   * kept.
   */
  forget(): void {
    if (this.#isHandedOver) return;
    this.#noteFormat(this.#events.length);
    this.#events.clear();
    this.#bytes = 0;
    this.#hasPacked = false;
    this.#isKeeping = false;
  }

  /** Keeps again what is read from now on. */
  keepAgain(): void {
    if (this.#isKeeping || this.#isHandedOver) return;
    this.#isKeeping = true;
    this.#from = this.#end;
  }

  /** Whether the dump can go on from a place: everything after it is kept. */
  has(place: Coordinates): boolean {
    return this.#isKeeping && isAtMost(this.#from, place) && isAtMost(place, this.#end);
  }

  /**
   * Hands the dump over: what comes from a place on, first from what is kept, then from the connection. The place must
   * be one where a transaction begins, and {@link has} must say that it is there. {@link read} ends. When the consumer
   * ends, so does the connection.
   */
  handOver(place: Coordinates): AsyncGenerator<EventBatch, void, undefined> {
    this.#isHandedOver = true;
    this.#release(place);
    return this.#rest(place);
  }

  async *#rest(place: Coordinates): AsyncGenerator<EventBatch, void, undefined> {
    try {
      if (this.#format !== null) yield this.#formatAt(this.#format, place);
      for (;;) {
        // The reader may add to them meanwhile.
        for (let from = 0; from < this.#events.length;) {
          const to = Math.min(from + eventsAtOnce, this.#events.length);
          yield this.#part(from, to);
          from = to;
        }
        this.#events.clear();
        this.#bytes = 0;
        if (this.#failure !== null) throw this.#failure.error;
        if (this.#pending === null) break;
        // The reader is still waiting for what comes next.
        await this.#pending;
      }
      yield* this.#dump;
    } finally {
      await this.close();
    }
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    await this.#dump.return();
  }

  #part(from: number, to: number): EventBatch {
    const end = this.#events.look(to - 1, (_buffer, _start, _end, place) => ({
      file: place.file,
      position: place.end,
    }));
    let bytes = 0;
    for (let index = from; index < to; index += 1) bytes += this.#events.bytesOf(index);
    return { bytes, end, complete: true, packed: this.#hasPacked, ...this.#events.part(from, to) };
  }

  /** The next batch, for the reader. Null at the end, and if the dump was handed over meanwhile: what came is kept. */
  async #readOne(): Promise<EventBatch | null> {
    try {
      const { done, value } = await this.#dump.next();
      if (done === true) return null;
      this.#keep(value);
      return this.#isHandedOver ? null : value;
    } catch (error) {
      this.#failure = { error };
      throw error;
    } finally {
      this.#pending = null;
    }
  }

  /** Of the first events. */
  #noteFormat(count: number): void {
    for (let index = count - 1; index >= 0; index -= 1) {
      const format = this.#events.look(index, (buffer, start, end) =>
        eventType(buffer, start) === EventType.formatDescription
          ? Buffer.from(buffer.subarray(start, end))
          : null,
      );
      if (format === null) continue;
      this.#format = format;
      return;
    }
  }

  /** The format description as a dump that begins at this place has it: it takes no room there. */
  #formatAt(format: Buffer, { file, position }: Coordinates): EventBatch {
    const list = new EventList(this.#server);
    list.push(format, 0, format.length, { file, start: position, end: position, xid: null });
    return { bytes: 0, end: { file, position }, complete: true, packed: false, ...list.part() };
  }

  #keep(batch: EventBatch): void {
    this.#end = batch.end;
    if (!this.#isKeeping) return;
    this.#hasPacked ||= batch.packed;
    batch.forEach((buffer, start, end, place) => {
      this.#events.push(buffer, start, end, place);
      this.#bytes += end - start;
    });
  }
}

/** Whether a place isn't beyond another one. */
function isAtMost(place: Coordinates, other: Coordinates): boolean {
  return (compareCoordinates(place, other) ?? 1) <= 0;
}

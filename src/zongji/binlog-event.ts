import { headerBytes } from '../binlog/event.js';

/** An event's bytes, from its header to behind its body. */
export type EventBytes = {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  /** Right behind it in its file; 0 where the log states no position. */
  readonly nextPosition: number;
};

/** What all events have. The names of the classes are the names of the types, without the `Event` in the end. */
export class BinlogEvent {
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  /** Where the next event begins; 0 inside of a transaction of MariaDB, whose log doesn't state it there. */
  readonly nextPosition: number;
  /** Bytes of its body. */
  readonly size: number;
  /** The GTID of the transaction that it belongs to. */
  declare gtid?: string | undefined;

  constructor({ buffer, start, end, nextPosition }: EventBytes) {
    this.timestamp = buffer.readUInt32LE(start) * 1000;
    this.nextPosition = nextPosition;
    this.size = end - start - headerBytes;
  }

  /** The type's name in lower case: `writerows`. */
  getEventName(): string {
    return this.getTypeName().toLowerCase();
  }

  /** The type's name: `WriteRows`. */
  getTypeName(): string {
    return this.constructor.name;
  }

  /** Prints the event. */
  dump(): void {
    console.log(`=== ${this.getTypeName()} ===`);
    console.log('Date: %s', new Date(this.timestamp));
    console.log('Next log position: %d', this.nextPosition);
    console.log('Event size:', this.size);
    for (const line of this.dumped()) console.log(line);
  }

  /** What {@link dump} prints of this type, line by line. */
  protected dumped(): readonly string[] {
    return [];
  }
}

/** A row event's fields, and the table map's that are the same in both. */
export class TableEvent extends BinlogEvent {
  readonly tableId: number;
  readonly flags: number;

  constructor(event: EventBytes) {
    super(event);
    const body = event.start + headerBytes;
    this.tableId = event.buffer.readUIntLE(body, 6);
    this.flags = event.buffer.readUInt16LE(body + 6);
  }
}

import { EventType, eventSize, eventType, headerBytes } from '../../src/binlog/event.js';
import { isMariadbLog } from '../../src/binlog/format-description.js';
import { readMariadbGtid, readMysqlGtid } from '../../src/binlog/gtid-event.js';
import { readColumnSizes, settleNullBits } from '../../src/binlog/null-bits.js';
import {
  readConnection,
  readMeaning,
  readRowsQuery,
  readStatement,
  readXaOutcome,
  roleOfStatement,
} from '../../src/binlog/query-event.js';
import { readRowsEvent, readTableName } from '../../src/binlog/rows-event.js';
import { ContextReader } from '../../src/binlog/statement-context.js';
import { RowDecoder } from '../../src/decode/row-decoder.js';
import { shownStatement } from '../../src/tail/statement-record.js';
import { hasSystemCode, WaymarkError } from '../../src/util/errors.js';

/** An input that takes longer is taken for one that hangs. */
const longestMs = 2000;
/** What comes out of an input may be so much larger: zlib makes a thousand bytes of one in COMPRESSED columns. */
const largestFactor = 1100;
const slackBytes = 200_000;
/** Enough for any fixed fields. */
const bytesBehind = 64;

/**
 * Reads bytes as a part of a log: the first byte chooses the vendor, then come events, one behind the other. What is made
 * of an event must not depend on what stands behind it: there the next one lies.
 * @throws whatever is no named error of ours, and where something else is wrong: a defect.
 */
export function readAsLog(data: Buffer): void {
  const began = performance.now();
  const [made, other] = [madeOf(data, 0), madeOf(data, 0xff)];
  if (made !== other) throw new Error(`it depends on what stands behind an event:\n${made}\n--\n${other}`);
  if (made.length > data.length * largestFactor + slackBytes) {
    throw new Error(`${made.length} characters of ${data.length} bytes`);
  }
  const took = performance.now() - began;
  if (took > longestMs) throw new Error(`it took ${Math.round(took)} ms`);
}

/** What is made of the events, where bytes of one value stand behind each. */
function madeOf(data: Buffer, behind: number): string {
  const made: string[] = [];
  try {
    new Reader(data, behind, made).read();
  } catch (error) {
    made.push(nameOf(error));
  }
  return made.join('\n');
}

/** Names an error that the reader of a log names, too; others are thrown again. */
function nameOf(error: unknown): string {
  if (error instanceof WaymarkError) {
    // Which of the two may depend on how far a reader came.
    if (error.code === 'protocol' || error.code === 'unsupported-event') return 'refused';
  } else if (error instanceof RangeError) {
    // What Buffer throws for an event that is cut off: EventList makes `protocol` of it.
    if (hasSystemCode(error, 'ERR_OUT_OF_RANGE', 'ERR_BUFFER_OUT_OF_BOUNDS')) return 'refused';
  }
  throw error;
}

class Reader {
  readonly #data: Buffer;
  readonly #behind: number;
  readonly #made: string[];
  readonly #decoder: RowDecoder;
  readonly #context = new ContextReader();
  readonly #sizes = new Map<number, ReturnType<typeof readColumnSizes>>();

  constructor(data: Buffer, behind: number, made: string[]) {
    this.#data = data;
    this.#behind = behind;
    this.#made = made;
    this.#decoder = new RowDecoder(((data[0] ?? 0) & 1) === 0 ? 'mysql' : 'mariadb');
  }

  read(): void {
    for (let at = 1; at + headerBytes <= this.#data.length;) {
      // A size that can't be ends the reading of a log; here it ends with the input, so that the rest is read too.
      const size = eventSize(this.#data, at);
      const end = size < headerBytes || at + size > this.#data.length ? this.#data.length : at + size;
      this.#event(this.#data.subarray(at, end));
      at = end;
    }
  }

  #event(bytes: Buffer): void {
    const end = bytes.length;
    const event = Buffer.concat([bytes, Buffer.alloc(bytesBehind, this.#behind)]);
    switch (eventType(event, 0)) {
      case EventType.tableMap: {
        readTableName(event, 0, end);
        this.#sizes.set(event.readUIntLE(headerBytes, 6), readColumnSizes(event, 0, end));
        this.#decoder.tableMap(event, 0, end)?.describe(null);
        return;
      }
      case EventType.query:
      case EventType.mariadbQueryCompressed: {
        const statement = readStatement(event, 0, end);
        readConnection(event, 0);
        if (roleOfStatement(statement.sql) === 'xa-outcome') readXaOutcome(statement);
        const meaning = readMeaning(statement, event, 0, end, this.#context.current);
        this.#made.push(JSON.stringify(shownStatement(meaning)));
        return;
      }
      case EventType.intvar:
      case EventType.rand:
      case EventType.userVar:
        this.#made.push(String(this.#context.event(event, 0, end)));
        return;
      case EventType.rowsQuery:
      case EventType.mariadbAnnotateRows:
        this.#made.push(readRowsQuery(event, 0, end));
        return;
      case EventType.formatDescription:
        this.#made.push(String(isMariadbLog(event, 0)));
        return;
      case EventType.mariadbGtid:
        this.#made.push(String(readMariadbGtid(event, 0, end).gtid));
        return;
      case EventType.gtid:
      case EventType.anonymousGtid:
      case EventType.gtidTagged:
        this.#made.push(String(readMysqlGtid(event, 0, end).gtid));
        return;
      default:
        this.#rows(event, end);
    }
  }

  #rows(event: Buffer, end: number): void {
    if (!rowTypes.has(eventType(event, 0))) return;
    const rows = readRowsEvent(event, 0, end);
    const sizes = this.#sizes.get(rows.tableId);
    if (sizes !== undefined && sizes !== null) settleNullBits(rows, event, sizes);
    for (const row of this.#decoder.rows(rows, event)) this.#made.push(JSON.stringify(row));
  }
}

const rowTypes: ReadonlySet<number> = new Set<number>([
  ...[EventType.writeRowsV1, EventType.updateRowsV1, EventType.deleteRowsV1],
  ...[EventType.writeRowsV2, EventType.updateRowsV2, EventType.deleteRowsV2, EventType.partialUpdateRows],
  ...[EventType.mariadbWriteRowsCompressedV1, EventType.mariadbUpdateRowsCompressedV1],
  ...[EventType.mariadbDeleteRowsCompressedV1, EventType.mariadbWriteRowsCompressed],
  ...[EventType.mariadbUpdateRowsCompressed, EventType.mariadbDeleteRowsCompressed],
]);

import type { RowOperation, RowsEvent } from '../binlog/rows-event.js';
import type { XaOutcome } from '../binlog/query-event.js';
import { JsonWriter, Literal, shortValueBytes } from '../decode/json-writer.js';
import type { RowReader, RowVisitor } from '../decode/row-reader.js';
import { type EventHead, LineParts, type RecordHead } from './line-parts.js';
import { batchOfLines, type RecordBatch } from './record-batch.js';
import type { RecordSource, ShownStatement } from './record.js';

/** Members that only a transaction's last record has. */
export type LastMembers = {
  readonly rows: number;
  readonly digest: bigint;
  /** See RecordTransaction.second. Null if it isn't needed. */
  readonly second: number | null;
};

/** A place in the lines that were written and not taken yet. */
type Mark = { readonly at: number; readonly count: number };

const beginning: Mark = { at: 0, count: 0 };

/** Room for the parts around a large value, and for what the writer reserves ahead. */
const spareBytes = 128 * 1024;

/** A buffer that has grown beyond this isn't kept. */
const keptBytes = 16 * 1024 * 1024;

const between = new Literal(',"after":');
const partialMember = new Literal(',"partial":true');
const lastMember = new Literal(',"last":true,"rows":');
const digestMember = new Literal(',"digest":"');
const secondMember = new Literal(',"second":');

const quotationMark = 0x22;

/**
 * Writes records as lines, one JSON document each (see docs/output.md), into two alternating buffers. A batch that
 * was taken stays unchanged until the next one is taken.
 */
export class RecordWriter {
  readonly #parts: LineParts;
  readonly #rows: RowLines;
  /** `","type":"row",…,"after":` for each table map and kind. */
  readonly #heads = new WeakMap<RowReader, Partial<Record<RowOperation, Literal>>>();
  /** For insertions into a line that is already written. */
  readonly #insertion = new JsonWriter(shortValueBytes * 2);
  #out = new JsonWriter();
  #spare = new JsonWriter();
  #count = 0;
  #transactions = 0;
  #lastEnd = 0;
  /** Where the members of `tx` end in the last line. */
  #txEnd = 0;
  /** The lines after this place aren't taken yet. */
  #kept: Mark | null = null;

  /** @param source the server that the records are read from. */
  constructor(source: Pick<RecordSource, 'server' | 'serverId'>) {
    this.#parts = new LineParts(source);
    this.#rows = new RowLines(this.#parts);
  }

  /** How many lines are held back. */
  get keptCount(): number {
    return this.#kept === null ? 0 : this.#count - this.#kept.count;
  }

  /** Holds back what is written from now on. Lines that were held back before are released. */
  keep(): void {
    this.#kept = { at: this.#out.at, count: this.#count };
  }

  /** Holds nothing back any more. */
  free(): void {
    this.#kept = null;
  }

  /** Begins a transaction. Everything written from now on belongs to it. */
  begin(head: RecordHead): void {
    this.#parts.begin(head);
  }

  /**
   * Writes the rows of an event.
   * @param row the number of the first one.
   * @param passOver rows with smaller numbers are read but not written.
   * @returns how many rows there are.
   * @throws WaymarkError `unsupported-event`. Then nothing of the event has been written.
   */
  rows(
    reader: RowReader,
    event: RowsEvent,
    buffer: Buffer,
    head: EventHead,
    { row, passOver }: { readonly row: number; readonly passOver: number },
  ): number {
    const start = this.#out.at;
    const rows = this.#rows;
    rows.begin(this.#out, head, this.#headOf(reader, event.operation), row, passOver);
    // Lines take about as much. A large value makes the buffer grow once, and not to twice its size.
    this.#out.reserve(event.images.length + spareBytes);
    try {
      reader.read(event, buffer, this.#out, rows);
    } catch (error) {
      this.#out.at = start;
      throw error;
    }
    this.#count += rows.written;
    if (rows.written > 0) this.#txEnd = this.#out.at - rows.sourceBytes;
    return rows.next - row;
  }

  /** Writes the record of a statement. */
  statement(row: number, statement: ShownStatement, head: EventHead): void {
    this.#line(row, `"type":"ddl",${JSON.stringify(statement).slice(1, -1)}`, head);
  }

  /** Writes the record of a prepared transaction's outcome. */
  outcome(row: number, { outcome, xid }: XaOutcome, head: EventHead): void {
    this.#line(row, `"type":"xa","outcome":"${outcome}","xid":${JSON.stringify(xid)}`, head);
  }

  /** Completes the last line, which is the last one of its transaction. */
  last({ rows, digest, second }: LastMembers): void {
    const out = this.#out;
    const insertion = this.#insertion;
    insertion.at = 0;
    insertion.literal(lastMember);
    insertion.unsigned(rows);
    insertion.literal(digestMember);
    insertion.hexadecimal64(digest);
    insertion.byte(quotationMark);
    if (second !== null) {
      insertion.literal(secondMember);
      insertion.unsigned(second);
    }
    out.insert(this.#txEnd, insertion.bytes, insertion.at);
    this.#transactions += 1;
    this.#lastEnd = out.at;
  }

  /** How long the lines are that {@link take} would return. */
  get waitingBytes(): number {
    return this.#kept?.at ?? this.#out.at;
  }

  /** Takes the lines that aren't held back. */
  take(): RecordBatch {
    const full = this.#out;
    const upTo = this.#kept ?? { at: full.at, count: this.#count };
    const rest = full.at - upTo.at;
    const next = this.#spare.bytes.length > keptBytes ? new JsonWriter() : this.#spare;
    next.at = 0;
    next.reserve(rest);
    full.bytes.copy(next.bytes, 0, upTo.at, full.at);
    next.at = rest;
    next.inexact = rest > 0 && full.inexact;
    const batch = batchOfLines({
      lines: full.bytes.subarray(0, upTo.at),
      count: upTo.count,
      transactions: this.#transactions,
      lastEnd: this.#lastEnd,
      inexact: full.inexact,
    });
    this.#out = next;
    this.#spare = full;
    this.#count -= upTo.count;
    this.#transactions = 0;
    this.#lastEnd = 0;
    this.#txEnd -= upTo.at;
    if (this.#kept !== null) this.#kept = beginning;
    return batch;
  }

  #line(row: number, members: string, head: EventHead): void {
    const out = this.#out;
    const parts = this.#parts;
    parts.id(out);
    out.unsigned(row);
    out.anyText(`",${members}`);
    parts.transaction(out, head);
    out.unsigned(row);
    parts.optionalMembers(out);
    this.#txEnd = out.at;
    parts.source(out, head);
    this.#count += 1;
  }

  #headOf(reader: RowReader, operation: RowOperation): Literal {
    let heads = this.#heads.get(reader);
    if (heads === undefined) this.#heads.set(reader, (heads = {}));
    return (heads[operation] ??= headOfRows(reader, operation));
  }
}

function headOfRows(reader: RowReader, operation: RowOperation): Literal {
  const { layout, key, isProved } = reader;
  const { schema, table } = layout;
  const keyMember = key.length === 0 ? '' : `,"key":${JSON.stringify(key)}`;
  const names = `"schema":${JSON.stringify(schema)},"table":${JSON.stringify(table)}${keyMember}${isProved ? '' : ',"proved":false'}`;
  const image = operation === 'insert' ? 'after' : 'before';
  return new Literal(`","type":"row","op":"${operation}",${names},"${image}":`);
}

const nothing = new Literal('');

/**
 * Writes rows as lines. It surrounds each row's images with the parts that an event's records share. The
 * first line is written from its parts. Later lines copy their common part from it as a whole.
 */
class RowLines implements RowVisitor {
  readonly #parts: LineParts;
  #out = new JsonWriter(1);
  #head: EventHead = { second: 0, position: 0, file: '', query: null };
  /** The bytes between the id and the first image. */
  #open = nothing;
  #passOver = 0;
  next = 0;
  written = 0;
  /** The bytes after the members of `tx`. */
  sourceBytes = 0;
  #start = 0;
  /** In the first line: where the parts begin, and how long they are. */
  #lineAt = 0;
  #idBytes = 0;
  #transactionAt = 0;
  #transactionBytes = 0;
  #tailAt = 0;
  #tailBytes = 0;

  constructor(parts: LineParts) {
    this.#parts = parts;
  }

  /**
   * Begins an event's rows.
   * @param first the number of the first one.
   * @param passOver rows with smaller numbers are not written.
   */
  begin(out: JsonWriter, head: EventHead, open: Literal, first: number, passOver: number): void {
    this.#out = out;
    this.#head = head;
    this.#open = open;
    this.#passOver = passOver;
    this.next = first;
    this.written = 0;
  }

  before(): void {
    const out = this.#out;
    this.#start = out.at;
    if (this.next < this.#passOver) return;
    if (this.written === 0) {
      this.#lineAt = out.at;
      this.#parts.id(out);
      this.#idBytes = out.at - this.#lineAt;
    } else out.again(this.#lineAt, this.#idBytes);
    out.unsigned(this.next);
    out.literal(this.#open);
  }

  between(): void {
    const out = this.#out;
    out.literal(between);
  }

  after(partial: boolean): void {
    const out = this.#out;
    if (this.next < this.#passOver) {
      out.at = this.#start;
      this.next += 1;
      return;
    }
    if (partial) out.literal(partialMember);
    if (this.written === 0) this.#firstTail();
    else {
      out.again(this.#transactionAt, this.#transactionBytes);
      out.unsigned(this.next);
      out.again(this.#tailAt, this.#tailBytes);
    }
    this.next += 1;
    this.written += 1;
  }

  #firstTail(): void {
    const out = this.#out;
    const parts = this.#parts;
    this.#transactionAt = out.at;
    parts.transaction(out, this.#head);
    this.#transactionBytes = out.at - this.#transactionAt;
    out.unsigned(this.next);
    this.#tailAt = out.at;
    parts.optionalMembers(out);
    const source = out.at;
    parts.source(out, this.#head);
    this.sourceBytes = out.at - source;
    this.#tailBytes = out.at - this.#tailAt;
  }
}

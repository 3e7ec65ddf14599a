import type { RowOperation, RowsEvent } from '../binlog/rows-event.js';
import type { XaOutcome } from '../binlog/query-event.js';
import { JsonWriter, shortValueBytes } from '../decode/json-writer.js';
import type { RowReader, RowVisitor } from '../decode/row-reader.js';
import { batchOfLines, type RecordBatch } from './record-batch.js';
import type { RecordSource, ShownStatement } from './record.js';

/** What all records of a transaction share. */
export type RecordHead = {
  readonly hint: string | null;
  readonly sequence: number;
  readonly gtid: string | null;
  /** The XID of a transaction that is only prepared: see RecordTransaction.xa. */
  readonly xid: string | null;
  /** Microseconds since 1970; null where the log doesn't tell. */
  readonly committed: number | null;
  readonly connection: number | null;
};

/** What all records of one event share. */
export type EventHead = {
  /** The event's own. */
  readonly second: number;
  /** Behind the event. */
  readonly position: number;
  readonly file: string;
  /** Text of the statement that its rows are of; null: it isn't shown. */
  readonly query: string | null;
};

/** What stands on a transaction's last record alone. */
export type LastMarks = {
  readonly rows: number;
  readonly digest: bigint;
  /** See RecordTransaction.second; null where it needs none. */
  readonly second: number | null;
};

/** A place in the lines that have been written and not been taken. */
type Mark = { readonly at: number; readonly count: number };

const beginning: Mark = { at: 0, count: 0 };

/** A buffer that has grown beyond this isn't kept. */
const keptBytes = 16 * 1024 * 1024;

const between = Buffer.from(',"after":');
const partialMember = ',"partial":true';

/**
 * Writes records as lines, one JSON document each (see docs/output.md), into one of two buffers that are used in turn:
 * what has been taken as a batch stays as it is until the next batch is taken.
 */
export class RecordWriter {
  readonly #server: string;
  readonly #serverId: number;
  /** `","type":"row",…,"after":` for each table map and kind. */
  readonly #heads = new WeakMap<RowReader, Partial<Record<RowOperation, Buffer>>>();
  readonly #rows = new RowLines();
  #out = new JsonWriter();
  #spare = new JsonWriter();
  #count = 0;
  #transactions = 0;
  #lastEnd = 0;
  /** The hint of the transaction before, and what stands for it in an id and in `tx`: most have the same. */
  #hint = { hint: null as string | null, id: '{"id":"-/', tx: ',"tx":{"hint":null,"seq":' };
  /** `{"id":"hint/sequence/` */
  #id = '';
  /** `,"tx":{"hint":…,"seq":…,"row":` */
  #tx = '';
  /** What stands behind the row's number: `,"gtid":"…"` */
  #marks = '';
  /** What the last event's file is called, and what stands before its position. */
  #file = { file: '', text: '' };
  /** In the last line, where the members of `tx` end. */
  #txEnd = 0;
  /** What is written behind it isn't taken yet. */
  #kept: Mark | null = null;

  /** @param source where the records are read. */
  constructor({ server, serverId }: Pick<RecordSource, 'server' | 'serverId'>) {
    this.#server = JSON.stringify(server);
    this.#serverId = serverId;
  }

  /** Lines that are kept back. */
  get keptCount(): number {
    return this.#kept === null ? 0 : this.#count - this.#kept.count;
  }

  /** Keeps back what is written from now on; what was kept back before is free. */
  keep(): void {
    this.#kept = { at: this.#out.at, count: this.#count };
  }

  /** Keeps nothing back any more. */
  free(): void {
    this.#kept = null;
  }

  /** A transaction begins: what is written from now on belongs to it. */
  begin({ hint, sequence, gtid, xid, committed, connection }: RecordHead): void {
    if (hint !== this.#hint.hint) this.#hint = textsOf(hint);
    this.#id = `${this.#hint.id}${sequence}/`;
    this.#tx = `${this.#hint.tx}${sequence},"row":`;
    let marks = gtid === null ? '' : `,"gtid":"${gtid}"`;
    if (xid !== null) marks += `,"xa":${JSON.stringify(xid)}`;
    if (committed !== null) marks += `,"committed":${committed}`;
    if (connection !== null) marks += `,"connection":${connection}`;
    this.#marks = marks;
  }

  /**
   * Writes the rows of an event.
   * @param row the number of the first one.
   * @param passOver rows with smaller numbers are read, and not written.
   * @returns how many rows there are.
   * @throws WaymarkError `unsupported-event`; then nothing of the event has been written.
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
    rows.begin({
      out: this.#out,
      id: this.#id,
      open: this.#headOf(reader, event.operation),
      ts: `${head.query === null ? '' : `,"query":${JSON.stringify(head.query)}`}${this.#beforeRow(head.second)}`,
      source: this.#behindRow(head),
      first: row,
      passOver,
    });
    // It takes about as much as a line; a large value makes the buffer grow once.
    this.#out.reserve(event.images.length);
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

  /** Completes the last line: it is its transaction's last. */
  last({ rows, digest, second }: LastMarks): void {
    const out = this.#out;
    const more =
      `,"last":true,"rows":${rows},"digest":"${digest.toString(16).padStart(16, '0')}"` +
      (second === null ? '' : `,"second":${second}`);
    out.reserve(more.length);
    out.bytes.copyWithin(this.#txEnd + more.length, this.#txEnd, out.at);
    out.bytes.write(more, this.#txEnd, 'latin1');
    out.at += more.length;
    this.#transactions += 1;
    this.#lastEnd = out.at;
  }

  /** The lines that aren't kept back. */
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
    const source = this.#behindRow(head);
    const text = `${this.#id}${row}",${members}${this.#beforeRow(head.second)}${row}${source.marks}${source.rest}`;
    out.reserve(text.length * 3);
    out.at += out.bytes.write(text, out.at);
    this.#txEnd = out.at - Buffer.byteLength(source.rest);
    this.#count += 1;
  }

  /** What stands before the row's number in `tx`. */
  #beforeRow(second: number): string {
    return `,"ts":"${timeOf(second)}"${this.#tx}`;
  }

  /** What stands behind it. */
  #behindRow({ file, position }: EventHead): Source {
    if (file !== this.#file.file) this.#file = { file, text: this.#fileText(file) };
    return { marks: this.#marks, rest: `${this.#file.text}${position}}}\n` };
  }

  #fileText(file: string): string {
    const name = JSON.stringify(file);
    return `},"source":{"server":${this.#server},"serverId":${this.#serverId},"file":${name},"position":`;
  }

  #headOf(reader: RowReader, operation: RowOperation): Buffer {
    let heads = this.#heads.get(reader);
    if (heads === undefined) this.#heads.set(reader, (heads = {}));
    return (heads[operation] ??= headOfRows(reader, operation));
  }
}

function textsOf(hint: string | null): { hint: string | null; id: string; tx: string } {
  const id = JSON.stringify(`${hint ?? '-'}/`).slice(0, -1);
  return { hint, id: `{"id":${id}`, tx: `,"tx":{"hint":${JSON.stringify(hint)},"seq":` };
}

type Source = { readonly marks: string; readonly rest: string };

function headOfRows(reader: RowReader, operation: RowOperation): Buffer {
  const { layout, key, isProved } = reader;
  const { schema, table } = layout;
  const keyMember = key.length === 0 ? '' : `,"key":${JSON.stringify(key)}`;
  const names = `"schema":${JSON.stringify(schema)},"table":${JSON.stringify(table)}${keyMember}${isProved ? '' : ',"proved":false'}`;
  const image = operation === 'insert' ? 'after' : 'before';
  return Buffer.from(`","type":"row","op":"${operation}",${names},"${image}":`);
}

/** What stands around the images of an event's rows. */
type RowLinesOptions = {
  readonly out: JsonWriter;
  readonly id: string;
  readonly open: Buffer;
  readonly ts: string;
  readonly source: Source;
  readonly first: number;
  readonly passOver: number;
};

const nothing: RowLinesOptions = {
  out: new JsonWriter(1),
  id: '',
  open: Buffer.alloc(0),
  ts: '',
  source: { marks: '', rest: '' },
  first: 0,
  passOver: 0,
};

/**
 * Puts what an event's records share around the images of each row. The first line is written from text; what the next
 * ones have in common with it is copied from it, which costs a tenth.
 */
class RowLines implements RowVisitor {
  #options: RowLinesOptions = nothing;
  next = 0;
  written = 0;
  /** Bytes behind the members of `tx`. */
  sourceBytes = 0;
  #start = 0;
  /** In the first line: where the parts begin, and how long they are. */
  #lineAt = 0;
  #idBytes = 0;
  #tsAt = 0;
  #tsBytes = 0;
  #tailAt = 0;
  #tailBytes = 0;

  begin(options: RowLinesOptions): void {
    this.#options = options;
    this.next = options.first;
    this.written = 0;
  }

  before(): void {
    const { out, id, open, passOver } = this.#options;
    this.#start = out.at;
    if (this.next < passOver) return;
    out.reserve(id.length * 3 + open.length + shortValueBytes);
    if (this.written === 0) {
      this.#lineAt = out.at;
      out.at += out.bytes.write(id, out.at);
      this.#idBytes = out.at - this.#lineAt;
    } else this.#again(this.#lineAt, this.#idBytes);
    out.unsigned(this.next);
    out.copy(open);
  }

  between(): void {
    const { out } = this.#options;
    out.reserve(between.length);
    out.copy(between);
  }

  after(partial: boolean): void {
    const { out, ts, source, passOver } = this.#options;
    if (this.next < passOver) {
      out.at = this.#start;
      this.next += 1;
      return;
    }
    out.reserve(
      (ts.length + source.marks.length + source.rest.length + partialMember.length) * 3 + shortValueBytes,
    );
    if (partial) out.ascii(partialMember);
    if (this.written === 0) this.#firstTail();
    else {
      this.#again(this.#tsAt, this.#tsBytes);
      out.unsigned(this.next);
      this.#again(this.#tailAt, this.#tailBytes);
    }
    this.next += 1;
    this.written += 1;
  }

  #firstTail(): void {
    const { out, ts, source } = this.#options;
    this.#tsAt = out.at;
    out.at += out.bytes.write(ts, out.at);
    this.#tsBytes = out.at - this.#tsAt;
    out.unsigned(this.next);
    this.#tailAt = out.at;
    out.at += out.bytes.write(source.marks, out.at);
    const rest = out.at;
    out.at += out.bytes.write(source.rest, out.at);
    this.sourceBytes = out.at - rest;
    this.#tailBytes = out.at - this.#tailAt;
  }

  /** Copies a part of the first line, into reserved room. */
  #again(at: number, count: number): void {
    const { out } = this.#options;
    out.bytes.copyWithin(out.at, at, at + count);
    out.at += count;
  }
}

let lastTime = { second: 0, text: new Date(0).toISOString() };

/** ISO 8601. Records of one second come by the thousand, so the last answer is kept. */
function timeOf(second: number): string {
  if (second !== lastTime.second) lastTime = { second, text: new Date(second * 1000).toISOString() };
  return lastTime.text;
}

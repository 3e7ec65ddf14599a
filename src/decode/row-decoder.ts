import type { ColumnRules } from '../config/column-rules.js';
import { headerBytes } from '../binlog/event.js';
import type { RowOperation, RowsEvent } from '../binlog/rows-event.js';
import { hasBytes } from '../util/bytes.js';
import type { Vendor } from '../mysql/version.js';
import { RecentMap } from '../util/recent-map.js';
import { WaymarkError } from '../util/errors.js';
import { type DictionaryColumn, type Missing, missingIn, withDictionary } from './dictionary.js';
import { imageValues, type RowImage } from './image-values.js';
import { JsonWriter } from './json-writer.js';
import { RowReader, type RowVisitor } from './row-reader.js';
import { readTableLayout, type TableLayout } from './table-layout.js';

/** A row that changed, decoded; `partial` where the log has only some of its columns. */
export type DecodedRow = (
  | { readonly operation: 'insert'; readonly after: RowImage }
  | { readonly operation: 'delete'; readonly before: RowImage }
  | { readonly operation: 'update'; readonly before: RowImage; readonly after: RowImage }
) & {
  readonly partial?: true;
  /** Set where nothing proves what the columns are: they are given as far as the log itself says it. */
  readonly proved?: false;
};

/** A table map that doesn't tell all of its columns: the server's dictionary is asked before the table's rows come. */
export type UndescribedTable = {
  readonly layout: TableLayout;
  readonly missing: Exclude<Missing, 'nothing'>;
  /**
   * Says what the columns are, or null where nothing proves it.
   * @throws WaymarkError `unsupported-event` where the table's rows can't be read for what they are.
   */
  readonly describe: (columns: readonly DictionaryColumn[] | null) => void;
};

/** A table map as it came, and how its rows are read. */
type KnownTable = { readonly body: Buffer; readonly reader: RowReader };

/** Tables that are remembered at least. */
const recentTables = 4096;
const tableIdBytes = 6;

/** A writer that has grown beyond this isn't kept. */
const keptBytes = 4 * 1024 * 1024;

/** Decodes row events to values. One decoder belongs to one stream: table ids mean something there alone. */
export class RowDecoder {
  readonly #vendor: Vendor;
  /** By table id; the same table map comes with every transaction. */
  readonly #tables = new RecentMap<number, KnownTable>(recentTables);
  /** By what a table map says: the same table may have another id each time. */
  readonly #readers = new RecentMap<string, RowReader>(recentTables);
  #out = new JsonWriter();

  readonly #hasVectors: boolean;
  readonly #rules: ColumnRules | null;

  /**
   * @param vendor of the server whose log is read.
   * @param hasVectors whether it knows VECTOR; then its dictionary is asked what its VARBINARY columns are.
   * @param rules which columns are kept out.
   */
  constructor(vendor: Vendor, hasVectors = true, rules: ColumnRules | null = null) {
    this.#vendor = vendor;
    this.#hasVectors = hasVectors;
    this.#rules = rules;
  }

  /** Forgets all tables: at the end of a log file, because a restarted server counts table ids anew. */
  reset(): void {
    this.#tables.clear();
  }

  /**
   * Takes a TABLE_MAP_EVENT. What it gives, if anything, has to be described before the table's rows come.
   * @throws WaymarkError `unsupported-event` where it can't be read, or its table's rows couldn't.
   */
  tableMap(buffer: Buffer, start: number, end: number): UndescribedTable | null {
    const body = start + headerBytes;
    const tableId = buffer.readUIntLE(body, 6);
    const known = this.#tables.get(tableId);
    if (known !== undefined && hasBytes(known.body, buffer, body, end)) return null;
    this.#tables.delete(tableId);
    const copy = Buffer.from(buffer.subarray(body, end));
    const keep = (reader: RowReader): void => {
      this.#tables.set(tableId, { body: copy, reader });
    };
    const content = copy.toString('latin1', tableIdBytes);
    const same = this.#readers.get(content);
    if (same !== undefined) {
      keep(same);
      return null;
    }
    const layout = readTableLayout(buffer, start, end, this.#vendor);
    const missing = missingIn(layout, this.#hasVectors);
    if (missing === 'nothing') {
      const reader = new RowReader(layout, this.#rules);
      this.#readers.set(content, reader);
      keep(reader);
      return null;
    }
    // What is looked up is true for this place in the log alone.
    return {
      layout,
      missing,
      describe: (columns) => {
        const isProved = columns !== null;
        const described = isProved ? withDictionary(layout, columns) : layout;
        keep(new RowReader(described, this.#rules, isProved));
      },
    };
  }

  /** The table that a table id stands for, described as its rows are read; null for one whose table map hasn't come. */
  layoutOf(tableId: number): TableLayout | null {
    return this.#tables.get(tableId)?.reader.layout ?? null;
  }

  /**
   * The reader of a table whose map has come.
   * @throws WaymarkError `unsupported-event` where none has.
   */
  reader(tableId: number): RowReader {
    const reader = this.#tables.get(tableId)?.reader;
    if (reader === undefined) {
      throw new WaymarkError(
        'unsupported-event',
        `A row event of table id ${tableId} has no table map before it`,
      );
    }
    return reader;
  }

  /**
   * Decodes a row event whose table map has come.
   * @param buffer in which the event stands.
   * @throws WaymarkError `unsupported-event` where it isn't what its table map says.
   */
  rows(event: RowsEvent, buffer: Buffer): DecodedRow[] {
    const reader = this.reader(event.tableId);
    const rows = new RowValues(event.operation, this.#out, reader.isProved);
    reader.read(event, buffer, this.#out, rows);
    if (this.#out.bytes.length > keptBytes) this.#out = new JsonWriter();
    return rows.rows;
  }
}

/** Collects rows as values. */
class RowValues implements RowVisitor {
  readonly rows: DecodedRow[] = [];
  readonly #operation: RowOperation;
  readonly #out: JsonWriter;
  readonly #marks: { readonly proved?: false };
  #middle = 0;

  constructor(operation: RowOperation, out: JsonWriter, isProved: boolean) {
    this.#marks = isProved ? {} : { proved: false };
    this.#operation = operation;
    this.#out = out;
  }

  before(): void {
    this.#out.at = 0;
    this.#out.inexact = false;
  }

  between(): void {
    this.#middle = this.#out.at;
  }

  after(isPartial: boolean): void {
    const { bytes, at, inexact } = this.#out;
    const marks = isPartial ? { partial: true as const, ...this.#marks } : this.#marks;
    const operation = this.#operation;
    switch (operation) {
      case 'insert':
        this.rows.push({ operation, after: imageValues(bytes.subarray(0, at), inexact), ...marks });
        return;
      case 'delete':
        this.rows.push({ operation, before: imageValues(bytes.subarray(0, at), inexact), ...marks });
        return;
      case 'update':
        this.rows.push({
          operation,
          before: imageValues(bytes.subarray(0, this.#middle), inexact),
          after: imageValues(bytes.subarray(this.#middle, at), inexact),
          ...marks,
        });
    }
  }
}

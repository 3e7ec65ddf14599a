import type { ColumnRules } from '../config/column-rules.js';
import { headerBytes } from '../binlog/event.js';
import type { RowOperation, RowsEvent } from '../binlog/rows-event.js';
import { hasBytes } from '../util/bytes.js';
import type { Vendor } from '../mysql/version.js';
import { RecentMap } from '../util/recent-map.js';
import { WaymarkError } from '../util/errors.js';
import { type DescribedTable, type Missing, missingIn, withDictionary } from './described-table.js';
import { imageValues, type RowImage } from './image-values.js';
import { RowImages, type WrittenImage } from './row-images.js';
import { RowReader } from './row-reader.js';
import { readTableLayout, type TableLayout } from './table-layout.js';

/** A decoded row change. `partial` if the log has only some of its columns. */
export type DecodedRow = (
  | { readonly operation: 'insert'; readonly after: RowImage }
  | { readonly operation: 'delete'; readonly before: RowImage }
  | { readonly operation: 'update'; readonly before: RowImage; readonly after: RowImage }
) & {
  readonly partial?: true;
  /** Set if the columns aren't proved. Then values are as exact as the log alone allows. */
  readonly proved?: false;
};

/**
 * A table map without all information about its columns. The dictionary must be asked before the table's rows
 * are decoded.
 */
export type UndescribedTable = {
  readonly layout: TableLayout;
  readonly missing: Exclude<Missing, 'nothing'>;
  /**
   * Completes the description of the table. Null if it isn't proved.
   * @throws WaymarkError `unsupported-event` if the table's rows can't be decoded.
   */
  readonly describe: (table: DescribedTable | null) => void;
};

/** A table map, and the reader of its rows. */
type KnownTable = { readonly body: Buffer; readonly reader: RowReader };

/** Tables that are remembered at least. */
const recentTables = 4096;
const tableIdBytes = 6;

/**
 * Decodes row events to values. Each stream has its own decoder, because table ids are valid in one stream
 * only.
 */
export class RowDecoder {
  readonly #vendor: Vendor;
  /** By table id; the same table map comes with every transaction. */
  readonly #tables = new RecentMap<number, KnownTable>(recentTables);
  /** By the content of the table map, because a table may have a new id each time. */
  readonly #readers = new RecentMap<string, RowReader>(recentTables);
  readonly #images = new RowImages();

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

  /**
   * Forgets all tables. Called at the end of a log file, because a restarted server counts table ids from the
   * beginning.
   */
  reset(): void {
    this.#tables.clear();
  }

  /**
   * Takes a TABLE_MAP_EVENT. If it returns something, that must be described before the table's rows come.
   * @throws WaymarkError `unsupported-event` if it can't be read, or its table's rows couldn't.
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
    // A look-up holds for this place in the log only.
    return {
      layout,
      missing,
      describe: (table) => {
        const isProved = table !== null;
        const described = isProved ? withDictionary(layout, table) : layout;
        keep(new RowReader(described, this.#rules, isProved));
      },
    };
  }

  /** The table with this table id, as its rows are decoded. Null if its table map hasn't come. */
  layoutOf(tableId: number): TableLayout | null {
    return this.#tables.get(tableId)?.reader.layout ?? null;
  }

  /**
   * The reader of a table whose map has come.
   * @throws WaymarkError `unsupported-event` if none has.
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
   * @param buffer that holds the event.
   * @throws WaymarkError `unsupported-event` if it isn't what its table map says.
   */
  rows(event: RowsEvent, buffer: Buffer): DecodedRow[] {
    const reader = this.reader(event.tableId);
    const rows: DecodedRow[] = [];
    this.#images.read(reader, event, buffer, (first, second, isPartial) => {
      const marks = {
        ...(isPartial ? { partial: true as const } : {}),
        ...(reader.isProved ? {} : { proved: false as const }),
      };
      rows.push(rowOf(event.operation, first, second, marks));
    });
    return rows;
  }
}

/** A row of its images. */
function rowOf(
  operation: RowOperation,
  first: WrittenImage,
  second: WrittenImage | null,
  marks: { readonly partial?: true; readonly proved?: false },
): DecodedRow {
  const image = valuesOf(first);
  if (second !== null) return { operation: 'update', before: image, after: valuesOf(second), ...marks };
  return operation === 'delete'
    ? { operation, before: image, ...marks }
    : { operation: 'insert', after: image, ...marks };
}

function valuesOf({ json, inexact }: WrittenImage): RowImage {
  return imageValues(json, inexact);
}

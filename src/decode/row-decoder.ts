import { headerBytes } from '../binlog/event.js';
import { readRowsEvent } from '../binlog/rows-event.js';
import type { Vendor } from '../mysql/version.js';
import { WaymarkError } from '../util/errors.js';
import { type DictionaryColumn, type Missing, missingIn, withDictionary } from './dictionary.js';
import { imageValues, type RowImage } from './image-values.js';
import { JsonWriter } from './json-writer.js';
import { type RowImages, RowReader } from './row-reader.js';
import { readTableLayout, type TableLayout } from './table-layout.js';

/** A row that changed, decoded; `partial` where the log has only some of its columns. */
export type DecodedRow = (
  | { readonly operation: 'insert'; readonly after: RowImage }
  | { readonly operation: 'delete'; readonly before: RowImage }
  | { readonly operation: 'update'; readonly before: RowImage; readonly after: RowImage }
) & { readonly partial?: true };

/** A table map that doesn't tell all of its columns: the server's dictionary is asked before the table's rows come. */
export type UndescribedTable = {
  readonly layout: TableLayout;
  readonly missing: Exclude<Missing, 'nothing'>;
  /**
   * Says what the dictionary has, or null where it doesn't fit or can't be asked.
   * @throws WaymarkError `unsupported-event` where the table's rows can't be read for what they are.
   */
  readonly describe: (columns: readonly DictionaryColumn[] | null) => void;
};

/** A table map as it came, and how its rows are read. */
type KnownTable = { readonly body: Buffer; readonly reader: RowReader };

/** A writer that has grown beyond this isn't kept. */
const keptBytes = 4 * 1024 * 1024;

/** Decodes row events to values. One decoder belongs to one stream: table ids mean something there alone. */
export class RowDecoder {
  readonly #vendor: Vendor;
  /** By table id; the same table map comes with every transaction. */
  readonly #tables = new Map<number, KnownTable>();
  #out = new JsonWriter();

  readonly #hasVectors: boolean;

  /**
   * @param vendor of the server whose log is read.
   * @param hasVectors whether it knows VECTOR; then its dictionary is asked what its VARBINARY columns are.
   */
  constructor(vendor: Vendor, hasVectors = true) {
    this.#vendor = vendor;
    this.#hasVectors = hasVectors;
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
    const body = buffer.subarray(start + headerBytes, end);
    const tableId = body.readUIntLE(0, 6);
    if (this.#tables.get(tableId)?.body.equals(body)) return null;
    this.#tables.delete(tableId);
    const layout = readTableLayout(buffer, start, end, this.#vendor);
    const copy = Buffer.from(body);
    const take = (complete: TableLayout): void => {
      this.#tables.set(tableId, { body: copy, reader: new RowReader(complete) });
    };
    const missing = missingIn(layout, this.#hasVectors);
    if (missing !== 'nothing') {
      return {
        layout,
        missing,
        describe: (columns) => {
          take(columns === null ? layout : withDictionary(layout, columns));
        },
      };
    }
    take(layout);
    return null;
  }

  /** The table that a table id stands for, described as its rows are read; null for one whose table map hasn't come. */
  layoutOf(tableId: number): TableLayout | null {
    return this.#tables.get(tableId)?.reader.layout ?? null;
  }

  /**
   * Decodes a row event whose table map has come.
   * @throws WaymarkError `unsupported-event` where it isn't what its table map says.
   */
  rows(buffer: Buffer, start: number, end: number, tableId: number): DecodedRow[] {
    const reader = this.#tables.get(tableId)?.reader;
    if (reader === undefined) {
      throw new WaymarkError(
        'unsupported-event',
        `A row event of table id ${tableId} has no table map before it`,
      );
    }
    const event = readRowsEvent(buffer, start, end);
    const rows: DecodedRow[] = [];
    const out = this.#out;
    out.at = 0;
    out.inexact = false;
    reader.read(event, buffer, out, {
      row: (images, partial) => {
        rows.push(decodedRow(event.operation, images, partial, out));
        // The next row may have the room.
        out.at = 0;
        out.inexact = false;
      },
    });
    if (out.bytes.length > keptBytes) this.#out = new JsonWriter();
    return rows;
  }
}

function decodedRow(
  operation: DecodedRow['operation'],
  { start, middle, end }: RowImages,
  isPartial: boolean,
  { bytes, inexact }: JsonWriter,
): DecodedRow {
  const partial = isPartial ? ({ partial: true } as const) : {};
  const first = imageValues(bytes.subarray(start, middle), inexact);
  switch (operation) {
    case 'insert':
      return { operation, after: first, ...partial };
    case 'delete':
      return { operation, before: first, ...partial };
    case 'update':
      return {
        operation,
        before: first,
        after: imageValues(bytes.subarray(middle, end), inexact),
        ...partial,
      };
  }
}

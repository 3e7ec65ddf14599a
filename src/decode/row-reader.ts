import type { ColumnRule, ColumnRules } from '../config/column-rules.js';
import type { RowsEvent } from '../binlog/rows-event.js';
import { columnReader } from './column-reader.js';
import { type JsonWriter, Literal, shortValueBytes } from './json-writer.js';
import { Malformed, undecodable } from './malformed.js';
import { type Column, nameOfColumn } from './column.js';
import type { TableLayout } from './table-layout.js';
import { hashed } from './hashed-value.js';
import type { ValueReader } from './value-reader.js';

/** The columns that an image has, compiled. */
type ImageReader = {
  /** Of the columns, in the layout. */
  readonly indexes: readonly number[];
  readonly readers: readonly ValueReader[];
  /** `{"name":`, `,"name":`, …; null for a column that isn't shown. */
  readonly heads: readonly (Literal | null)[];
  readonly complete: boolean;
};

/** Told of each row while its images are written, as JSON objects: of an insert `after` alone, of a delete `before`. */
export type RowVisitor = {
  /** A row begins. What is written now comes before its first image. */
  readonly before: () => void;
  /** In an update, the image of the old row is written, and that of the new one follows. */
  readonly between: () => void;
  /** @param partial whether columns are missing in one of the images. */
  readonly after: (partial: boolean) => void;
};

/** Reads the rows of one table map's events: compiled once, when the table map comes. */
export class RowReader {
  readonly layout: TableLayout;
  /** Names of the primary key's columns. Empty if there is none, or it isn't known. */
  readonly key: readonly string[];
  /** Whether names, signs and character sets are proved for the moment when the rows were logged. */
  readonly isProved: boolean;
  readonly #readers: readonly ValueReader[];
  /** `"name":` of each column; null for one that isn't shown. */
  readonly #heads: readonly (string | null)[];
  /** Whether `SELECT *` has the column. An image isn't partial if it lacks only other columns. */
  readonly #isShown: readonly boolean[];
  readonly #names: readonly string[];
  readonly #all: ImageReader;
  /** Readers of partial images, by the bitmap of the columns that are present. */
  readonly #parts = new Map<string, ImageReader>();

  /**
   * @param rules which columns are kept out.
   * @throws WaymarkError `unsupported-event` if a column's values can't be read, or columns are to be kept out and the
   *   log doesn't say which is which.
   */
  constructor(layout: TableLayout, rules: ColumnRules | null = null, isProved = true) {
    this.layout = layout;
    this.isProved = isProved;
    this.#names = layout.columns.map(nameOfColumn);
    this.#isShown = layout.columns.map((column, index) => isShown(layout, column, index));
    const fates = layout.columns.map((column, index) => fateOf(layout, column, index, rules));
    this.key = layout.generatedKey
      ? []
      : (layout.primaryKey ?? []).map(({ column }) => this.#names[column] ?? '');
    this.#readers = layout.columns.map((column, index) => {
      const reader = this.#compile(column, index);
      return fates[index] === 'hash' && rules !== null ? hashed(reader, rules.key) : reader;
    });
    this.#heads = layout.columns.map((_, index) =>
      fates[index] === 'exclude' ? null : `${JSON.stringify(this.#names[index])}:`,
    );
    this.#all = this.#imageReader(layout.columns.map((_, index) => index));
  }

  #compile(column: Column, index: number): ValueReader {
    try {
      return columnReader(column);
    } catch (error) {
      throw this.#undecodable(error, index, 0);
    }
  }

  #undecodable(error: unknown, column: number, offset: number): unknown {
    if (!(error instanceof Malformed)) return error;
    const { schema, table } = this.layout;
    const name = this.#names[column];
    return undecodable(error, { schema, table, ...(name === undefined ? {} : { column: name }), offset });
  }

  #imageReader(indexes: readonly number[]): ImageReader {
    const heads = indexes.map((index) => this.#heads[index] ?? null);
    const first = heads.findIndex((head) => head !== null);
    return {
      indexes,
      readers: indexes.flatMap((index) => this.#readers[index] ?? []),
      // The first column shown has no comma before it.
      heads: heads.map((head, place) =>
        head === null ? null : new Literal(place === first ? head : `,${head}`),
      ),
      complete: this.#shownAmong(indexes) === this.#shownAmong([...this.#isShown.keys()]),
    };
  }

  #shownAmong(indexes: readonly number[]): number {
    return indexes.reduce((count, index) => (this.#isShown[index] === true ? count + 1 : count), 0);
  }

  /** The reader for the columns that a bitmap of an event names. */
  #imageReaderOf(event: Buffer, bitmap: number): ImageReader {
    const count = this.layout.columns.length;
    const present = event.subarray(bitmap, bitmap + ((count + 7) >> 3));
    if (isFull(present, count)) return this.#all;
    const key = present.toString('latin1');
    let reader = this.#parts.get(key);
    if (reader === undefined) {
      const indexes = Array.from({ length: count }, (_, index) => index);
      reader = this.#imageReader(
        indexes.filter((index) => ((present[index >> 3] ?? 0) & (1 << (index & 7))) !== 0),
      );
      this.#parts.set(key, reader);
    }
    return reader;
  }

  /**
   * Whether columns are missing in an event's images. MariaDB 11.8 logs its hash column (for UNIQUE over a
   * value that is too long for an index) only with new rows. That doesn't count as missing.
   */
  isPartial({ operation, presentBitmap, columnCount }: RowsEvent, buffer: Buffer): boolean {
    const second = presentBitmap + ((columnCount + 7) >> 3);
    return (
      !this.#imageReaderOf(buffer, presentBitmap).complete ||
      (operation === 'update' && !this.#imageReaderOf(buffer, second).complete)
    );
  }

  /**
   * Writes the images of an event's rows, and reports each row when it is written.
   * @param buffer that holds the event, for the bitmaps of the columns that are present.
   * @throws WaymarkError `unsupported-event` if a value can't be read, or if the last row doesn't end where the event
   * ends. Rows reported before belong to a damaged event.
   */
  read(event: RowsEvent, buffer: Buffer, out: JsonWriter, visitor: RowVisitor): void {
    const { images, operation, presentBitmap } = event;
    if (event.columnCount !== this.layout.columns.length) {
      const counts = `it has ${event.columnCount} columns, its table map ${this.layout.columns.length}`;
      throw this.#undecodable(new Malformed(counts), -1, 0);
    }
    const first = this.#imageReaderOf(buffer, presentBitmap);
    const second =
      operation === 'update'
        ? this.#imageReaderOf(buffer, presentBitmap + ((event.columnCount + 7) >> 3))
        : null;
    const partial = !first.complete || second?.complete === false;
    for (let at = 0; at < images.length;) {
      const from = at;
      visitor.before();
      at = this.#image(first, images, at, out);
      if (second !== null) {
        visitor.between();
        at = this.#image(second, images, at, out);
      }
      if (at === from) throw this.#undecodable(new Malformed('its rows have no columns'), -1, at);
      visitor.after(partial);
    }
  }

  /** Writes an image. Returns where it ends. */
  #image({ indexes, readers, heads }: ImageReader, images: Buffer, start: number, out: JsonWriter): number {
    const count = indexes.length;
    let at = start + ((count + 7) >> 3);
    let column = 0;
    out.reserve(1);
    out.byte(0x7b);
    try {
      for (; column < count; column += 1) {
        const isNull = ((images[start + (column >> 3)] ?? 0) & (1 << (column & 7))) !== 0;
        const head = heads[column];
        if (head === null || head === undefined) {
          at = isNull ? at : this.#passOver(readers[column], images, at, out);
          continue;
        }
        out.literal(head);
        if (isNull) out.null();
        else at = readers[column]?.(images, at, out) ?? at;
      }
      if (at > images.length) throw new Malformed('the event ends in the middle of a row');
    } catch (error) {
      throw this.#undecodable(error, indexes[column] ?? -1, at);
    }
    out.reserve(1);
    out.byte(0x7d);
    return at;
  }

  #passOver(reader: ValueReader | undefined, images: Buffer, at: number, out: JsonWriter): number {
    const { at: before, inexact } = out;
    out.reserve(shortValueBytes);
    const next = reader?.(images, at, out) ?? at;
    out.at = before;
    out.inexact = inexact;
    return next;
  }
}

function fateOf(layout: TableLayout, column: Column, index: number, rules: ColumnRules | null): ColumnRule {
  if (!isShown(layout, column, index)) return 'exclude';
  const { schema, table } = layout;
  if (rules?.concerns(schema, table) !== true) return 'show';
  if (column.name !== null) return rules.of(schema, table, column.name);
  throw undecodable(
    new Malformed('columns are kept out by name, and the names of the columns are not known'),
    {
      ...{ schema, table, column: nameOfColumn(column, index), offset: 0 },
    },
  );
}

/** Hidden columns are left out, as `SELECT *` leaves them out: those that a server makes by itself. */
function isShown(layout: TableLayout, column: Column, index: number): boolean {
  if (layout.generatedKey && index === 0 && !column.visible) return false;
  // MariaDB's hash for UNIQUE over what is too long for an index (sql/table.cc, make_unique_invisible_field_name).
  return !(layout.vendor === 'mariadb' && /^DB_ROW_HASH_\d+$/.test(column.name ?? ''));
}

function isFull(present: Uint8Array, count: number): boolean {
  for (let index = 0; index < count; index += 8) {
    const bits = count - index >= 8 ? 0xff : (1 << (count - index)) - 1;
    if (((present[index >> 3] ?? 0) & bits) !== bits) return false;
  }
  return true;
}

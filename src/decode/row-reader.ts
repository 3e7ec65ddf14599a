import type { ColumnRule, ColumnRules } from '../config/column-rules.js';
import type { RowsEvent } from '../binlog/rows-event.js';
import { columnReader } from './column-reader.js';
import { type JsonWriter, shortValueBytes } from './json-writer.js';
import { Malformed, undecodable } from './malformed.js';
import type { Column, TableLayout } from './table-layout.js';
import { hashed } from './hashed-value.js';
import type { ValueReader } from './value-reader.js';

/** The columns that an image has, compiled. */
type ImageReader = {
  /** Of the columns, in the layout. */
  readonly indexes: readonly number[];
  readonly readers: readonly ValueReader[];
  /** `{"name":`, `,"name":`, …; null for a column that isn't shown. */
  readonly heads: readonly (Buffer | null)[];
  readonly complete: boolean;
};

/** Told of each row while its images are written, as JSON objects: of an insert `after` alone, of a delete `before`. */
export type RowVisitor = {
  /** A row begins: what is written now stands before its first image. */
  readonly before: () => void;
  /** Of an update: the image of the old row stands there, that of the new one follows. */
  readonly between: () => void;
  /** @param partial whether columns are missing in one of the images. */
  readonly after: (partial: boolean) => void;
};

/** Reads the rows of one table map's events: compiled once, when the table map comes. */
export class RowReader {
  readonly layout: TableLayout;
  /** Names of the primary key's columns; empty where there is none, or it isn't known. */
  readonly key: readonly string[];
  readonly #readers: readonly ValueReader[];
  readonly #heads: readonly (Buffer | null)[];
  readonly #names: readonly string[];
  readonly #all: ImageReader;
  /** Readers of images that lack columns, by the bitmap of those that are there. */
  readonly #parts = new Map<string, ImageReader>();

  /**
   * @param rules which columns are kept out.
   * @throws WaymarkError `unsupported-event` where a column's values can't be read, or columns are to be kept out and the
   *   log doesn't say which is which.
   */
  constructor(layout: TableLayout, rules: ColumnRules | null = null) {
    this.layout = layout;
    this.#names = layout.columns.map(({ name }, index) => name ?? `@${index + 1}`);
    const fates = layout.columns.map((column, index) => fateOf(layout, column, index, rules));
    this.key = layout.generatedKey
      ? []
      : (layout.primaryKey ?? []).map(({ column }) => this.#names[column] ?? '');
    this.#readers = layout.columns.map((column, index) => {
      const reader = this.#compile(column, index);
      return fates[index] === 'hash' && rules !== null ? hashed(reader, rules.key) : reader;
    });
    this.#heads = layout.columns.map((_, index) =>
      fates[index] === 'exclude' ? null : Buffer.from(`,${JSON.stringify(this.#names[index])}:`),
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
      heads: heads.map((head, place) => (head === null ? null : head.subarray(place === first ? 1 : 0))),
      complete: indexes.length === this.layout.columns.length,
    };
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
   * Writes the images of an event's rows, and tells of each row when it is written.
   * @param buffer in which the event stands, for the bitmaps of the columns that are present.
   * @throws WaymarkError `unsupported-event` when a value can't be read, or the last row doesn't end where the event ends;
   *   the rows told before belong to an event that isn't what it should be.
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

  /** Writes an image; gives where it ends. */
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
        out.reserve(head.length + shortValueBytes);
        out.copy(head);
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
    new Malformed('it is to be kept out by its name, and the names of the columns are not known'),
    {
      ...{ schema, table, column: `@${index + 1}`, offset: 0 },
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

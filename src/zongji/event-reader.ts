import { type EventPlace, EventType, eventEndPosition, eventType, headerBytes } from '../binlog/event.js';
import {
  dummyTableId,
  readRowsEvent,
  readTableName,
  type RowOperation,
  rowOperationOf,
} from '../binlog/rows-event.js';
import type { Coordinates } from '../binlog/coordinates.js';
import type { LoggedStatement } from '../binlog/query-event.js';
import type { DescribedTable } from '../decode/described-table.js';
import { RowDecoder, type UndescribedTable } from '../decode/row-decoder.js';
import { imageValues } from '../decode/image-values.js';
import { RowImages, type WrittenImage } from '../decode/row-images.js';
import { readTableLayout, type TableLayout } from '../decode/table-layout.js';
import { isAtLeast, type ServerVersion } from '../mysql/version.js';
import type { LayoutSource } from '../layouts/layout-source.js';
import type { TableColumn } from '../layouts/table-columns.js';
import { WaymarkError } from '../util/errors.js';
import type { BinlogEvent, EventBytes } from './binlog-event.js';
import { columnInfos, columnSchemas } from './column-schemas.js';
import type { Dictionary } from './dictionary.js';
import { classOf } from './event-classes.js';
import type { Filters } from './filters.js';
import { type RowData, RowValues } from './row-values.js';
import {
  DeleteRows,
  TableMap,
  type TableMapEntries,
  type TableMapEntry,
  type UpdatedRow,
  UpdateRows,
  WriteRows,
} from './table-events.js';
import type { ValueSettings } from './value-settings.js';

export type EventReaderOptions = {
  readonly version: ServerVersion;
  /** Says what the log doesn't tell of a table's columns. */
  readonly layouts: LayoutSource;
  /** Says what nobody but the server knows of them: comments and collations, as they are now. */
  readonly dictionary: Dictionary;
  readonly values: ValueSettings;
  /** The filters that hold now. */
  readonly filters: () => Filters;
  /** The program's view of the tables; it is kept up here. */
  readonly tableMap: TableMapEntries;
  readonly useChecksum: boolean;
};

/** An event as it came. */
export type RawEvent = {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  readonly place: EventPlace;
};

/** A table whose rows are read. */
type KnownTable = {
  /** As the decoder has it; another one, when another table map has come. */
  readonly layout: TableLayout;
  /** As the log alone has it. */
  readonly logged: TableLayout;
  readonly values: RowValues;
  readonly entry: TableMapEntry;
};

const eventNames = { insert: 'writerows', update: 'updaterows', delete: 'deleterows' } as const;

/** Makes a server's events zongji's. */
export class EventReader {
  readonly #options: EventReaderOptions;
  readonly #decoder: RowDecoder;
  readonly #tables = new Map<number, KnownTable>();
  #file = '';
  readonly #images = new RowImages();

  constructor(options: EventReaderOptions) {
    this.#options = options;
    const { version } = options;
    // MariaDB has VECTOR from 11.7 on; MySQL's log tells it by itself.
    this.#decoder = new RowDecoder(version.vendor, version.vendor === 'mariadb' && isAtLeast(version, 11, 7));
  }

  /**
   * The event; null where a filter keeps it back. A promise only where the server's dictionary has to be asked.
   * @param begin where its transaction begins: the log can be read from there.
   * @throws WaymarkError `unsupported-event`, `protocol`; what LayoutSource throws.
   */
  read(event: RawEvent, begin: Coordinates): BinlogEvent | null | Promise<BinlogEvent | null> {
    const { buffer, start, place } = event;
    if (place.file !== this.#file) this.#nextFile(place.file);
    const type = eventType(buffer, start);
    if (type === EventType.tableMap) return this.#tableMap(event, begin);
    const operation = rowOperationOf(type);
    if (operation !== null) return this.#rows(event, operation);
    const found = classOf(type);
    return this.#skips(found.name.toLowerCase()) ? null : new found(bytesOf(event));
  }

  /** A statement of the log was carried out. @param isOwn see LayoutSource. */
  statement(statement: LoggedStatement, isOwn: boolean): void {
    if (this.#options.layouts.statement(statement, isOwn)) this.#decoder.reset();
  }

  #skips(name: string): boolean {
    return this.#options.filters().skipsEvent(name);
  }

  /** Table ids mean something in one file alone: a server that was restarted counts anew. */
  #nextFile(file: string): void {
    this.#file = file;
    this.#decoder.reset();
    this.#tables.clear();
  }

  #tableMap(event: RawEvent, begin: Coordinates): TableMap | null | Promise<TableMap | null> {
    const { buffer, start, end } = event;
    const tableId = buffer.readUIntLE(start + headerBytes, 6);
    const name = readTableName(buffer, start, end);
    const { filters, tableMap } = this.#options;
    if (filters().skipsTable(name.schema, name.table)) {
      this.#tables.delete(tableId);
      Reflect.deleteProperty(tableMap, tableId);
      return null;
    }
    const undescribed = this.#decoder.tableMap(buffer, start, end);
    if (undescribed === null) return this.#described(event, tableId, null);
    return this.#describe(undescribed, event, begin).then((known) => this.#described(event, tableId, known));
  }

  /** Asks for what the log doesn't tell; null where it isn't proved which of MariaDB's types the columns have. */
  async #describe(
    { layout, missing, describe }: UndescribedTable,
    { place }: RawEvent,
    begin: Coordinates,
  ): Promise<readonly TableColumn[] | null> {
    const { layouts, dictionary } = this.#options;
    const known: { table: DescribedTable | null } = { table: null };
    const take = (table: DescribedTable | null): void => {
      known.table = table === null ? null : withJsonAsText(table, layout);
      describe(known.table);
    };
    const behind = { file: place.file, position: place.end };
    await layouts.tableMap({ layout, missing, describe: take }, behind, begin);
    if (known.table === null) return null;
    return besides(known.table, await dictionary.columns(layout.schema, layout.table));
  }

  #described(event: RawEvent, tableId: number, known: readonly TableColumn[] | null): TableMap | null {
    const layout = this.#decoder.layoutOf(tableId);
    if (layout === null) return null;
    const { values, tableMap, version } = this.#options;
    const { buffer, start, end } = event;
    let table = this.#tables.get(tableId);
    if (table?.layout !== layout) {
      const entry = {
        columnSchemas: columnSchemas(layout, known),
        parentSchema: layout.schema,
        tableName: layout.table,
        columns: columnInfos(layout),
      };
      const logged = readTableLayout(buffer, start, end, version.vendor);
      table = { layout, logged, values: new RowValues(layout, values), entry };
      this.#tables.set(tableId, table);
    }
    tableMap[tableId] = table.entry;
    return this.#skips('tablemap') ? null : new TableMap(bytesOf(event), table.logged, table.entry, tableMap);
  }

  #rows(event: RawEvent, operation: RowOperation): BinlogEvent | null {
    const { buffer, start, end } = event;
    const rows = readRowsEvent(buffer, start, end);
    const { tableId, columnCount, images } = rows;
    const { tableMap, useChecksum } = this.#options;
    const table = this.#tables.get(tableId);
    // One whose table map was kept back, or that stands for none.
    if (tableId === dummyTableId || table === undefined || images.length === 0) return null;
    const { schema, table: name } = table.layout;
    // The filters may have changed since.
    if (this.#skips(eventNames[operation]) || this.#options.filters().skipsTable(schema, name)) return null;
    if (eventType(buffer, start) === EventType.partialUpdateRows) throw partialJson(schema, name);
    const reader = this.#decoder.reader(tableId);
    const partial = reader.isPartial(rows, buffer);
    const parts = { numberOfColumns: columnCount, tableMap, useChecksum, partial };
    const { values } = table;
    const listed: RowData[] = [];
    const updated: UpdatedRow[] = [];
    this.#images.read(reader, rows, buffer, (first, second) => {
      if (second === null) listed.push(rowOf(values, first));
      else updated.push({ before: rowOf(values, first), after: rowOf(values, second) });
    });
    switch (operation) {
      case 'insert':
        return new WriteRows(bytesOf(event), parts, listed);
      case 'delete':
        return new DeleteRows(bytesOf(event), parts, listed);
      case 'update':
        return new UpdateRows(bytesOf(event), parts, updated);
    }
  }
}

function rowOf(values: RowValues, { json, inexact }: WrittenImage): RowData {
  return values.row(imageValues(json, inexact), inexact ? json.toString('utf8') : null);
}

/**
 * The stated end has 32 bits, and the place has all; MariaDB states none inside a transaction, and a rotation's place is in
 * the next file.
 */
function bytesOf({ buffer, start, end, place }: RawEvent): EventBytes {
  const stated = eventEndPosition(buffer, start);
  const isStated = stated === 0 || eventType(buffer, start) === EventType.rotate;
  return { buffer, start, end, nextPosition: isStated ? stated : place.end };
}

/** MariaDB's JSON is a LONGTEXT to zongji's programs. */
function withJsonAsText({ columns, key }: DescribedTable, { vendor }: TableLayout): DescribedTable {
  if (vendor === 'mysql') return { columns, key };
  return {
    columns: columns.map((column) => ({ ...column, type: column.type.replace(/^json\b/, 'longtext') })),
    key,
  };
}

/** Columns with what the server says of them now, where it has columns of these names. */
function besides({ columns }: DescribedTable, today: readonly TableColumn[]): TableColumn[] {
  return columns.map((column) => {
    const now = today.find(({ name }) => name === column.name);
    const collation = now?.charset === column.charset ? now.collation : null;
    const type = now !== undefined && withoutWidth(now.type) === column.type ? now.type : column.type;
    return { ...column, type, collation, comment: now?.comment ?? '' };
  });
}

/** A whole number's type, as statements may have it, without how a client shows it. */
function withoutWidth(type: string): string {
  return type.replace(/^((?:tiny|small|medium|big)?int|year)\(\d+\)/, '$1').replace(/ zerofill$/, '');
}

function partialJson(schema: string, table: string): WaymarkError {
  return new WaymarkError(
    'unsupported-event',
    `A change of ${schema}.${table} is a partial JSON update; unset binlog_row_value_options in the session that writes it`,
    { details: { table: `${schema}.${table}` } },
  );
}

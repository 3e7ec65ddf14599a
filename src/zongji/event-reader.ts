import { type EventPlace, EventType, eventEndPosition, eventType, headerBytes } from '../binlog/event.js';
import { dummyTableId, readRowsEvent, readTableName, type RowOperation } from '../binlog/rows-event.js';
import { misfit } from '../decode/dictionary.js';
import { RowDecoder, type UndescribedTable } from '../decode/row-decoder.js';
import { JsonWriter } from '../decode/json-writer.js';
import { readTableLayout, type TableLayout } from '../decode/table-layout.js';
import { isAtLeast, type ServerVersion } from '../mysql/version.js';
import { WaymarkError } from '../util/errors.js';
import { columnInfos, columnSchemas } from './column-schemas.js';
import type { Dictionary, TableColumn } from './dictionary.js';
import { type BinlogEvent, type EventBytes, plainClassOf } from './events.js';
import type { Filters } from './filters.js';
import { AnonymousGtid, Gtid, MariadbGtid, MariadbGtidList, PreviousGtids } from './gtid-events.js';
import { RowCollector } from './row-collector.js';
import { RowValues } from './row-values.js';
import { TableMap, type TableMapEntries, type TableMapEntry } from './table-events.js';
import type { ValueSettings } from './value-settings.js';

export type EventReaderOptions = {
  readonly version: ServerVersion;
  readonly dictionary: Dictionary;
  readonly values: ValueSettings;
  /** The filters that hold now. */
  readonly filters: () => Filters;
  /** The program's view of the tables; it is kept up here. */
  readonly tableMap: TableMapEntries;
  readonly useChecksum: boolean;
  /** Told when a table's columns can't be named. */
  readonly onUnnamed: (error: WaymarkError) => void;
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

const keptBytes = 4 * 1024 * 1024;

const eventNames = { insert: 'writerows', update: 'updaterows', delete: 'deleterows' } as const;

const rowOperations = new Map<number, RowOperation>([
  [EventType.writeRowsV1, 'insert'],
  [EventType.writeRowsV2, 'insert'],
  [EventType.mariadbWriteRowsCompressedV1, 'insert'],
  [EventType.mariadbWriteRowsCompressed, 'insert'],
  [EventType.updateRowsV1, 'update'],
  [EventType.updateRowsV2, 'update'],
  [EventType.partialUpdateRows, 'update'],
  [EventType.mariadbUpdateRowsCompressedV1, 'update'],
  [EventType.mariadbUpdateRowsCompressed, 'update'],
  [EventType.deleteRowsV1, 'delete'],
  [EventType.deleteRowsV2, 'delete'],
  [EventType.mariadbDeleteRowsCompressedV1, 'delete'],
  [EventType.mariadbDeleteRowsCompressed, 'delete'],
]);

const gtidClasses = new Map<number, new (event: EventBytes) => BinlogEvent>([
  [EventType.gtid, Gtid],
  [EventType.gtidTagged, Gtid],
  [EventType.anonymousGtid, AnonymousGtid],
  [EventType.previousGtids, PreviousGtids],
  [EventType.mariadbGtid, MariadbGtid],
  [EventType.mariadbGtidList, MariadbGtidList],
]);

/** Makes a server's events zongji's. */
export class EventReader {
  readonly #options: EventReaderOptions;
  readonly #decoder: RowDecoder;
  readonly #tables = new Map<number, KnownTable>();
  #file = '';
  #out = new JsonWriter();

  constructor(options: EventReaderOptions) {
    this.#options = options;
    const { version } = options;
    // MariaDB has VECTOR from 11.7 on; MySQL's log tells it by itself.
    this.#decoder = new RowDecoder(version.vendor, version.vendor === 'mariadb' && isAtLeast(version, 11, 7));
  }

  /**
   * The event; null where a filter keeps it back. A promise only where the server's dictionary has to be asked.
   * @throws WaymarkError `unsupported-event`, `protocol`.
   */
  read(event: RawEvent): BinlogEvent | null | Promise<BinlogEvent | null> {
    const { buffer, start, place } = event;
    if (place.file !== this.#file) this.#nextFile(place.file);
    const type = eventType(buffer, start);
    if (type === EventType.tableMap) return this.#tableMap(event);
    const operation = rowOperations.get(type);
    if (operation !== undefined) return this.#rows(event, operation);
    const found = gtidClasses.get(type) ?? plainClassOf(type);
    return this.#skips(found.name.toLowerCase()) ? null : new found(bytesOf(event));
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

  #tableMap(event: RawEvent): TableMap | null | Promise<TableMap | null> {
    const { buffer, start, end } = event;
    const tableId = buffer.readUIntLE(start + headerBytes, 6);
    const name = readTableName(buffer, start);
    const { filters, tableMap } = this.#options;
    if (filters().skipsTable(name.schema, name.table)) {
      this.#tables.delete(tableId);
      Reflect.deleteProperty(tableMap, tableId);
      return null;
    }
    const undescribed = this.#decoder.tableMap(buffer, start, end);
    if (undescribed === null) return this.#described(event, tableId, null);
    return this.#describe(undescribed).then((known) => this.#described(event, tableId, known));
  }

  /** Asks for what the log doesn't tell; null where what is there today isn't what the rows were written with. */
  async #describe({ layout, missing, describe }: UndescribedTable): Promise<readonly TableColumn[] | null> {
    const { schema, table } = layout;
    const columns = await this.#options.dictionary.columns(schema, table);
    const reason = misfit(layout, columns);
    describe(reason === null ? columns : null);
    if (reason === null) return columns;
    if (missing === 'names') this.#options.onUnnamed(unnamed(schema, table, reason));
    return null;
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
    const { tableId, columnCount, complete, images } = rows;
    const { tableMap, useChecksum } = this.#options;
    const table = this.#tables.get(tableId);
    // One whose table map was kept back, or that stands for none.
    if (tableId === dummyTableId || table === undefined || images.length === 0) return null;
    const { schema, table: name } = table.layout;
    // The filters may have changed since.
    if (this.#skips(eventNames[operation]) || this.#options.filters().skipsTable(schema, name)) return null;
    if (eventType(buffer, start) === EventType.partialUpdateRows) throw partialJson(schema, name);
    const parts = { numberOfColumns: columnCount, tableMap, useChecksum, partial: !complete };
    const collector = new RowCollector(operation, table.values, this.#out);
    this.#decoder.reader(tableId).read(rows, buffer, this.#out, collector);
    // One that has grown for a large row isn't kept.
    if (this.#out.bytes.length > keptBytes) this.#out = new JsonWriter();
    return collector.event(bytesOf(event), parts);
  }
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

function unnamed(schema: string, table: string, reason: string): WaymarkError {
  return new WaymarkError(
    'unsupported-event',
    `Columns of ${schema}.${table} are called @1, @2, …: ${reason}. Set binlog_row_metadata=FULL on the server`,
    { details: { table: `${schema}.${table}` } },
  );
}

function partialJson(schema: string, table: string): WaymarkError {
  return new WaymarkError(
    'unsupported-event',
    `A change of ${schema}.${table} is a partial JSON update; unset binlog_row_value_options in the session that writes it`,
    { details: { table: `${schema}.${table}` } },
  );
}

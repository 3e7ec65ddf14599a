import type { TableLayout } from '../decode/table-layout.js';
import { oldTemporalTypes } from '../decode/column-types.js';
import type { ColumnInfo, ColumnMetadata, ColumnSchema } from './column-schemas.js';
import { type EventBytes, TableEvent } from './binlog-event.js';
import type { RowData } from './row-values.js';

/** A table whose rows are read. */
export type TableMapEntry = {
  readonly columnSchemas: readonly ColumnSchema[];
  readonly parentSchema: string;
  readonly tableName: string;
  readonly columns: readonly ColumnInfo[];
};

/** The tables whose rows are read, by table id. */
export type TableMapEntries = Record<number, TableMapEntry>;

/** TABLE_MAP_EVENT: which table the row events behind it are of. */
export class TableMap extends TableEvent {
  readonly schemaName: string;
  readonly tableName: string;
  readonly columnCount: number;
  /** Codes; ENUM's and SET's own ones. */
  readonly columnTypes: readonly number[];
  readonly columnsMetadata: readonly (ColumnMetadata | undefined)[];
  readonly tableMap: TableMapEntries;
  /** These four stand in the log with `binlog_row_metadata=FULL` alone. */
  declare readonly columnNames?: readonly string[];
  declare readonly primaryKey?: readonly number[];
  declare readonly columnVisibility?: readonly boolean[];
  declare readonly geometryTypes?: readonly (number | undefined)[];
  /** Of columns that are numbers: true for unsigned ones. */
  declare readonly signedness?: readonly (boolean | undefined)[];

  /** @param logged the table as the log alone has it. */
  constructor(event: EventBytes, logged: TableLayout, entry: TableMapEntry, tableMap: TableMapEntries) {
    super(event);
    const { columns, primaryKey } = logged;
    this.schemaName = logged.schema;
    this.tableName = logged.table;
    this.columnCount = columns.length;
    this.columnTypes = entry.columns.map(({ type }) => type);
    this.columnsMetadata = entry.columns.map(({ metadata }) => metadata);
    this.tableMap = tableMap;
    const names = columns.flatMap(({ name }) => name ?? []);
    if (columns.some(({ unsigned }) => unsigned !== null)) {
      this.signedness = columns.map(({ unsigned }) => unsigned ?? undefined);
    }
    if (names.length < columns.length) return;
    this.columnNames = names;
    // MariaDB's log doesn't tell it.
    if (logged.vendor === 'mysql') this.columnVisibility = columns.map(({ visible }) => visible);
    if (primaryKey !== null && primaryKey.length > 0)
      this.primaryKey = primaryKey.map(({ column }) => column);
    if (columns.some(({ geometryType }) => geometryType !== null)) {
      this.geometryTypes = columns.map(({ geometryType }) => geometryType ?? undefined);
    }
  }

  /** Whether the log itself names the columns. */
  hasSelfDescribingMetadata(): boolean {
    return this.columnNames !== undefined;
  }

  /** Whether it has columns of temporal types of old, of which the log doesn't tell how MariaDB has written them. */
  hasAmbiguousTemporalColumns(): boolean {
    return this.columnTypes.some((type) => oldTemporalTypes.has(type));
  }

  /** The columns, described. */
  buildColumnSchemas(): readonly ColumnSchema[] {
    return this.tableMap[this.tableId]?.columnSchemas ?? [];
  }

  /** Nothing is left to do: the table is described when its event is emitted. */
  updateColumnInfo(): void {
    // zongji's programs may call it.
  }

  protected override dumped(): readonly string[] {
    return [
      `Table id: ${this.tableId}`,
      `Schema: ${this.schemaName}`,
      `Table: ${this.tableName}`,
      `Columns: ${this.columnCount}`,
      `Column types: ${this.columnTypes.join(', ')}`,
    ];
  }
}

/** What a row event is made of, beside its rows. */
type RowsParts = {
  readonly numberOfColumns: number;
  readonly tableMap: TableMapEntries;
  readonly useChecksum: boolean;
  /** Whether columns are missing in rows of it. */
  readonly partial: boolean;
};

/** What row events have in common. */
export class RowsEvent extends TableEvent {
  readonly numberOfColumns: number;
  readonly tableMap: TableMapEntries;
  readonly useChecksum: boolean;
  /** Whether the log has only some of the columns of its rows: those that are missing are absent. */
  readonly partial: boolean;

  constructor(event: EventBytes, { numberOfColumns, tableMap, useChecksum, partial }: RowsParts) {
    super(event);
    this.numberOfColumns = numberOfColumns;
    this.tableMap = tableMap;
    this.useChecksum = useChecksum;
    this.partial = partial;
  }

  protected dumpedRows(rows: readonly (readonly string[])[]): readonly string[] {
    return [
      `Affected columns: ${this.numberOfColumns}`,
      `Changed rows: ${rows.length}`,
      'Values:',
      ...rows.flatMap((lines) => ['--', ...lines]),
    ];
  }
}

/** A row event with its rows. */
class ListedRows<Row> extends RowsEvent {
  readonly rows: readonly Row[];

  constructor(event: EventBytes, parts: RowsParts, rows: readonly Row[]) {
    super(event, parts);
    this.rows = rows;
  }
}

/** Rows that have one image each. */
class PlainRows extends ListedRows<RowData> {
  protected override dumped(): readonly string[] {
    return this.dumpedRows(this.rows.map(valueLines));
  }
}

/** Rows that were inserted. */
export class WriteRows extends PlainRows {}

/** Rows that were deleted. */
export class DeleteRows extends PlainRows {}

/** A row before and after its change. */
export type UpdatedRow = { readonly before: RowData; readonly after: RowData };

/** Rows that were updated. */
export class UpdateRows extends ListedRows<UpdatedRow> {
  protected override dumped(): readonly string[] {
    return this.dumpedRows(
      this.rows.map(({ before, after }) =>
        Object.keys({ ...before, ...after }).map(
          (name) => `Column: ${name}, Value: ${String(before[name])} => ${String(after[name])}`,
        ),
      ),
    );
  }
}

function valueLines(row: RowData): string[] {
  return Object.entries(row).map(([name, value]) => `Column: ${name}, Value: ${String(value)}`);
}

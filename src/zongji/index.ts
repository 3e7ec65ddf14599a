/**
 * waymark/zongji: the interface of @vlasky/zongji, so that a program that uses it goes on when its server dies.
 */
import { ZongJi } from './zongji.js';

export default ZongJi;
// What require() gives (nodejs.org/api/modules.html, "Loading ECMAScript modules using require()").
export { ZongJi as 'module.exports' };
export { type ConnectionId, ZongJi, type ZongJiEvents } from './zongji.js';
export type { ControlConnection, QueryCallback } from './control-connection.js';
export type { ZongJiDsn } from './connection-options.js';
export type { ColumnInfo, ColumnMetadata, ColumnSchema } from './column-schemas.js';
export type { FilterOptions, SchemaList } from './filters.js';
export type { ReaderOptions, StartOptions } from './reader-options.js';
export type { RowData } from './row-values.js';
export { ZongJiError } from './zongji-error.js';
export { BinlogEvent } from './binlog-event.js';
export * from './events.js';
export * from './gtid-events.js';
export {
  DeleteRows,
  RowsEvent,
  TableMap,
  type TableMapEntries,
  type TableMapEntry,
  type UpdatedRow,
  UpdateRows,
  WriteRows,
} from './table-events.js';
export { GtidSet } from '../gtids/gtid-set.js';
export { MariadbGtidPosition } from './mariadb-gtid-position.js';
export type * from './event-types.js';
export type { StartOptions as ZongJiOptions } from './reader-options.js';
export type { UpdatedRow as UpdateRowData } from './table-events.js';

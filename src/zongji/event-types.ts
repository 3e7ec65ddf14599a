import type {
  AnnotateRows,
  BinlogCheckpoint,
  BinlogEvent,
  Format,
  IntVar,
  Query,
  Rotate,
  RowsQuery,
  StartEncryption,
  Unknown,
  XaPrepare,
  Xid,
} from './events.js';
import type { AnonymousGtid, Gtid, MariadbGtid, MariadbGtidList, PreviousGtids } from './gtid-events.js';
import type { DeleteRows, TableMap, UpdateRows, WriteRows } from './table-events.js';

/** An event whose names are known to the compiler, so that programs can tell events apart by them. */
type Named<Event extends BinlogEvent, Name extends string> = {
  getTypeName(): Name;
  getEventName(): Lowercase<Name>;
} & Event;

export type RotateEvent = Named<Rotate, 'Rotate'>;
export type FormatEvent = Named<Format, 'Format'>;
export type XidEvent = Named<Xid, 'Xid'>;
export type QueryEvent = Named<Query, 'Query'>;
export type IntVarEvent = Named<IntVar, 'IntVar'>;
export type GtidEvent = Named<Gtid, 'Gtid'>;
export type AnonymousGtidEvent = Named<AnonymousGtid, 'AnonymousGtid'>;
export type PreviousGtidsEvent = Named<PreviousGtids, 'PreviousGtids'>;
export type TableMapEvent = Named<TableMap, 'TableMap'>;
export type WriteRowsEvent = Named<WriteRows, 'WriteRows'>;
export type UpdateRowsEvent = Named<UpdateRows, 'UpdateRows'>;
export type DeleteRowsEvent = Named<DeleteRows, 'DeleteRows'>;
export type MariadbGtidEvent = Named<MariadbGtid, 'MariadbGtid'>;
export type MariadbGtidListEvent = Named<MariadbGtidList, 'MariadbGtidList'>;
export type BinlogCheckpointEvent = Named<BinlogCheckpoint, 'BinlogCheckpoint'>;
export type AnnotateRowsEvent = Named<AnnotateRows, 'AnnotateRows'>;
export type RowsQueryEvent = Named<RowsQuery, 'RowsQuery'>;
export type StartEncryptionEvent = Named<StartEncryption, 'StartEncryption'>;
export type XaPrepareEvent = Named<XaPrepare, 'XaPrepare'>;
export type UnknownEvent = Named<Unknown, 'Unknown'>;

/** The events by what their `getTypeName()` gives. */
export type EventsByTypeName = {
  Rotate: RotateEvent;
  Format: FormatEvent;
  Xid: XidEvent;
  Query: QueryEvent;
  IntVar: IntVarEvent;
  Gtid: GtidEvent;
  AnonymousGtid: AnonymousGtidEvent;
  PreviousGtids: PreviousGtidsEvent;
  TableMap: TableMapEvent;
  WriteRows: WriteRowsEvent;
  UpdateRows: UpdateRowsEvent;
  DeleteRows: DeleteRowsEvent;
  MariadbGtid: MariadbGtidEvent;
  MariadbGtidList: MariadbGtidListEvent;
  BinlogCheckpoint: BinlogCheckpointEvent;
  AnnotateRows: AnnotateRowsEvent;
  RowsQuery: RowsQueryEvent;
  StartEncryption: StartEncryptionEvent;
  XaPrepare: XaPrepareEvent;
  Unknown: UnknownEvent;
};

/** What `getTypeName()` gives. */
export type BinlogEventTypeName = keyof EventsByTypeName;

/** What `binlog` brings. */
export type AnyBinlogEvent = EventsByTypeName[BinlogEventTypeName];

/** What `getEventName()` gives. */
export type BinlogEventName = Lowercase<BinlogEventTypeName>;

/** The event of a type. */
export type BinlogEventByTypeName<Name extends BinlogEventTypeName> = EventsByTypeName[Name];

/** The event of a name. */
export type BinlogEventByName<Name extends BinlogEventName> = {
  [TypeName in BinlogEventTypeName]: Lowercase<TypeName> extends Name ? EventsByTypeName[TypeName] : never;
}[BinlogEventTypeName];

const typeNames: Readonly<Record<BinlogEventTypeName, true>> = {
  Rotate: true,
  Format: true,
  Xid: true,
  Query: true,
  IntVar: true,
  Gtid: true,
  AnonymousGtid: true,
  PreviousGtids: true,
  TableMap: true,
  WriteRows: true,
  UpdateRows: true,
  DeleteRows: true,
  MariadbGtid: true,
  MariadbGtidList: true,
  BinlogCheckpoint: true,
  AnnotateRows: true,
  RowsQuery: true,
  StartEncryption: true,
  XaPrepare: true,
  Unknown: true,
};

/** Whether an event is of a type that programs know; all are. */
export function isNamed(event: BinlogEvent): event is AnyBinlogEvent {
  return Object.hasOwn(typeNames, event.getTypeName());
}

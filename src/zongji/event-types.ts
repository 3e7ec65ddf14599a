import type { BinlogEvent } from './binlog-event.js';
import type { classes } from './event-classes.js';

/** An event whose names are known to the compiler, so that programs can tell events apart by them. */
type Named<Event extends BinlogEvent, Name extends string> = {
  getTypeName(): Name;
  getEventName(): Lowercase<Name>;
} & Event;

/** The events by what their `getTypeName()` gives. */
export type EventsByTypeName = {
  [Name in keyof typeof classes]: Named<InstanceType<(typeof classes)[Name]>, Name>;
};

export type RotateEvent = EventsByTypeName['Rotate'];
export type FormatEvent = EventsByTypeName['Format'];
export type XidEvent = EventsByTypeName['Xid'];
export type QueryEvent = EventsByTypeName['Query'];
export type IntVarEvent = EventsByTypeName['IntVar'];
export type GtidEvent = EventsByTypeName['Gtid'];
export type AnonymousGtidEvent = EventsByTypeName['AnonymousGtid'];
export type PreviousGtidsEvent = EventsByTypeName['PreviousGtids'];
export type TableMapEvent = EventsByTypeName['TableMap'];
export type WriteRowsEvent = EventsByTypeName['WriteRows'];
export type UpdateRowsEvent = EventsByTypeName['UpdateRows'];
export type DeleteRowsEvent = EventsByTypeName['DeleteRows'];
export type MariadbGtidEvent = EventsByTypeName['MariadbGtid'];
export type MariadbGtidListEvent = EventsByTypeName['MariadbGtidList'];
export type BinlogCheckpointEvent = EventsByTypeName['BinlogCheckpoint'];
export type AnnotateRowsEvent = EventsByTypeName['AnnotateRows'];
export type RowsQueryEvent = EventsByTypeName['RowsQuery'];
export type StartEncryptionEvent = EventsByTypeName['StartEncryption'];
export type XaPrepareEvent = EventsByTypeName['XaPrepare'];
export type UnknownEvent = EventsByTypeName['Unknown'];

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

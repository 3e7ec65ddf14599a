import { EventType } from '../binlog/event.js';
import type { BinlogEvent, EventBytes } from './binlog-event.js';
import * as events from './events.js';
import * as gtidEvents from './gtid-events.js';
import { DeleteRows, TableMap, UpdateRows, WriteRows } from './table-events.js';

/** The classes of all events: their names are the types'. */
export const classes = { ...events, ...gtidEvents, TableMap, WriteRows, UpdateRows, DeleteRows } as const;

const byType = new Map<number, new (event: EventBytes) => BinlogEvent>([
  [EventType.rotate, classes.Rotate],
  [EventType.formatDescription, classes.Format],
  [EventType.xid, classes.Xid],
  [EventType.query, classes.Query],
  [EventType.mariadbQueryCompressed, classes.Query],
  [EventType.intvar, classes.IntVar],
  [EventType.mariadbBinlogCheckpoint, classes.BinlogCheckpoint],
  [EventType.mariadbAnnotateRows, classes.AnnotateRows],
  [EventType.rowsQuery, classes.RowsQuery],
  [EventType.mariadbStartEncryption, classes.StartEncryption],
  [EventType.xaPrepare, classes.XaPrepare],
  [EventType.gtid, classes.Gtid],
  [EventType.gtidTagged, classes.Gtid],
  [EventType.anonymousGtid, classes.AnonymousGtid],
  [EventType.previousGtids, classes.PreviousGtids],
  [EventType.mariadbGtid, classes.MariadbGtid],
  [EventType.mariadbGtidList, classes.MariadbGtidList],
]);

/** The class for an event of a type, unless it belongs to a table: those are made of more than their bytes. */
export function classOf(type: number): new (event: EventBytes) => BinlogEvent {
  return byType.get(type) ?? classes.Unknown;
}

import type { BinlogEvent } from './binlog-event.js';
import { classes } from './event-classes.js';
import type { AnyBinlogEvent } from './event-types.js';

/** Whether an event is of a type that programs know; all are. */
export function isNamed(event: BinlogEvent): event is AnyBinlogEvent {
  return Object.hasOwn(classes, event.getTypeName());
}

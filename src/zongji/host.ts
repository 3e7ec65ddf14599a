import type { Coordinates } from '../binlog/coordinates.js';
import type { EventBatch } from '../binlog/event.js';
import type { ServerVersion } from '../mysql/version.js';
import type { RawEvent } from './event-reader.js';
import type { BinlogEvent } from './binlog-event.js';
import type { ExecutedGtids } from './executed-gtids.js';
import type { Filters } from './filters.js';
import type { TableMapEntries } from './table-events.js';
import type { ValueSettings } from './value-settings.js';

/** The server that is read. */
export type ReadServer = { readonly version: ServerVersion; readonly useChecksum: boolean };

/** The program's side of reading. */
export type Host = {
  readonly values: ValueSettings;
  readonly tableMap: TableMapEntries;
  /** The filters that hold now. */
  readonly filters: () => Filters;
  /** Resolves when the program has the events come again; null while it does. */
  readonly paused: () => Promise<void> | null;
  /** The log is asked for next. */
  readonly connected: (server: ReadServer, connectionId: number) => void;
  /** Where reading can begin again, and what the program has had then; null where that isn't followed. */
  readonly moved: (resume: Coordinates, executed: ExecutedGtids | null) => void;
  /** Gives the program an event. Gives what of its listeners isn't done yet. */
  readonly emit: (event: BinlogEvent, gtid: string | undefined) => readonly Promise<unknown>[];
  /** Reading goes on, but the program should know. */
  readonly error: (error: unknown) => void;
};

/** The events of a batch, to be worked off before the next one is asked for. */
export function eventsOf(batch: EventBatch): readonly RawEvent[] {
  const events: RawEvent[] = [];
  batch.forEach((buffer, start, end, place) => {
    events.push({ buffer, start, end, place: { ...place } });
  });
  return events;
}

import { turn } from '../util/clock.js';
import { WaymarkError } from '../util/errors.js';
import { unpackTransactionPayload } from './compression.js';
import { type Coordinates, formatCoordinates } from './coordinates.js';
import { EventList } from './event-list.js';
import { EventSplitter } from './event-splitter.js';
import { type EventBatch, EventType, eventType, headerBytes, isOutOfBounds } from './event.js';
import {
  isCompressedByMariadb,
  unpackedAtOnce,
  unpackedElsewhere,
  unpackedRows,
  unpackedSize,
} from './compressed-events.js';
import { largeRowsBytes, splitRows, TableMaps } from './large-rows.js';

/** What unpacks to no more is unpacked here, which takes less than to hand it to another thread. */
const smallBytes = 128 * 1024;
/** So much is unpacked between two turns of the event loop. */
const turnBytes = 512 * 1024;

/**
 * Passes a log's events on, and in the place of those that are packed what is in them: the events of MySQL's
 * TRANSACTION_PAYLOAD_EVENT (8.0.20 and later, `binlog_transaction_compression`), whose place is the payload's, and what
 * MariaDB's compressed events (`log_bin_compress`) are without their compression. Large row events, compressed or not,
 * come in parts (see large-rows.ts). One batch may give many, with a turn of the event loop between them, so that
 * neither memory nor waiting grows with what is packed, be it one large event or many small ones.
 *
 * @param server whose log it is, for errors.
 * @throws WaymarkError `unsupported-event` or `protocol` for what can't be unpacked, and what the batches throw.
 */
export async function* unpackEvents(
  batches: AsyncIterable<EventBatch>,
  server: string,
): AsyncGenerator<EventBatch, void, undefined> {
  const events = new EventList(server);
  const tables = new TableMaps();
  for await (const batch of batches) {
    if (!batch.packed) {
      batch.forEach(tables.event);
      yield batch;
      continue;
    }
    events.clear();
    batch.forEach((buffer, start, end, place) => {
      events.push(buffer, start, end, place);
    });
    yield* unpackBatch(batch, events, tables, server);
  }
}

/** Whether an event of that type is one that {@link unpackEvents} unpacks. */
export function mayBePacked(type: number): boolean {
  return type === EventType.transactionPayload || isCompressedByMariadb(type);
}

async function* unpackBatch(
  batch: EventBatch,
  events: EventList,
  tables: TableMaps,
  server: string,
): AsyncGenerator<EventBatch, void, undefined> {
  const ready = new EventList(server);
  let { bytes } = batch;
  let unpackedBytes = 0;
  const pass = (complete: boolean): EventBatch => {
    const passed = part(batch, ready, bytes, complete);
    bytes = 0;
    unpackedBytes = 0;
    return passed;
  };
  for (let index = 0; index < events.length; index += 1) {
    const { buffer, start, end, place } = events.get(index);
    const type = eventType(buffer, start);
    if (type === EventType.transactionPayload) {
      yield pass(false);
      ready.clear();
      yield* payload(batch, events, index, tables, server);
      continue;
    }
    const packed = isCompressedByMariadb(type);
    // Visited, so that an event which is shorter than its fields say is named.
    const { size, rows } = events.look(index, () => {
      tables.event(buffer, start, end);
      const bytes = packed ? unpackedSize(buffer, start, end) : end - start;
      return { size: bytes, rows: bytes > largeRowsBytes ? tables.walkOf(buffer, start, end) : null };
    });
    if (rows !== null) {
      const parts = packed
        ? unpackedRows(buffer, start, end, rows.walk)
        : splitRows(buffer.subarray(start, end), rows.imagesStart - start, rows.walk);
      for await (const some of parts) {
        for (const event of some) ready.push(event, 0, event.length, place);
        yield pass(false);
        ready.clear();
        await turn();
      }
      continue;
    }
    if (!packed) {
      ready.push(buffer, start, end, place);
      continue;
    }
    const event =
      size > smallBytes ? await unpackedElsewhere(buffer, start, end) : unpackedAtOnce(buffer, start, end);
    ready.push(event, 0, event.length, place);
    unpackedBytes += event.length;
    if (unpackedBytes < turnBytes) continue;
    yield pass(false);
    ready.clear();
    await turn();
  }
  yield pass(batch.complete);
}

/** The events inside of the payload event at an index of the list. */
async function* payload(
  batch: EventBatch,
  events: EventList,
  at: number,
  tables: TableMaps,
  server: string,
): AsyncGenerator<EventBatch, void, undefined> {
  const { buffer, start, end, place } = events.get(at);
  const splitter = new EventSplitter(tables);
  const inner = new EventList(server);
  const coordinates = { file: place.file, position: place.end };
  for await (const piece of unpackTransactionPayload(buffer, start + headerBytes, end)) {
    named(coordinates, () => {
      splitter.push(piece, (bytes, eventStart, eventEnd) => {
        // No server packs twice; unpacked where it is read it would be out of all bounds.
        if (mayBePacked(eventType(bytes, eventStart))) {
          throw new WaymarkError(
            'protocol',
            `Before ${formatCoordinates(coordinates)} the log holds a compressed event in a compressed transaction`,
            { details: coordinates },
          );
        }
        tables.event(bytes, eventStart, eventEnd);
        inner.push(bytes, eventStart, eventEnd, place);
      });
    });
    yield part(batch, inner, 0, false);
    inner.clear();
    await turn();
  }
  if (splitter.isBetweenEvents) return;
  throw new WaymarkError(
    'unsupported-event',
    `Before ${formatCoordinates(coordinates)} the log holds a compressed transaction that ends in the middle of an event`,
    { details: coordinates },
  );
}

/** @throws WaymarkError `protocol` where an event in the payload is shorter than its fields say. */
function named(coordinates: Coordinates, read: () => void): void {
  try {
    read();
  } catch (cause) {
    if (!isOutOfBounds(cause)) throw cause;
    const message = `Before ${formatCoordinates(coordinates)} the log holds a compressed transaction that cannot be read`;
    throw new WaymarkError('protocol', message, { cause, details: coordinates });
  }
}

function part({ end }: EventBatch, events: EventList, bytes: number, complete: boolean): EventBatch {
  return { bytes, end, complete, packed: false, ...events.part() };
}

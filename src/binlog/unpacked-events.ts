import { setImmediate as turn } from 'node:timers/promises';
import { WaymarkError } from '../util/errors.js';
import { unpackTransactionPayload } from './compression.js';
import { formatCoordinates } from './coordinates.js';
import { EventList } from './event-list.js';
import { EventSplitter } from './event-splitter.js';
import { type EventBatch, EventType, eventType, headerBytes } from './event.js';
import { isCompressedByMariadb, isLargeWhenUnpacked, unpackedEvent } from './large-events.js';

/**
 * Passes a log's events on, and in the place of MySQL's TRANSACTION_PAYLOAD_EVENT the events that are compressed in it
 * (8.0.20 and later, `binlog_transaction_compression`): their place is the payload's. One payload may give many batches,
 * with a turn of the event loop between them, so that neither memory nor waiting grows with what is in it. MariaDB's
 * compressed events (`log_bin_compress`) are unpacked here as well where they are large.
 *
 * @param server whose log it is, for errors.
 * @throws WaymarkError `unsupported-event` or `protocol` for a payload that can't be unpacked, and what the batches throw.
 */
export async function* unpackEvents(
  batches: AsyncIterable<EventBatch>,
  server: string,
): AsyncGenerator<EventBatch, void, undefined> {
  const events = new EventList(server);
  for await (const batch of batches) {
    if (!batch.packed) {
      yield batch;
      continue;
    }
    events.clear();
    const packed: number[] = [];
    batch.forEach((buffer, start, end, place) => {
      if (isPacked(buffer, start, end)) packed.push(events.length);
      events.push(buffer, start, end, place);
    });
    let { bytes } = batch;
    let from = 0;
    for (const at of packed) {
      yield part(batch, events, { from, to: at, bytes, complete: false });
      bytes = 0;
      from = at + 1;
      yield* unpacked(batch, events, at, server);
    }
    yield part(batch, events, { from, to: events.length, bytes, complete: batch.complete });
  }
}

/** Whether an event of that type can be one that {@link unpackEvents} unpacks. */
export function mayBePacked(type: number): boolean {
  return type === EventType.transactionPayload || isCompressedByMariadb(type);
}

function isPacked(buffer: Buffer, start: number, end: number): boolean {
  return eventType(buffer, start) === EventType.transactionPayload || isLargeWhenUnpacked(buffer, start, end);
}

/** What is in the packed event at an index of the list. */
async function* unpacked(
  batch: EventBatch,
  events: EventList,
  at: number,
  server: string,
): AsyncGenerator<EventBatch, void, undefined> {
  const { buffer, start, end, place } = events.get(at);
  if (eventType(buffer, start) === EventType.transactionPayload) {
    yield* payload(batch, events, at, server);
    return;
  }
  const inner = new EventList(server);
  const event = await unpackedEvent(buffer, start, end);
  inner.push(event, 0, event.length, place);
  yield part(batch, inner, { from: 0, to: 1, bytes: 0, complete: false });
}

/** The events inside of the payload event at an index of the list. */
async function* payload(
  batch: EventBatch,
  events: EventList,
  at: number,
  server: string,
): AsyncGenerator<EventBatch, void, undefined> {
  const { buffer, start, end, place } = events.get(at);
  const splitter = new EventSplitter();
  const inner = new EventList(server);
  for await (const piece of unpackTransactionPayload(buffer, start + headerBytes, end)) {
    splitter.push(piece, (bytes, eventStart, eventEnd) => {
      inner.push(bytes, eventStart, eventEnd, place);
    });
    yield part(batch, inner, { from: 0, to: inner.length, bytes: 0, complete: false });
    inner.clear();
    await turn();
  }
  if (splitter.isBetweenEvents) return;
  const coordinates = { file: place.file, position: place.end };
  throw new WaymarkError(
    'unsupported-event',
    `Before ${formatCoordinates(coordinates)} the log holds a compressed transaction that ends in the middle of an event`,
    { details: coordinates },
  );
}

function part(
  { end }: EventBatch,
  events: EventList,
  { from, to, bytes, complete }: { from: number; to: number; bytes: number; complete: boolean },
): EventBatch {
  return { bytes, end, complete, packed: false, ...events.part(from, to) };
}

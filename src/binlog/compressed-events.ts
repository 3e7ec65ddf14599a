import { decompressedPieces, decompressRowEventPayload, unpackedBytesOf } from './compression.js';
import { EventType, eventType } from './event.js';
import { LargeRows } from './large-rows.js';
import type { RowWalk } from './null-bits.js';
import { statementOffset } from './query-event.js';
import { rowImagesOffset } from './rows-event.js';

/** MariaDB's types of compressed events, and those of the same events uncompressed (sql/log_event.h). */
const plainTypes: ReadonlyMap<number, number> = new Map([
  [EventType.mariadbQueryCompressed, EventType.query],
  [EventType.mariadbWriteRowsCompressedV1, EventType.writeRowsV1],
  [EventType.mariadbUpdateRowsCompressedV1, EventType.updateRowsV1],
  [EventType.mariadbDeleteRowsCompressedV1, EventType.deleteRowsV1],
  [EventType.mariadbWriteRowsCompressed, EventType.writeRowsV2],
  [EventType.mariadbUpdateRowsCompressed, EventType.updateRowsV2],
  [EventType.mariadbDeleteRowsCompressed, EventType.deleteRowsV2],
]);

/** Whether events of that type have been compressed by MariaDB. */
export function isCompressedByMariadb(type: number): boolean {
  return plainTypes.has(type);
}

/** How much the event says that it takes when it is unpacked. */
export function unpackedSize(buffer: Buffer, start: number, end: number): number {
  const from = packedStart(buffer, start, end);
  return from - start + unpackedBytesOf(buffer.subarray(from, end));
}

/**
 * The event that one of MariaDB's compressed events is when it is unpacked.
 * @throws WaymarkError `protocol` when it can't be unpacked.
 */
export function unpackedAtOnce(buffer: Buffer, start: number, end: number): Buffer {
  const from = packedStart(buffer, start, end);
  const content = decompressRowEventPayload(buffer.subarray(from, end));
  return plain(Buffer.concat([buffer.subarray(start, from), content]));
}

/** The same in another thread. */
export async function unpackedElsewhere(buffer: Buffer, start: number, end: number): Promise<Buffer> {
  const from = packedStart(buffer, start, end);
  // Memory that isn't touched yet is none: what is claimed costs nothing before it has come.
  const event = Buffer.allocUnsafeSlow(unpackedSize(buffer, start, end));
  let at = buffer.copy(event, 0, start, from);
  for await (const piece of decompressedPieces(buffer.subarray(from, end))) at += piece.copy(event, at);
  return plain(event);
}

/**
 * The row events that a large one of MariaDB's compressed ones is when it is unpacked and split; some at a time.
 * @param walk see TableMaps.
 */
export async function* unpackedRows(
  buffer: Buffer,
  start: number,
  end: number,
  walk: RowWalk,
): AsyncGenerator<readonly Buffer[], void, undefined> {
  const from = packedStart(buffer, start, end);
  const rows = new LargeRows(plain(Buffer.from(buffer.subarray(start, from))), walk);
  for await (const piece of decompressedPieces(buffer.subarray(from, end))) yield rows.push(piece);
  yield rows.end();
}

/** Says of an event that it isn't compressed. */
function plain(event: Buffer): Buffer {
  const type = plainTypes.get(eventType(event, 0));
  if (type === undefined) throw new TypeError(`not a compressed event: type ${eventType(event, 0)}`);
  event.writeUInt8(type, 4);
  event.writeUInt32LE(event.length, 9);
  return event;
}

function packedStart(buffer: Buffer, start: number, end: number): number {
  return eventType(buffer, start) === EventType.mariadbQueryCompressed
    ? statementOffset(buffer, start, end)
    : rowImagesOffset(buffer, start, end);
}

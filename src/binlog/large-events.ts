import { decompressInto, unpackedBytesOf } from './compression.js';
import { EventType, eventType } from './event.js';
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

/** What unpacks to no more takes a few milliseconds, and is unpacked where it is read. */
const smallBytes = 1024 * 1024;

/** Whether events of that type have been compressed by MariaDB. */
export function isCompressedByMariadb(type: number): boolean {
  return plainTypes.has(type);
}

/** Whether an event is one of MariaDB's compressed ones and unpacks to much. */
export function isLargeWhenUnpacked(buffer: Buffer, start: number, end: number): boolean {
  if (!isCompressedByMariadb(eventType(buffer, start))) return false;
  return unpackedBytesOf(buffer.subarray(packedStart(buffer, start), end)) > smallBytes;
}

/**
 * The event that one of MariaDB's compressed events is when it is unpacked. Another thread does that.
 * @throws WaymarkError `protocol` when it can't be unpacked.
 */
export async function unpackedEvent(buffer: Buffer, start: number, end: number): Promise<Buffer> {
  const type = plainTypes.get(eventType(buffer, start));
  if (type === undefined) throw new TypeError(`not a compressed event: type ${eventType(buffer, start)}`);
  const from = packedStart(buffer, start);
  const packed = buffer.subarray(from, end);
  const headBytes = from - start;
  const event = Buffer.allocUnsafeSlow(headBytes + unpackedBytesOf(packed));
  buffer.copy(event, 0, start, from);
  event.writeUInt8(type, 4);
  event.writeUInt32LE(event.length, 9);
  await decompressInto(event, headBytes, packed);
  return event;
}

function packedStart(buffer: Buffer, start: number): number {
  return eventType(buffer, start) === EventType.mariadbQueryCompressed
    ? statementOffset(buffer, start)
    : rowImagesOffset(buffer, start);
}

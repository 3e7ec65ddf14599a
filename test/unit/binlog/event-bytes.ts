import { deflateSync } from 'node:zlib';
import { plainZstd } from './zstd-frames.js';
import { mayBePacked } from '../../../src/binlog/unpacked-events.js';
import { largeRowsBytes } from '../../../src/binlog/large-rows.js';
import { EventList } from '../../../src/binlog/event-list.js';
import type { EventBatch } from '../../../src/binlog/event.js';
import { PositionTracker } from '../../../src/dump/position-tracker.js';

/** The header of an event to build; what isn't said is as in an ordinary event. */
export type HeaderFields = {
  readonly second?: number;
  readonly type: number;
  readonly serverId?: number;
  /** The stated end position; 0 says none. */
  readonly endPosition?: number;
  readonly flags?: number;
  /** Bytes of checksum that the stated size is to count though they are not there (as visitors see events). */
  readonly checksumBytes?: number;
};

const headerBytes = 19;

/** An event as it stands on the wire. */
export function event(fields: HeaderFields, body: Buffer): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(fields.second ?? 1_700_000_000, 0);
  header.writeUInt8(fields.type, 4);
  header.writeUInt32LE(fields.serverId ?? 1, 5);
  header.writeUInt32LE(headerBytes + body.length + (fields.checksumBytes ?? 0), 9);
  header.writeUInt32LE(fields.endPosition ?? 0, 13);
  header.writeUInt16LE(fields.flags ?? 0, 17);
  return Buffer.concat([header, body]);
}

/** Little-endian, as everything in the log is. */
export function uint(value: number | bigint, bytes: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer.subarray(0, bytes);
}

/** A QUERY_EVENT. */
export function queryEvent(
  sql: string | Buffer,
  options: Partial<HeaderFields> & { schema?: string; statusVariables?: Buffer } = {},
): Buffer {
  const { schema = '', statusVariables = Buffer.alloc(0), ...header } = options;
  const body = Buffer.concat([
    uint(7, 4),
    uint(0, 4),
    uint(Buffer.byteLength(schema), 1),
    uint(0, 2),
    uint(statusVariables.length, 2),
    statusVariables,
    Buffer.from(`${schema}\0`),
    Buffer.from(sql),
  ]);
  return event({ type: 2, ...header }, body);
}

/** A TABLE_MAP_EVENT as far as waymark itself reads it. */
export function tableMapEvent(tableId: number, schema: string, table: string): Buffer {
  return event(
    { type: 19 },
    Buffer.concat([
      uint(tableId, 6),
      uint(1, 2),
      uint(schema.length, 1),
      Buffer.from(`${schema}\0`),
      uint(table.length, 1),
      Buffer.from(`${table}\0`),
    ]),
  );
}

/**
 * A row event, version 1 (MariaDB) or 2 (MySQL), of a table with up to 8 columns unless the bitmaps of present columns are
 * given.
 */
export function rowsEvent(
  type: number,
  tableId: number,
  images: Buffer,
  header: Partial<HeaderFields> & { extra?: Buffer; columns?: number; present?: Buffer } = {},
): Buffer {
  const updates = [24, 31, 39, 167, 170].includes(type);
  const { extra, columns = 2, present = Buffer.alloc(updates ? 2 : 1, 0xff), ...fields } = header;
  return event(
    { type, ...fields },
    Buffer.concat([
      uint(tableId, 6),
      uint(1, 2),
      ...(extra === undefined ? [] : [uint(extra.length + 2, 2), extra]),
      uint(columns, 1),
      present,
      images,
    ]),
  );
}

/** A ROTATE_EVENT. */
export function rotateEvent(file: string, position: number, header: Partial<HeaderFields> = {}): Buffer {
  return event({ type: 4, ...header }, Buffer.concat([uint(position, 8), Buffer.from(file)]));
}

/** MySQL's length-encoded integer. */
export function lengthEncoded(value: number): Buffer {
  if (value < 0xfb) return uint(value, 1);
  if (value < 0x1_0000) return Buffer.concat([uint(0xfc, 1), uint(value, 2)]);
  if (value < 0x100_0000) return Buffer.concat([uint(0xfd, 1), uint(value, 3)]);
  return Buffer.concat([uint(0xfe, 1), uint(value, 8)]);
}

/** Where logs of tests begin. */
const logStart = { file: 'bin.000001', position: 4 };

/** Events with their places in a log that begins at bin.000001:4. */
export function listOf(events: readonly Buffer[], position = new PositionTracker(logStart)): EventList {
  const list = new EventList('server:3306');
  for (const bytes of events) {
    position.advance(bytes, 0, bytes.length);
    list.push(bytes, 0, bytes.length, position.place);
  }
  return list;
}

/** The batches of a log, with so many events in each. */
export async function* batchesOf(
  events: readonly Buffer[],
  each = events.length,
): AsyncGenerator<EventBatch, void, undefined> {
  const position = new PositionTracker(logStart);
  for (let from = 0; from < events.length; from += each) {
    await Promise.resolve();
    const some = events.slice(from, from + each);
    const list = listOf(some, position);
    yield {
      bytes: some.reduce((sum, { length }) => sum + length, 0),
      end: position.end,
      complete: true,
      packed: some.some((bytes) => bytes.length > largeRowsBytes || mayBePacked(bytes[4] ?? 0)),
      ...list.part(),
    };
  }
}

/** The events of a transaction in a TRANSACTION_PAYLOAD_EVENT, in blocks of the given size. */
export function payloadEvent(events: readonly Buffer[], blockBytes: number): Buffer {
  const content = Buffer.concat(events);
  const blocks = Array.from({ length: Math.ceil(content.length / blockBytes) }, (_, index) =>
    content.subarray(index * blockBytes, (index + 1) * blockBytes),
  );
  return payloadEventOf(plainZstd(blocks));
}

/** A TRANSACTION_PAYLOAD_EVENT with packed content. */
export function payloadEventOf(packed: Buffer): Buffer {
  const size = lengthEncoded(packed.length);
  return event({ type: 40 }, Buffer.concat([Buffer.of(1, size.length), size, Buffer.of(0), packed]));
}

/** What MariaDB makes of a payload (sql/log_event.cc, binlog_buf_compress). */
export function packedByMariadb(payload: Buffer, lengthBytes: 1 | 2 | 3 | 4): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(payload.length, 0, lengthBytes);
  return Buffer.concat([Buffer.of(0x80 | lengthBytes), length, deflateSync(payload)]);
}

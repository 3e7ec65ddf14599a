import { decompressRowEventPayload, readLengthEncodedInteger } from './compression.js';
import { EventType, eventType, headerBytes, requireRoom } from './event.js';

export type RowOperation = 'insert' | 'update' | 'delete';

/** The table that a table id stands for, from its TABLE_MAP_EVENT. */
export type TableName = { readonly schema: string; readonly table: string };

/** A row event without its decoding: enough to digest it and to pass it on. */
export type RowsEvent = {
  readonly operation: RowOperation;
  readonly tableId: number;
  readonly columnCount: number;
  /** Where the bitmap of present columns begins in the event; for updates another one follows, of the new rows. */
  readonly presentBitmap: number;
  /** The row images, from behind the column bitmaps to the end; unpacked where the server had packed them. */
  readonly images: Buffer;
  /** Whether the images have all columns, and these whole: a session may leave out some, or log parts of JSON. */
  readonly complete: boolean;
};

const rowEventKinds = new Map<number, { operation: RowOperation; version: 1 | 2; compressed: boolean }>([
  [EventType.writeRowsV1, { operation: 'insert', version: 1, compressed: false }],
  [EventType.updateRowsV1, { operation: 'update', version: 1, compressed: false }],
  [EventType.deleteRowsV1, { operation: 'delete', version: 1, compressed: false }],
  [EventType.writeRowsV2, { operation: 'insert', version: 2, compressed: false }],
  [EventType.updateRowsV2, { operation: 'update', version: 2, compressed: false }],
  [EventType.deleteRowsV2, { operation: 'delete', version: 2, compressed: false }],
  [EventType.partialUpdateRows, { operation: 'update', version: 2, compressed: false }],
  [EventType.mariadbWriteRowsCompressedV1, { operation: 'insert', version: 1, compressed: true }],
  [EventType.mariadbUpdateRowsCompressedV1, { operation: 'update', version: 1, compressed: true }],
  [EventType.mariadbDeleteRowsCompressedV1, { operation: 'delete', version: 1, compressed: true }],
  [EventType.mariadbWriteRowsCompressed, { operation: 'insert', version: 2, compressed: true }],
  [EventType.mariadbUpdateRowsCompressed, { operation: 'update', version: 2, compressed: true }],
  [EventType.mariadbDeleteRowsCompressed, { operation: 'delete', version: 2, compressed: true }],
]);

/** What an event of a type does to rows; null where it is no row event. */
export function rowOperationOf(type: number): RowOperation | null {
  return rowEventKinds.get(type)?.operation ?? null;
}

/** A table id that stands for no table: MySQL sends it to free its table maps (sql/log_event.h). */
export const dummyTableId = 0xffffff;

/** The fields of a row event before its images. */
type RowsHead = {
  readonly operation: RowOperation;
  readonly compressed: boolean;
  readonly columnCount: number;
  readonly presentBitmap: number;
  readonly imagesStart: number;
};

function readRowsHead(buffer: Buffer, start: number, end: number): RowsHead {
  const kind = rowEventKinds.get(eventType(buffer, start));
  if (kind === undefined) throw new TypeError(`not a row event: type ${eventType(buffer, start)}`);
  const { operation, version, compressed } = kind;
  let offset = start + headerBytes + 8;
  if (version === 2) offset += buffer.readUInt16LE(offset);
  const [columnCount, presentBitmap] = readLengthEncodedInteger(buffer, offset);
  const bitmapBytes = (columnCount + 7) >> 3;
  const imagesStart = presentBitmap + bitmapBytes * (operation === 'update' ? 2 : 1);
  requireRoom(imagesStart, end, 'A row event');
  return { operation, compressed, columnCount, presentBitmap, imagesStart };
}

/** Where the row images begin in the event. MariaDB packs from there on. */
export function rowImagesOffset(buffer: Buffer, start: number, end: number): number {
  return readRowsHead(buffer, start, end).imagesStart;
}

/** What a row event says before its images, which begin at `imagesStart`; null where they can't be walked. */
export function walkableHead(
  buffer: Buffer,
  start: number,
  end: number,
):
  | (Pick<RowsEvent, 'operation' | 'columnCount' | 'presentBitmap' | 'tableId'> & { imagesStart: number })
  | null {
  const type = eventType(buffer, start);
  // Parts of JSON values can't be walked without decoding them.
  if (!rowEventKinds.has(type) || type === EventType.partialUpdateRows) return null;
  return { ...readRowsHead(buffer, start, end), tableId: buffer.readUIntLE(start + headerBytes, 6) };
}

/**
 * Reads a row event: table id (6), flags (2), in version 2 the length of extra data (2, counting itself) and the
 * data, then the column count, one bitmap of present columns (two for updates), and the row images.
 * MySQL: libs/mysql/binlog/event/rows_event.h; MariaDB packs from the row images on.
 */
export function readRowsEvent(buffer: Buffer, start: number, end: number): RowsEvent {
  const { operation, compressed, columnCount, presentBitmap, imagesStart } = readRowsHead(buffer, start, end);
  const updates = operation === 'update';
  const bitmapBytes = (columnCount + 7) >> 3;
  const images = buffer.subarray(imagesStart, end);
  const complete =
    eventType(buffer, start) !== EventType.partialUpdateRows &&
    hasAllColumns(buffer, presentBitmap, columnCount) &&
    (!updates || hasAllColumns(buffer, presentBitmap + bitmapBytes, columnCount));
  return {
    operation,
    tableId: buffer.readUIntLE(start + headerBytes, 6),
    columnCount,
    presentBitmap,
    images: compressed ? decompressRowEventPayload(images) : images,
    complete,
  };
}

/** Whether a bitmap of present columns names them all. */
function hasAllColumns(buffer: Buffer, bitmap: number, columnCount: number): boolean {
  const whole = columnCount >> 3;
  for (let index = 0; index < whole; index += 1) {
    if (buffer[bitmap + index] !== 0xff) return false;
  }
  const rest = (1 << (columnCount & 7)) - 1;
  return ((buffer[bitmap + whole] ?? 0) & rest) === rest;
}

/** Reads the name from a TABLE_MAP_EVENT: id (6), flags (2), then schema and table with length and zero byte. */
export function readTableName(buffer: Buffer, start: number, end: number): TableName {
  const body = start + headerBytes;
  const schemaBytes = buffer.readUInt8(body + 8);
  const schemaStart = body + 9;
  const tableStart = schemaStart + schemaBytes + 2;
  const tableBytes = buffer.readUInt8(tableStart - 1);
  requireRoom(tableStart + tableBytes, end, 'A table map');
  return {
    schema: buffer.toString('utf8', schemaStart, schemaStart + schemaBytes),
    table: buffer.toString('utf8', tableStart, tableStart + tableBytes),
  };
}

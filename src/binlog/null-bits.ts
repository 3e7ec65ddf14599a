import { readLengthEncodedInteger } from './compression.js';
import { headerBytes, requireRoom } from './event.js';
import type { RowsEvent } from './rows-event.js';

/**
 * How many bytes each column's value takes: a number of bytes, or, negative, how many bytes before it say its length.
 * Enough to walk from row to row without decoding any.
 */
export type ColumnSizes = Int32Array;

/** MySQL's type codes (include/field_types.h; MariaDB: include/mysql_com.h), with the bytes of metadata of each. */
const metadataBytes: Readonly<Record<number, number>> = {
  ...{ 1: 0, 2: 0, 3: 0, 4: 1, 5: 1, 6: 0, 7: 0, 8: 0, 9: 0, 10: 0, 11: 0, 12: 0, 13: 0, 14: 0 },
  ...{ 15: 2, 16: 2, 17: 1, 18: 1, 19: 1, 140: 1, 141: 2, 242: 1, 245: 1, 246: 2, 247: 2, 248: 2 },
  ...{ 249: 1, 250: 1, 251: 1, 252: 1, 253: 2, 254: 2, 255: 1 },
};

const fixedSizes: Readonly<Record<number, number>> = {
  ...{ 1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 6: 0, 7: 4, 8: 8, 9: 3, 10: 3, 11: 3, 12: 8, 13: 1, 14: 3 },
};

/**
 * Reads the columns of a TABLE_MAP_EVENT: id (6), flags (2), schema and table (each: length, text, zero byte), the
 * column count, a type for each column, the length of the metadata, the metadata.
 * @returns null when a column has a type that isn't known: then rows can't be walked.
 */
export function readColumnSizes(buffer: Buffer, start: number, end: number): ColumnSizes | null {
  let offset = start + headerBytes + 8;
  offset += buffer.readUInt8(offset) + 2;
  offset += buffer.readUInt8(offset) + 2;
  const [count, types] = readLengthEncodedInteger(buffer, offset);
  requireRoom(types + count, end, 'A table map');
  let [, metadata] = readLengthEncodedInteger(buffer, types + count);
  const sizes = new Int32Array(count);
  for (let column = 0; column < count; column += 1) {
    const type = buffer.readUInt8(types + column);
    const bytes = metadataBytes[type];
    if (bytes === undefined) return null;
    const size = sizeOf(type, buffer, metadata);
    if (size === null) return null;
    sizes[column] = size;
    metadata += bytes;
  }
  return sizes;
}

/** MySQL: libs/mysql/binlog/event/binary_log_funcs.cpp, calc_field_size. */
function sizeOf(type: number, buffer: Buffer, metadata: number): number | null {
  switch (type) {
    case 15: // VARCHAR
    case 141: // VARCHAR, compressed (MariaDB)
      return buffer.readUInt16LE(metadata) > 255 ? -2 : -1;
    case 16: // BIT: bits over whole bytes, whole bytes
      return buffer.readUInt8(metadata + 1) + (buffer.readUInt8(metadata) > 0 ? 1 : 0);
    case 17: // TIMESTAMP, DATETIME and TIME with a fraction
      return 4 + fractionBytes(buffer.readUInt8(metadata));
    case 18:
      return 5 + fractionBytes(buffer.readUInt8(metadata));
    case 19:
      return 3 + fractionBytes(buffer.readUInt8(metadata));
    case 246:
      return decimalBytes(buffer.readUInt8(metadata), buffer.readUInt8(metadata + 1));
    case 254:
      return stringSize(buffer.readUInt8(metadata), buffer.readUInt8(metadata + 1));
    case 140: // BLOB, compressed (MariaDB)
    case 242: // VECTOR
    case 245: // JSON
    case 249: // BLOBs
    case 250:
    case 251:
    case 252:
    case 255: // GEOMETRY
      return -buffer.readUInt8(metadata);
    default:
      return fixedSizes[type] ?? null;
  }
}

function fractionBytes(digits: number): number {
  return (digits + 1) >> 1;
}

const digitsToBytes = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4] as const;

/** Nine digits take four bytes, on either side of the point by itself. */
function decimalBytes(precision: number, scale: number): number {
  const side = (digits: number): number => Math.floor(digits / 9) * 4 + (digitsToBytes[digits % 9] ?? 0);
  return side(precision - scale) + side(scale);
}

/** STRING: the real type and a length, whose two upper bits stand, inverted, in the type (ENUM and SET have none). */
function stringSize(realType: number, low: number): number {
  if (realType === 247 || realType === 248) return low;
  const length = ((((realType << 4) & 0x300) ^ 0x300) | low) >>> 0;
  return length > 255 ? -2 : -1;
}

/** Sets the unused null bits in the images of a row event: {@link setUnusedNullBits}. */
export function settleNullBits(
  { operation, columnCount, presentBitmap, images }: RowsEvent,
  buffer: Buffer,
  sizes: ColumnSizes,
): void {
  if (columnCount !== sizes.length) return;
  const before = presentSizes(sizes, buffer, presentBitmap);
  const after =
    operation === 'update' ? presentSizes(sizes, buffer, presentBitmap + ((columnCount + 7) >> 3)) : before;
  setUnusedNullBits(images, before, after);
}

/** The sizes of the columns that a bitmap of present columns names: all of them where images are full. */
function presentSizes(sizes: ColumnSizes, buffer: Buffer, bitmap: number): ColumnSizes {
  for (let column = 0; column < sizes.length; column += 1) {
    if (!isPresent(buffer, bitmap, column)) {
      return sizes.filter((_size, at) => isPresent(buffer, bitmap, at));
    }
  }
  return sizes;
}

function isPresent(buffer: Buffer, bitmap: number, column: number): boolean {
  return (buffer.readUInt8(bitmap + (column >> 3)) & (1 << (column & 7))) !== 0;
}

/** The last bytes of the null bitmaps in an event; kept to be used again. */
let lastBytes = new Uint32Array(1024);

/**
 * Sets the unused bits at the end of every row image's null bitmap: MySQL 8.0 and later leave them 0, older ones and
 * MariaDB set them (rpl_record.cc, pack_row), and the same row must have the same digest. Changes nothing, and gives
 * false, when the images are not what the columns say.
 * @param images of a row event, changed in place.
 * @param before the columns of every image, or, for updates, of the first, third, …
 * @param after for updates the columns of the second, fourth, …
 */
export function setUnusedNullBits(images: Buffer, before: ColumnSizes, after = before): boolean {
  if ((before.length & 7) === 0 && (after.length & 7) === 0) return true;
  let offset = 0;
  let count = 0;
  while (offset < images.length) {
    const sizes = (count & 1) === 0 ? before : after;
    if (sizes.length === 0) return false;
    if (count === lastBytes.length) lastBytes = enlarged(lastBytes);
    lastBytes[count] = offset + ((sizes.length - 1) >> 3);
    count += 1;
    offset = behindRow(images, offset, sizes);
  }
  if (offset !== images.length) return false;
  for (let index = 0; index < count; index += 1) {
    const used = ((index & 1) === 0 ? before : after).length & 7;
    const at = lastBytes[index] ?? 0;
    if (used > 0) images[at] = (images[at] ?? 0) | (0xff << used);
  }
  return true;
}

/** Walks the rows of an event without decoding them. */
export type RowWalk = {
  /** Where the row ends that begins there; beyond the images where it isn't whole, or no row. */
  readonly behindRow: (images: Buffer, start: number) => number;
};

/** How to walk the rows of an event; null where its columns aren't those of its table. */
export function rowWalk(
  { operation, columnCount, presentBitmap }: Pick<RowsEvent, 'operation' | 'columnCount' | 'presentBitmap'>,
  buffer: Buffer,
  sizes: ColumnSizes,
): RowWalk | null {
  if (columnCount !== sizes.length || columnCount === 0) return null;
  const before = presentSizes(sizes, buffer, presentBitmap);
  const after =
    operation === 'update' ? presentSizes(sizes, buffer, presentBitmap + ((columnCount + 7) >> 3)) : null;
  if (before.length === 0 && (after === null || after.length === 0)) return null;
  return {
    behindRow: (images, start) => {
      const between = behindRow(images, start, before);
      return after === null || between > images.length ? between : behindRow(images, between, after);
    },
  };
}

/** Where a row image ends; beyond the buffer when the sizes don't fit. */
function behindRow(images: Buffer, bitmap: number, sizes: ColumnSizes): number {
  const columns = sizes.length;
  let offset = bitmap + ((columns + 7) >> 3);
  for (let column = 0; column < columns; column += 1) {
    if (((images[bitmap + (column >> 3)] ?? 0) & (1 << (column & 7))) !== 0) continue;
    const size = sizes[column] ?? 0;
    offset += size >= 0 ? size : prefixedSize(images, offset, -size);
  }
  return offset;
}

/** Bytes of a value with its length before it. */
function prefixedSize(images: Buffer, offset: number, prefix: number): number {
  let length = images[offset] ?? 0;
  if (prefix > 1) length += (images[offset + 1] ?? 0) << 8;
  if (prefix > 2) length += (images[offset + 2] ?? 0) << 16;
  if (prefix > 3) length += (images[offset + 3] ?? 0) * 0x1000000;
  return prefix + length;
}

function enlarged(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}

import type { Readable } from 'node:stream';
import { createInflate, inflateSync } from 'node:zlib';
import { runtime } from '../runtime/runtime.js';
import { WaymarkError } from '../util/errors.js';
import { maximumUnpackedBytes } from './event.js';
import { zstdPieces } from './zstd.js';

/** How much is handed out at once. */
const pieceBytes = 128 * 1024;

/** What MariaDB's `log_bin_compress` puts before the bytes that it has packed. */
type PackedHead = { readonly unpackedBytes: number; readonly dataStart: number };

/**
 * Reads that head: one byte with bit 7 set, the algorithm (0 = zlib) in bits 4-6 and the number of length bytes in bits
 * 0-2, the unpacked length big-endian, then a zlib stream (MariaDB: sql/log_event.cc, binlog_buf_uncompress).
 * @throws WaymarkError `protocol` when that is not what the bytes are.
 */
function readPackedHead(packed: Buffer): PackedHead {
  const head = packed.length > 0 ? packed.readUInt8(0) : 0;
  const lengthBytes = head & 0x07;
  const algorithm = (head & 0x70) >> 4;
  if (
    (head & 0x80) === 0 ||
    lengthBytes < 1 ||
    lengthBytes > 4 ||
    algorithm !== 0 ||
    packed.length < 1 + lengthBytes
  ) {
    throw new WaymarkError('protocol', 'A compressed event from MariaDB has a header that cannot be read');
  }
  const unpackedBytes = packed.readUIntBE(1, lengthBytes);
  if (unpackedBytes > maximumUnpackedBytes) throw tooLarge(unpackedBytes);
  return { unpackedBytes, dataStart: 1 + lengthBytes };
}

/** How much what MariaDB has packed says that it unpacks to. */
export function unpackedBytesOf(packed: Buffer): number {
  return readPackedHead(packed).unpackedBytes;
}

/**
 * Unpacks what MariaDB's `log_bin_compress` packs, at once.
 * @throws WaymarkError `protocol` when that is not what the bytes are.
 */
export function decompressRowEventPayload(packed: Buffer): Buffer {
  const { unpackedBytes, dataStart } = readPackedHead(packed);
  const unpacked = inflate(packed.subarray(dataStart), unpackedBytes);
  if (unpacked.length !== unpackedBytes) throw otherLength(unpacked.length, unpackedBytes);
  return unpacked;
}

function inflate(packed: Buffer, length: number): Buffer {
  try {
    // Into one buffer, with a byte to spare so that zlib sees its end: put together from pieces it takes twice the memory.
    return inflateSync(packed, { maxOutputLength: Math.max(length, 1), chunkSize: Math.max(length + 1, 64) });
  } catch (cause) {
    throw cannotUnpack(cause);
  }
}

/**
 * The same in another thread, where there are any, in pieces of at most 128 KiB, no faster than they are taken.
 * @throws WaymarkError `protocol` when that is not what the bytes are, or not as many as they say.
 */
export async function* decompressedPieces(packed: Buffer): AsyncGenerator<Buffer, void, undefined> {
  if (!runtime().hasThreads) {
    yield* plainPieces(decompressRowEventPayload(packed));
    return;
  }
  const { unpackedBytes, dataStart } = readPackedHead(packed);
  const stream = createInflate({ chunkSize: pieceBytes });
  stream.end(packed.subarray(dataStart));
  let bytes = 0;
  for await (const piece of readable(stream)) {
    bytes += piece.length;
    if (bytes > unpackedBytes) throw otherLength(bytes, unpackedBytes);
    yield piece;
  }
  if (bytes !== unpackedBytes) throw otherLength(bytes, unpackedBytes);
}

async function* readable(stream: Readable): AsyncGenerator<Buffer, void, undefined> {
  try {
    for await (const piece of stream) if (Buffer.isBuffer(piece)) yield piece;
  } catch (cause) {
    throw cannotUnpack(cause);
  }
}

function cannotUnpack(cause: unknown): WaymarkError {
  return new WaymarkError('protocol', 'A compressed event from MariaDB cannot be unpacked', { cause });
}

function otherLength(bytes: number, said: number): WaymarkError {
  return new WaymarkError(
    'protocol',
    `A compressed event from MariaDB unpacks to ${bytes} bytes instead of ${said}`,
  );
}

/** Field types in the head of a TRANSACTION_PAYLOAD_EVENT (libs/mysql/binlog/event/codecs/binary.cpp). */
const payloadField = { end: 0, size: 1, compression: 2, unpackedSize: 3 } as const;
const compressionNone = 255;
const compressionZstd = 0;

/**
 * Unpacks MySQL's TRANSACTION_PAYLOAD_EVENT (8.0.20 and later, `binlog_transaction_compression`): a list of fields
 * (type, length, value; all length-encoded integers), then the events of the transaction, zstd or plain, without
 * checksums. Gives the bytes of the events in pieces of at most 128 KiB, which may end inside an event (see
 * EventSplitter). Each is unpacked when it is asked for, so memory doesn't grow with the ratio, and whoever asks may
 * pause in between. Pieces stay as they are.
 * @throws WaymarkError `protocol`, also when it unpacks to more or less than it says; `unsupported-event` (a
 * compression that isn't known).
 */
export async function* unpackTransactionPayload(
  buffer: Buffer,
  bodyStart: number,
  end: number,
): AsyncGenerator<Buffer, void, undefined> {
  const { compression, dataStart, unpackedBytes } = readPayloadHead(buffer.subarray(0, end), bodyStart);
  let bytes = 0;
  for await (const piece of dataPieces(buffer.subarray(dataStart, end), compression, unpackedBytes)) {
    bytes += piece.length;
    if (bytes > unpackedBytes) throw notAsSaid(`more than ${unpackedBytes}`);
    yield piece;
  }
  if (Number.isFinite(unpackedBytes) && bytes !== unpackedBytes)
    throw notAsSaid(`${bytes} instead of ${unpackedBytes}`);
}

function dataPieces(
  data: Buffer,
  compression: number,
  unpackedBytes: number,
): Iterable<Buffer> | AsyncIterable<Buffer> {
  switch (compression) {
    case compressionNone:
      return plainPieces(data);
    case compressionZstd:
      return zstdPieces(data, unpackedBytes);
    default:
      throw new WaymarkError(
        'unsupported-event',
        `A transaction is compressed with the unknown method ${compression}`,
      );
  }
}

function* plainPieces(data: Buffer): Generator<Buffer, void, undefined> {
  for (let offset = 0; offset < data.length; offset += pieceBytes) {
    yield data.subarray(offset, offset + pieceBytes);
  }
}

function notAsSaid(bytes: string): WaymarkError {
  return new WaymarkError('protocol', `A compressed transaction unpacks to ${bytes} bytes`);
}

/** What stands before the data; `unpackedBytes` is infinite where it isn't said. */
type PayloadHead = {
  readonly compression: number;
  readonly dataStart: number;
  readonly unpackedBytes: number;
};

function readPayloadHead(buffer: Buffer, start: number): PayloadHead {
  let offset = start;
  let compression: number = compressionZstd;
  let packedBytes: number | null = null;
  let unpackedBytes = Number.POSITIVE_INFINITY;
  const number = (): number => {
    if (offset >= buffer.length || offset + lengthEncodedBytes(buffer, offset) > buffer.length) throw cut();
    const [value, next] = readLengthEncodedInteger(buffer, offset);
    offset = next;
    return value;
  };
  const cut = (): WaymarkError =>
    new WaymarkError('protocol', 'A compressed transaction has a head that cannot be read');
  for (;;) {
    const type = number();
    if (type === payloadField.end) break;
    const fieldEnd = number() + offset;
    if (fieldEnd > buffer.length) throw cut();
    if (type === payloadField.compression) compression = number();
    if (type === payloadField.size) packedBytes = number();
    if (type === payloadField.unpackedSize) unpackedBytes = number();
    offset = fieldEnd;
  }
  if (packedBytes !== null && packedBytes !== buffer.length - offset) {
    throw new WaymarkError(
      'protocol',
      `A compressed transaction has ${buffer.length - offset} bytes instead of ${packedBytes}`,
    );
  }
  return { compression, dataStart: offset, unpackedBytes };
}

function lengthEncodedBytes(buffer: Buffer, offset: number): number {
  const first = buffer.readUInt8(offset);
  if (first < 0xfb) return 1;
  if (first === 0xfc) return 3;
  return first === 0xfd ? 4 : 9;
}

/**
 * A length-encoded integer and the offset behind it (MySQL Internals, "Protocol::LengthEncodedInteger").
 * Values beyond 2^53 don't occur where waymark reads one.
 */
export function readLengthEncodedInteger(buffer: Buffer, offset: number): [value: number, next: number] {
  const first = buffer.readUInt8(offset);
  if (first < 0xfb) return [first, offset + 1];
  if (first === 0xfc) return [buffer.readUInt16LE(offset + 1), offset + 3];
  if (first === 0xfd) return [buffer.readUIntLE(offset + 1, 3), offset + 4];
  return [Number(buffer.readBigUInt64LE(offset + 1)), offset + 9];
}

function tooLarge(bytes: number): WaymarkError {
  return new WaymarkError(
    'protocol',
    `A compressed event claims to unpack to ${bytes} bytes. The limit is ${maximumUnpackedBytes}`,
  );
}

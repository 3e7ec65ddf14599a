import { inflateSync } from 'node:zlib';
import { Decompress } from 'fzstd';
import { WaymarkError } from '../util/errors.js';

/** No transaction and no event is larger than this when unpacked; a claim of more is not believed. */
const maximumUnpackedBytes = 1024 * 1024 * 1024 + 1024 * 1024;

/**
 * Unpacks what MariaDB's `log_bin_compress` packs: one byte with bit 7 set, the algorithm (0 = zlib) in bits 4-6 and the number
 * of length bytes in bits 0-2, the unpacked length big-endian, then a zlib stream
 * (MariaDB: sql/log_event.cc, binlog_buf_uncompress).
 * @throws WaymarkError `protocol` when that is not what the bytes are.
 */
export function decompressRowEventPayload(packed: Buffer): Buffer {
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
  const length = packed.readUIntBE(1, lengthBytes);
  if (length > maximumUnpackedBytes) throw tooLarge(length);
  const unpacked = inflate(packed.subarray(1 + lengthBytes), length);
  if (unpacked.length !== length) {
    throw new WaymarkError(
      'protocol',
      `A compressed event from MariaDB unpacks to ${unpacked.length} bytes instead of ${length}`,
    );
  }
  return unpacked;
}

function inflate(packed: Buffer, length: number): Buffer {
  try {
    return inflateSync(packed, { maxOutputLength: Math.max(length, 1) });
  } catch (cause) {
    throw new WaymarkError('protocol', 'A compressed event from MariaDB cannot be unpacked', { cause });
  }
}

/** Field types in the head of a TRANSACTION_PAYLOAD_EVENT (libs/mysql/binlog/event/codecs/binary.cpp). */
const payloadField = { end: 0, size: 1, compression: 2, unpackedSize: 3 } as const;
const compressionNone = 255;
const compressionZstd = 0;

/**
 * Unpacks MySQL's TRANSACTION_PAYLOAD_EVENT (8.0.20 and later, `binlog_transaction_compression`): a list of fields
 * (type, length, value; all length-encoded integers), then the events of the transaction, zstd or plain, without
 * checksums. Gives the unpacked events in pieces, as they are asked for, so that memory does not grow with the ratio.
 * @throws WaymarkError `protocol` or `unsupported-event` (a compression that isn't known).
 */
export function* unpackTransactionPayload(
  buffer: Buffer,
  bodyStart: number,
  end: number,
): Generator<Buffer, void, undefined> {
  const { compression, dataStart } = readPayloadHead(buffer.subarray(0, end), bodyStart);
  const packed = buffer.subarray(dataStart, end);
  if (compression === compressionNone) {
    yield packed;
    return;
  }
  if (compression !== compressionZstd) {
    throw new WaymarkError(
      'unsupported-event',
      `A transaction is compressed with method ${compression}, which is not known`,
    );
  }
  yield* unpackZstd(packed);
}

function readPayloadHead(buffer: Buffer, start: number): { compression: number; dataStart: number } {
  let offset = start;
  let compression: number = compressionZstd;
  let packedBytes: number | null = null;
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
    offset = fieldEnd;
  }
  if (packedBytes !== null && packedBytes !== buffer.length - offset) {
    throw new WaymarkError(
      'protocol',
      `A compressed transaction has ${buffer.length - offset} bytes instead of ${packedBytes}`,
    );
  }
  return { compression, dataStart: offset };
}

/** Bytes that are unpacked at once. */
const packedPieceBytes = 16 * 1024;

function* unpackZstd(packed: Buffer): Generator<Buffer, void, undefined> {
  let unpackedBytes = 0;
  let pieces: Buffer[] = [];
  const stream = new Decompress((piece) => {
    unpackedBytes += piece.length;
    if (unpackedBytes > maximumUnpackedBytes) throw tooLarge(unpackedBytes);
    // A copy: the library goes on to use its window.
    if (piece.length > 0) pieces.push(Buffer.from(piece));
  });
  let offset = 0;
  do {
    const next = offset + packedPieceBytes;
    try {
      stream.push(packed.subarray(offset, next), next >= packed.length);
    } catch (cause) {
      if (cause instanceof WaymarkError) throw cause;
      throw new WaymarkError('protocol', 'A compressed transaction cannot be unpacked', { cause });
    }
    yield* pieces;
    pieces = [];
    offset = next;
  } while (offset < packed.length);
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
    `A compressed event claims ${bytes} bytes when unpacked, more than any server may send`,
  );
}

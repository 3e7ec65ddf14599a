import { deflateSync } from 'node:zlib';
import { EventType } from '../../../src/binlog/event.js';
import { packed, uint } from './bytes.js';
import type { Draft } from './events.js';

/** Statements that are shorter stay as they are: the least that MariaDB's `log_bin_compress_min_len` may be. */
export const leastPackedBytes = 10;

/** MariaDB's types of events whose content is packed, by those of the same events as they are. */
export const packedTypes = {
  query: EventType.mariadbQueryCompressed,
  insert: EventType.mariadbWriteRowsCompressedV1,
  update: EventType.mariadbUpdateRowsCompressedV1,
  delete: EventType.mariadbDeleteRowsCompressedV1,
} as const;

/**
 * What MariaDB makes of a statement's text or of row images (sql/log_event.cc, binlog_buf_compress): one byte with the number
 * of length bytes, the length, most significant byte first, a zlib stream.
 */
export function packedByMariadb(content: Buffer): Buffer {
  const lengthBytes = [1, 2, 3, 4].find((bytes) => content.length < 2 ** (8 * bytes)) ?? 4;
  const head = Buffer.alloc(1 + lengthBytes);
  head.writeUInt8(0x80 | lengthBytes, 0);
  head.writeUIntBE(content.length, 1, lengthBytes);
  return Buffer.concat([head, deflateSync(content, { level: 1 })]);
}

/**
 * TRANSACTION_PAYLOAD_EVENT: the events of a transaction behind its GTID, without checksums, in a zstd frame. Before it stand
 * the sizes and the method (libs/mysql/binlog/event/codecs/binary.cpp).
 */
export function payload(
  events: readonly Draft[],
  { serverId, second }: { readonly serverId: number; readonly second: number },
): Draft {
  const content = Buffer.concat(
    events.flatMap(({ type, body, flags = 0 }) => [
      ...[uint(second, 4), uint(type, 1), uint(serverId, 4), uint(headerBytes + body.length, 4)],
      ...[uint(0, 4), uint(flags, 2), body],
    ]),
  );
  const frame = plainFrame(content);
  const field = (type: number, value: Buffer): Buffer =>
    Buffer.concat([uint(type, 1), packed(value.length), value]);
  return {
    type: EventType.transactionPayload,
    body: Buffer.concat([
      ...[field(2, packed(zstd)), field(3, packed(content.length)), field(1, packed(frame.length))],
      ...[uint(0, 1), frame],
    ]),
  };
}

const headerBytes = 19;
/** The number of the method. */
const zstd = 0;
/** The most that a block of a frame may have. */
const blockBytes = 128 * 1024;

/** A zstd frame whose blocks are not packed: magic number, descriptor (the size is there, with four bytes), size, blocks. */
function plainFrame(content: Buffer): Buffer {
  const parts = [uint(0xfd2f_b528, 4), uint(0xa0, 1), uint(content.length, 4)];
  let at = 0;
  do {
    const block = content.subarray(at, at + blockBytes);
    at += block.length;
    parts.push(uint((block.length << 3) | Number(at >= content.length), 3), block);
  } while (at < content.length);
  return Buffer.concat(parts);
}

import { WaymarkError } from '../util/errors.js';
import { EventType, eventServerId, eventType, headerBytes } from './event.js';

/** What a GTID event (or MySQL's anonymous one) says of the transaction behind it. */
export type TransactionStart = {
  /** The GTID as people write it; null when the transaction has none. */
  readonly gtid: string | null;
  /** {@link Identity.origin}. */
  readonly origin: string;
  /** MariaDB: a single statement, no COMMIT will follow. */
  readonly standalone: boolean;
  /** MariaDB writes no BEGIN: the event stands for it. */
  readonly opens: boolean;
};

/** Reads MariaDB's GTID_EVENT: sequence (8), domain (4), flags (1); the server part is in the header. */
export function readMariadbGtid(buffer: Buffer, start: number): TransactionStart {
  const body = start + headerBytes;
  const sequence = buffer.readBigUInt64LE(body);
  const domain = buffer.readUInt32LE(body + 8);
  const standalone = (buffer.readUInt8(body + 12) & 0x01) !== 0;
  const gtid = `${domain}-${eventServerId(buffer, start)}-${sequence}`;
  return { gtid, origin: `g:${gtid}`, standalone, opens: !standalone };
}

/** Reads any of MySQL's three kinds of GTID event. */
export function readMysqlGtid(buffer: Buffer, start: number, end: number): TransactionStart {
  const type = eventType(buffer, start);
  if (type === EventType.gtidTagged) return readTaggedGtid(buffer, start + headerBytes, end);
  const body = start + headerBytes;
  const gtid =
    type === EventType.anonymousGtid
      ? null
      : `${formatUuid(buffer.subarray(body + 1, body + 17))}:${buffer.readBigInt64LE(body + 17)}`;
  const origin = commitTimeOrigin(buffer, body + 25, end) || gtidOrigin(gtid);
  return { gtid, origin, standalone: false, opens: false };
}

/**
 * Behind flags (1), uuid (16) and number (8): logical clock type (1, the value 2), last_committed (8),
 * sequence_number (8), then since 8.0.1 immediate_commit_timestamp (7 bytes, microseconds); its top bit says that
 * original_commit_timestamp (7) follows, else both are the same (libs/mysql/binlog/event/control_events.cpp).
 */
function commitTimeOrigin(buffer: Buffer, clock: number, end: number): string {
  const immediate = clock + 17;
  if (clock >= end || buffer.readUInt8(clock) !== 2 || immediate + 7 > end) return '';
  const separate = (buffer.readUInt8(immediate + 6) & 0x80) !== 0;
  const at = separate ? immediate + 7 : immediate;
  if (at + 7 > end) return '';
  const low = BigInt(buffer.readUIntLE(at, 6));
  const high = BigInt(buffer.readUInt8(at + 6) & 0x7f);
  const microseconds = (high << 48n) | low;
  // 0 stands for "not known": the transaction came from a server older than 8.0.1.
  return microseconds === 0n ? '' : `c:${microseconds}`;
}

/** Where a server older than 8.0.1 gives no commit time, its GTID is the mark, if it has one. */
function gtidOrigin(gtid: string | null): string {
  return gtid === null ? '' : `u:${gtid}`;
}

/** Field numbers of Gtid_event in the serialised form of GTID_TAGGED_LOG_EVENT (8.3 and later). */
const taggedField = { flags: 0, uuid: 1, number: 2, tag: 3, immediateCommit: 6, originalCommit: 7 } as const;
const highestReadField = taggedField.originalCommit;

/**
 * Reads GTID_TAGGED_LOG_EVENT: one message of MySQL's own serialisation (libs/mysql/serialization/): version, size,
 * last non-ignorable field, then pairs of field id and value in ascending order, absent fields left out. Numbers are
 * varints whose count of trailing one-bits in the first byte says how many bytes follow.
 */
function readTaggedGtid(buffer: Buffer, body: number, end: number): TransactionStart {
  let offset = body;
  const varint = (): bigint => {
    const [value, next] = readSerializedInteger(buffer, offset, end);
    offset = next;
    return value;
  };
  varint();
  const messageEnd = Math.min(end, body + Number(varint()));
  varint();
  let uuid = '';
  let number = 0n;
  let tag = '';
  let immediate = 0n;
  let original: bigint | null = null;
  while (offset < messageEnd) {
    const field = Number(varint());
    if (field > highestReadField) break;
    if (field === taggedField.uuid) {
      uuid = formatUuid(Buffer.from(Array.from({ length: 16 }, () => Number(varint()))));
    } else if (field === taggedField.tag) {
      const length = Number(varint());
      tag = buffer.toString('utf8', offset, offset + length);
      offset += length;
    } else {
      const value = varint();
      // The number is signed on the wire: zigzag, as every signed integer of this serialisation.
      if (field === taggedField.number) number = value & 1n ? -(value >> 1n) - 1n : value >> 1n;
      if (field === taggedField.immediateCommit) immediate = value;
      if (field === taggedField.originalCommit) original = value;
    }
  }
  const microseconds = original ?? immediate;
  const gtid = tag === '' ? `${uuid}:${number}` : `${uuid}:${tag}:${number}`;
  return {
    gtid,
    origin: microseconds === 0n ? gtidOrigin(gtid) : `c:${microseconds}`,
    standalone: false,
    opens: false,
  };
}

function readSerializedInteger(buffer: Buffer, offset: number, end: number): [bigint, number] {
  const first = offset < end ? buffer.readUInt8(offset) : 0;
  let extra = 0;
  while (extra < 8 && ((first >> extra) & 1) === 1) extra += 1;
  if (offset + 1 + extra > end)
    throw new WaymarkError('protocol', 'A tagged GTID event is shorter than it says');
  if (extra === 8) return [buffer.readBigUInt64LE(offset + 1), offset + 9];
  let value = BigInt(first >> (extra + 1));
  for (let i = 0; i < extra; i += 1) {
    value |= BigInt(buffer.readUInt8(offset + 1 + i)) << BigInt(8 * i + 7 - extra);
  }
  return [value, offset + 1 + extra];
}

function formatUuid(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

import { WaymarkError } from '../util/errors.js';
import { EventType, eventServerId, eventType, headerBytes, requireRoom } from './event.js';

/** What a GTID event (or MySQL's anonymous one) says of the transaction behind it. */
export type TransactionStart = {
  /** The GTID as people write it; null when the transaction has none. */
  readonly gtid: string | null;
  /** {@link Identity.origin}. */
  readonly origin: string;
  /** Id of the session on the source; null where the event doesn't have it. */
  readonly connection: number | null;
  /** MariaDB: a single statement, no COMMIT will follow. */
  readonly standalone: boolean;
  /** MariaDB writes no BEGIN: the event stands for it. */
  readonly opens: boolean;
  /** MariaDB: the ALTER TABLE behind it doesn't change anything, as it only begins, or was rolled back. */
  readonly voidAlter: boolean;
};

/** MariaDB's Gtid_log_event flags (sql/log_event.h): FL_STANDALONE, FL_GROUP_COMMIT_ID, FL_PREPARED_XA, FL_COMPLETED_XA. */
const mariadbFlag = { standalone: 0x01, groupCommitId: 0x02, preparedXa: 0x40, completedXa: 0x80 } as const;
/** FL_EXTRA_MULTI_ENGINE_E1, FL_START_ALTER_E1, FL_COMMIT_ALTER_E1, FL_ROLLBACK_ALTER_E1, FL_EXTRA_THREAD_ID. */
const mariadbExtraFlag = {
  ...{ engines: 0x01, startAlter: 0x02, commitAlter: 0x04, rollbackAlter: 0x08, thread: 0x10 },
} as const;

/**
 * Whether what follows a GTID event may turn out not to have been committed, so that it has to be held until its end.
 * On MariaDB nothing tells before; on MySQL bit 0 does (FLAG_MAY_HAVE_SBR, libs/mysql/binlog/event/control_events.h;
 * before 5.7 it is always set): a group without it has rows alone, and what is rolled back of these is cut out before
 * the group is written.
 */
export function mayBeRolledBack(buffer: Buffer, start: number, end: number): boolean {
  const body = start + headerBytes;
  switch (eventType(buffer, start)) {
    case EventType.mariadbGtid:
      return (buffer.readUInt8(body + 12) & mariadbFlag.standalone) === 0;
    case EventType.gtidTagged:
      return (readTaggedFields(buffer, body, end).flags & 1) !== 0;
    default:
      return (buffer.readUInt8(body) & 1) !== 0;
  }
}

/** Reads MariaDB's GTID_EVENT: sequence (8), domain (4), flags (1), …; the server part is in the header. */
export function readMariadbGtid(buffer: Buffer, start: number, end: number): TransactionStart {
  const body = start + headerBytes;
  requireRoom(body + 13, end, 'A GTID event');
  const high = buffer.readUInt32LE(body + 4);
  const sequence =
    high < 0x20_0000 ? high * 2 ** 32 + buffer.readUInt32LE(body) : buffer.readBigUInt64LE(body);
  const domain = buffer.readUInt32LE(body + 8);
  const flags = buffer.readUInt8(body + 12);
  const standalone = (flags & mariadbFlag.standalone) !== 0;
  const origin = `${originPrefix(domain, eventServerId(buffer, start))}${sequence}`;
  const { voidAlter, connection } = readMariadbExtra(buffer, body, end, flags);
  return { gtid: origin.slice(2), origin, connection, standalone, opens: !standalone, voidAlter };
}

let lastPrefix = { domain: 0, serverId: 0, text: 'g:0-0-' };

/** `g:domain-server-`, the same for nearly all transactions of a log. */
function originPrefix(domain: number, serverId: number): string {
  if (domain !== lastPrefix.domain || serverId !== lastPrefix.serverId) {
    lastPrefix = { domain, serverId, text: `g:${domain}-${serverId}-` };
  }
  return lastPrefix.text;
}

/**
 * With `binlog_alter_two_phase` MariaDB logs an ALTER TABLE when it begins, and again when it is committed or rolled
 * back, told apart by the extra flags. They stand behind the flags, the commit id (8) and the XID, if there are these:
 * its format (4), the lengths of its two parts (1 each), the parts. Behind them the number of engines (1), the number of
 * the ALTER's beginning (8) and, from 11.5 on, the session's id (4) (sql/log_event.cc, Gtid_log_event).
 */
function readMariadbExtra(
  buffer: Buffer,
  body: number,
  end: number,
  flags: number,
): Pick<TransactionStart, 'voidAlter' | 'connection'> {
  let offset = body + 13;
  if ((flags & mariadbFlag.groupCommitId) !== 0) offset += 8;
  if ((flags & (mariadbFlag.preparedXa | mariadbFlag.completedXa)) !== 0) {
    requireRoom(offset + 6, end, 'A GTID event');
    offset += 6 + buffer.readUInt8(offset + 4) + buffer.readUInt8(offset + 5);
  }
  const extra = offset < end ? buffer.readUInt8(offset) : 0;
  if (extra === 0) return nothingExtra;
  const voidAlter = (extra & (mariadbExtraFlag.startAlter | mariadbExtraFlag.rollbackAlter)) !== 0;
  if ((extra & mariadbExtraFlag.thread) === 0) return { voidAlter, connection: null };
  let thread = offset + 1;
  if ((extra & mariadbExtraFlag.engines) !== 0) thread += 1;
  if ((extra & (mariadbExtraFlag.commitAlter | mariadbExtraFlag.rollbackAlter)) !== 0) thread += 8;
  return { voidAlter, connection: thread + 4 <= end ? buffer.readUInt32LE(thread) : null };
}

const nothingExtra = { voidAlter: false, connection: null } as const;

/** Reads any of MySQL's three kinds of GTID event. */
export function readMysqlGtid(buffer: Buffer, start: number, end: number): TransactionStart {
  const type = eventType(buffer, start);
  if (type === EventType.gtidTagged) return readTaggedGtid(buffer, start + headerBytes, end);
  const body = start + headerBytes;
  requireRoom(body + 25, end, 'A GTID event');
  const gtid =
    type === EventType.anonymousGtid
      ? null
      : `${formatUuid(buffer.subarray(body + 1, body + 17))}:${buffer.readBigInt64LE(body + 17)}`;
  const origin = commitTimeOrigin(buffer, body + 25, end) || gtidOrigin(gtid);
  return { ...ofMysql, gtid, origin };
}

const ofMysql = { connection: null, standalone: false, opens: false, voidAlter: false } as const;

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

function readTaggedGtid(buffer: Buffer, body: number, end: number): TransactionStart {
  const { uuid, tag, number, immediate, original } = readTaggedFields(buffer, body, end);
  const microseconds = original ?? immediate;
  const gtid = tag === '' ? `${uuid}:${number}` : `${uuid}:${tag}:${number}`;
  return { ...ofMysql, gtid, origin: microseconds === 0n ? gtidOrigin(gtid) : `c:${microseconds}` };
}

type TaggedFields = {
  flags: number;
  uuid: string;
  number: bigint;
  tag: string;
  immediate: bigint;
  original: bigint | null;
};

/**
 * Reads GTID_TAGGED_LOG_EVENT: one message of MySQL's own serialisation (libs/mysql/serialization/): version, size,
 * last non-ignorable field, then pairs of field id and value in ascending order, absent fields left out. Numbers are
 * varints whose count of trailing one-bits in the first byte says how many bytes follow.
 */
function readTaggedFields(buffer: Buffer, body: number, end: number): TaggedFields {
  let offset = body;
  const varint = (): bigint => {
    const [value, next] = readSerializedInteger(buffer, offset, end);
    offset = next;
    return value;
  };
  varint();
  const messageEnd = Math.min(end, body + Number(varint()));
  varint();
  const fields: TaggedFields = { flags: 0, uuid: '', number: 0n, tag: '', immediate: 0n, original: null };
  while (offset < messageEnd) {
    const field = Number(varint());
    if (field > highestReadField) break;
    if (field === taggedField.uuid) {
      fields.uuid = formatUuid(Buffer.from(Array.from({ length: 16 }, () => Number(varint()))));
    } else if (field === taggedField.tag) {
      const length = Number(varint());
      requireRoom(offset + length, end, 'A tagged GTID event');
      fields.tag = buffer.toString('utf8', offset, offset + length);
      offset += length;
    } else {
      const value = varint();
      if (field === taggedField.flags) fields.flags = Number(value);
      // The number is signed on the wire: zigzag, as every signed integer of this serialisation.
      if (field === taggedField.number) fields.number = value & 1n ? -(value >> 1n) - 1n : value >> 1n;
      if (field === taggedField.immediateCommit) fields.immediate = value;
      if (field === taggedField.originalCommit) fields.original = value;
    }
  }
  return fields;
}

/** Reads an integer of MySQL's serialisation (libs/mysql/serialization/); gives it and where the next value begins. */
export function readSerializedInteger(buffer: Buffer, offset: number, end: number): [bigint, number] {
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

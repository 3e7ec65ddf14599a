import { hasSystemCode, WaymarkError } from '../util/errors.js';
import type { Coordinates } from './coordinates.js';

/**
 * Binary log events as they stand on the wire. Every event begins with a 19-byte header, little-endian:
 * timestamp (4), type (1), server_id (4), event size with header (4), end position (4), flags (2).
 * MySQL: libs/mysql/binlog/event/binlog_event.h; MariaDB: sql/log_event.h.
 */
export const headerBytes = 19;

/** max_allowed_packet ends at 1 GiB, and so do events; a claim of more is not believed. */
export const maximumEventBytes = 1024 * 1024 * 1024 + 1024 * 1024;

/**
 * What an event may have that comes compressed: a megabyte on the wire could else take a gigabyte here. Only a single row
 * makes such an event (`binlog_row_event_max_size` ends all others); this is twice what one with both its images has at
 * MySQL's default of `max_allowed_packet`.
 */
export const maximumUnpackedBytes = 256 * 1024 * 1024;

/** Event types that waymark looks at. Numbers below 160 are common or MySQL's; from 160 on they are MariaDB's. */
export const EventType = {
  query: 2,
  stop: 3,
  rotate: 4,
  intvar: 5,
  rand: 13,
  userVar: 14,
  formatDescription: 15,
  xid: 16,
  beginLoadQuery: 17,
  executeLoadQuery: 18,
  tableMap: 19,
  writeRowsV1: 23,
  updateRowsV1: 24,
  deleteRowsV1: 25,
  incident: 26,
  heartbeat: 27,
  rowsQuery: 29,
  writeRowsV2: 30,
  updateRowsV2: 31,
  deleteRowsV2: 32,
  gtid: 33,
  anonymousGtid: 34,
  previousGtids: 35,
  xaPrepare: 38,
  partialUpdateRows: 39,
  transactionPayload: 40,
  heartbeatV2: 41,
  gtidTagged: 42,
  mariadbAnnotateRows: 160,
  mariadbBinlogCheckpoint: 161,
  mariadbGtid: 162,
  mariadbGtidList: 163,
  mariadbStartEncryption: 164,
  mariadbQueryCompressed: 165,
  mariadbWriteRowsCompressedV1: 166,
  mariadbUpdateRowsCompressedV1: 167,
  mariadbDeleteRowsCompressedV1: 168,
  mariadbWriteRowsCompressed: 169,
  mariadbUpdateRowsCompressed: 170,
  mariadbDeleteRowsCompressed: 171,
} as const;

/** LOG_EVENT_ARTIFICIAL_F: made up by the dump thread, not in the file. */
const artificialFlag = 0x20;

/** A number of four bytes in a header, which is whole: the dump stream sees to it. Each event has its read several times. */
function headerField(buffer: Buffer, at: number): number {
  const low = (buffer[at] ?? 0) | ((buffer[at + 1] ?? 0) << 8) | ((buffer[at + 2] ?? 0) << 16);
  return (low | ((buffer[at + 3] ?? 0) << 24)) >>> 0;
}

function flagsOf(buffer: Buffer, start: number): number {
  return (buffer[start + 17] ?? 0) | ((buffer[start + 18] ?? 0) << 8);
}

/** LOG_EVENT_IGNORABLE_F: whoever doesn't know the type may pass the event over. */
const ignorableFlag = 0x80;

/** Whether an event may be passed over by whoever doesn't know its type. */
export function isIgnorable(buffer: Buffer, start: number): boolean {
  return (flagsOf(buffer, start) & ignorableFlag) !== 0;
}

/** LOG_EVENT_THREAD_SPECIFIC_F: the statement goes by something of its session, a temporary table for one. */
const threadSpecificFlag = 0x04;

/** Whether a statement's tables may be its session's temporary ones, which others of the same names stand behind. */
export function isThreadSpecific(buffer: Buffer, start: number): boolean {
  return (flagsOf(buffer, start) & threadSpecificFlag) !== 0;
}

/** Seconds since 1970 when the statement began on the server where it was born. */
export function eventSecond(buffer: Buffer, start: number): number {
  return headerField(buffer, start);
}

/** What Buffer throws when an event is shorter than its fields say. */
export function isOutOfBounds(error: unknown): boolean {
  return error instanceof RangeError && hasSystemCode(error, 'ERR_OUT_OF_RANGE', 'ERR_BUFFER_OUT_OF_BOUNDS');
}

export function eventType(buffer: Buffer, start: number): number {
  return buffer[start + 4] ?? 0;
}

/** The id of the server where the event was born, on every replica. */
export function eventServerId(buffer: Buffer, start: number): number {
  return headerField(buffer, start + 5);
}

/** Bytes the event takes in the file: header, body and checksum. */
export function eventSize(buffer: Buffer, start: number): number {
  return headerField(buffer, start + 9);
}

/**
 * Where the event ends in its file, modulo 2^32; 0 in events made up by the dump thread and in MariaDB inside a
 * transaction.
 */
export function eventEndPosition(buffer: Buffer, start: number): number {
  return headerField(buffer, start + 13);
}

/** Whether the dump thread made the event up: it takes no room in the file. */
export function isArtificial(buffer: Buffer, start: number): boolean {
  const type = eventType(buffer, start);
  if (type === EventType.heartbeat || type === EventType.heartbeatV2) return true;
  if ((flagsOf(buffer, start) & artificialFlag) !== 0) return true;
  // A dump that begins in the middle of a file sends the file's first event again with end position 0
  // (MySQL: sql/rpl_binlog_sender.cc, send_format_description_event; MariaDB: sql/sql_repl.cc).
  return (
    eventEndPosition(buffer, start) === 0 &&
    (type === EventType.formatDescription ||
      type === EventType.rotate ||
      type === EventType.mariadbStartEncryption ||
      type === EventType.mariadbGtidList)
  );
}

/**
 * Sees to it that what an event says of itself has room in it: behind its end the next one stands.
 * @param needed where what is said of it ends.
 * @throws WaymarkError `protocol` where that is behind the event's end.
 */
export function requireRoom(needed: number, end: number, what: string): void {
  if (needed > end) throw new WaymarkError('protocol', `${what} is shorter than it says`);
}

/**
 * Where an event stands in the log: the file, its first byte, and behind its last. What takes no room in the file (made
 * up by the dump thread; a rotation, which stands at the beginning of the file that it leads to) has both the same.
 * One object serves for all events: whoever keeps a place copies it.
 */
export type EventPlace = {
  readonly file: string;
  readonly start: number;
  readonly end: number;
  /** The XID of the group that the event belongs to, where that group ends in XA PREPARE (see held-groups.ts). */
  readonly xid: string | null;
};

/**
 * Called for each event, in order. `start` is where the header begins, `end` is behind the body, without the
 * checksum. The place is valid until the visitor returns, the bytes until the next batch is asked for.
 */
export type EventVisitor = (buffer: Buffer, start: number, end: number, place: EventPlace) => void;

/**
 * The same for whoever may have to wait for something before it can take an event: then it gives a promise, and the event
 * comes again when that has resolved.
 */
export type WaitingVisitor = (...event: Parameters<EventVisitor>) => Promise<void> | null;

/** Events that arrived together. Visit them before asking for the next batch. */
export type EventBatch = {
  /** As many bytes came from the server; 0 where it is the same ones again, unpacked or held back before. */
  readonly bytes: number;
  /** How far the log has been read. */
  readonly end: Coordinates;
  /** Whether everything before {@link end} has been visited: if not, more of it comes in a later batch. */
  readonly complete: boolean;
  /** Whether something may be among the events that is to be unpacked or split (see unpacked-events.ts). */
  readonly packed: boolean;
  /** Visits each event in order. */
  readonly forEach: (visit: EventVisitor) => void;
  /** Visits each event in order up to one that waits, and gives what for; called again, goes on with that event. */
  readonly visit: (visit: WaitingVisitor) => Promise<void> | null;
};

import { headerBytes, requireRoom } from '../binlog/event.js';

/** The last transaction of a domain that a server has given its GTID. */
export type GtidListEntry = {
  readonly domainId: number;
  readonly serverId: number;
  readonly sequence: bigint;
};

const entryBytes = 16;

/**
 * Reads MariaDB's GTID_LIST_EVENT, which tells what was logged before its file: the number of entries (28 bits) and
 * flags (4 bits), then domain (4), server id (4), and sequence number (8) of each. The last entry of a domain is its
 * last transaction (MariaDB: sql/log_event.h, Gtid_list_log_event).
 * @throws WaymarkError `protocol` if the event is shorter than it says.
 */
export function readGtidList(buffer: Buffer, start: number, end: number): readonly GtidListEntry[] {
  const body = start + headerBytes;
  requireRoom(body + 4, end, 'A GTID list');
  const count = buffer.readUInt32LE(body) & 0x0fff_ffff;
  requireRoom(body + 4 + count * entryBytes, end, 'A GTID list');
  return Array.from({ length: count }, (_, index) => {
    const at = body + 4 + entryBytes * index;
    return {
      domainId: buffer.readUInt32LE(at),
      serverId: buffer.readUInt32LE(at + 4),
      sequence: buffer.readBigUInt64LE(at + 8),
    };
  });
}

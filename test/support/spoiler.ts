import { crc32 } from 'node:zlib';
import type { Changer } from './proxy.js';

const packetHeaderBytes = 4;
/** Behind a packet's header and its status byte, a binlog event's header and its checksum at the least. */
const leastEventBytes = 1 + 19 + 4;

/** The largest packet; what is larger goes on in the next one. */
const largestPacketBytes = 0xffffff;

/**
 * Spoils what a server's binlog holds on its way to a reader, so that rows can't be decoded and the checksums are right:
 * the first column of a table gets a type that there is none of.
 */
export function spoiler(table: string): Changer {
  return () => {
    let rest: Buffer = Buffer.alloc(0);
    return (chunk) => {
      const bytes = Buffer.concat([rest, chunk]);
      let offset = 0;
      while (bytes.length - offset >= packetHeaderBytes) {
        const length = bytes.readUIntLE(offset, 3);
        if (length === largestPacketBytes) throw new Error('a packet that goes on in the next one');
        const end = offset + packetHeaderBytes + length;
        if (end > bytes.length) break;
        spoil(bytes.subarray(offset + packetHeaderBytes, end), table);
        offset = end;
      }
      rest = bytes.subarray(offset);
      return bytes.subarray(0, offset);
    };
  };
}

/** TABLE_MAP_EVENT: …, the table's length, its name, a zero byte, the number of columns, a type for each. */
const tableMapType = 19;
const unknownType = 0xee;

function spoil(payload: Buffer, table: string): void {
  if (payload.length < leastEventBytes || payload[0] !== 0) return;
  const event = payload.subarray(1);
  const checksumAt = event.length - 4;
  const name = Buffer.from(`${String.fromCharCode(table.length)}${table}\0`);
  const at = event.indexOf(name);
  if (at < 0 || event.readUInt8(4) !== tableMapType) return;
  if (crc32(event.subarray(0, checksumAt)) !== event.readUInt32LE(checksumAt)) return;
  event.writeUInt8(unknownType, at + name.length + 1);
  event.writeUInt32LE(crc32(event.subarray(0, checksumAt)), checksumAt);
}

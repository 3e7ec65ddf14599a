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
  return eventSpoiler((event) => {
    const name = Buffer.from(`${String.fromCharCode(table.length)}${table}\0`);
    const at = event.indexOf(name);
    if (at < 0 || event.readUInt8(4) !== tableMapType) return false;
    event.writeUInt8(unknownType, at + name.length + 1);
    return true;
  });
}

/** The same with rotations, which lead to a place that no file has. */
export function rotationSpoiler(): Changer {
  return eventSpoiler((event) => {
    // Those that a dump begins with stand in no file.
    if (event.readUInt8(4) !== rotateType || event.readUInt32LE(13) === 0) return false;
    event.fill(0xff, 19, 27);
    return true;
  });
}

/** Puts other events in the place of some, with right checksums. @param replace gives the other one; null: it stays. */
export function eventReplacer(replace: (event: Buffer) => Buffer | null): Changer {
  return () => {
    let rest: Buffer = Buffer.alloc(0);
    return (chunk) => {
      const bytes = Buffer.concat([rest, chunk]);
      const out: Buffer[] = [];
      let offset = 0;
      while (bytes.length - offset >= packetHeaderBytes) {
        const length = bytes.readUIntLE(offset, 3);
        if (length === largestPacketBytes) throw new Error('a packet that goes on in the next one');
        const end = offset + packetHeaderBytes + length;
        if (end > bytes.length) break;
        out.push(changed(bytes.subarray(offset, end), replace));
        offset = end;
      }
      rest = bytes.subarray(offset);
      return Buffer.concat(out);
    };
  };
}

/** The same for what changes an event in its place. @param spoil says whether it did. */
function eventSpoiler(spoil: (event: Buffer) => boolean): Changer {
  return eventReplacer((event) => (spoil(event) ? event : null));
}

/** TABLE_MAP_EVENT: …, the table's length, its name, a zero byte, the number of columns, a type for each. */
const tableMapType = 19;
const unknownType = 0xee;

/** ROTATE_EVENT: header (19), position (8), name. */
const rotateType = 4;

function changed(packet: Buffer, replace: (event: Buffer) => Buffer | null): Buffer {
  const payload = packet.subarray(packetHeaderBytes);
  if (payload.length < leastEventBytes || payload[0] !== 0) return packet;
  const checked = payload.subarray(1);
  const checksumAt = checked.length - 4;
  if (crc32(checked.subarray(0, checksumAt)) !== checked.readUInt32LE(checksumAt)) return packet;
  const event = replace(checked.subarray(0, checksumAt));
  if (event === null) return packet;
  event.writeUInt32LE(event.length + 4, 9);
  const head = Buffer.alloc(packetHeaderBytes + 1);
  head.writeUIntLE(1 + event.length + 4, 0, 3);
  packet.copy(head, 3, 3, packetHeaderBytes);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32(event));
  return Buffer.concat([head, event, checksum]);
}

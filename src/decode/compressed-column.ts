import { inflateRawSync, inflateSync } from 'node:zlib';
import { maximumUnpackedBytes } from '../binlog/event.js';
import { Malformed } from './malformed.js';

const nothing = Buffer.alloc(0);

/**
 * Unpacks a value of a MariaDB column that is COMPRESSED. Empty is empty; else one byte: the method in bits 4–7 (0: as it
 * is, 8: zlib), bit 3 set where there is no zlib header, in bits 0–2 the bytes of the unpacked length, which follows, the
 * highest first (MariaDB: sql/field.cc, Field_longstr::compress and uncompress).
 * @throws Malformed if that is not what the bytes are.
 */
export function decompressColumn(packed: Buffer): Buffer {
  const head = packed[0];
  if (head === undefined) return nothing;
  if (head === 0) return packed.subarray(1);
  const lengthBytes = head & 0x07;
  if (head >> 4 !== 8 || lengthBytes < 1 || lengthBytes > 4 || packed.length <= lengthBytes) {
    throw new Malformed(`a COMPRESSED value begins with ${head}`);
  }
  const length = packed.readUIntBE(1, lengthBytes);
  if (length > maximumUnpackedBytes) throw new Malformed(`a COMPRESSED value claims ${length} bytes`);
  const inflate = (head & 0x08) === 0 ? inflateSync : inflateRawSync;
  const unpacked = unpack(() =>
    inflate(packed.subarray(1 + lengthBytes), { maxOutputLength: Math.max(length, 1) }),
  );
  if (unpacked.length !== length) {
    throw new Malformed(`a COMPRESSED value has ${unpacked.length} bytes instead of ${length}`);
  }
  return unpacked;
}

function unpack(inflate: () => Buffer): Buffer {
  try {
    return inflate();
  } catch (cause) {
    throw new Malformed('a COMPRESSED value cannot be unpacked', { cause });
  }
}

/** A whole number of that many bytes, the lowest first. */
export function uint(value: number | bigint, bytes: number): Buffer {
  if (bytes <= 6 && typeof value === 'number') {
    const buffer = Buffer.allocUnsafe(bytes);
    buffer.writeUIntLE(value, 0, bytes);
    return buffer;
  }
  const buffer = Buffer.allocUnsafe(8);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer.subarray(0, bytes);
}

/** A length-encoded integer (MySQL Internals, "Protocol::LengthEncodedInteger"). */
export function packed(value: number): Buffer {
  if (value < 0xfb) return uint(value, 1);
  if (value < 0x1_0000) return Buffer.concat([uint(0xfc, 1), uint(value, 2)]);
  if (value < 0x100_0000) return Buffer.concat([uint(0xfd, 1), uint(value, 3)]);
  return Buffer.concat([uint(0xfe, 1), uint(value, 8)]);
}

/** A text with its length-encoded length before it. */
export function packedText(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const before = packed(length);
  const bytes = Buffer.allocUnsafe(before.length + length);
  bytes.set(before);
  bytes.write(text, before.length);
  return bytes;
}

/** A UUID's sixteen bytes. */
export function uuidBytes(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

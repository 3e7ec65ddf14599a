import { createHmac } from 'node:crypto';
import type { ValueReader } from './value-reader.js';

/**
 * Writes `{"$hmac": "…"}` instead of a value: the HMAC-SHA-256 (RFC 2104) of its JSON, in base64. With the
 * same key, the same value has the same HMAC. NULL stays null.
 */
export function hashed(reader: ValueReader, key: Buffer): ValueReader {
  return (bytes, at, out) => {
    const start = out.at;
    const { inexact } = out;
    const next = reader(bytes, at, out);
    const digest = createHmac('sha256', key).update(out.bytes.subarray(start, out.at)).digest('base64');
    const text = `{"$hmac":"${digest}"}`;
    out.at = start;
    out.inexact = inexact;
    out.reserve(text.length);
    out.ascii(text);
    return next;
  };
}

import { Malformed } from './malformed.js';
import type { ValueReader } from './value-reader.js';

/** BIT: a number of `count` bytes, the highest byte first. */
export function bitReader(count: number): ValueReader {
  if (count < 1 || count > 8) throw new Malformed(`a BIT column of ${count} bytes`);
  return (bytes, at, out) => {
    let [high, low] = [0, 0];
    for (let index = 0; index < count; index += 1) {
      high = (high << 8) | (low >>> 24);
      low = (low << 8) | (bytes[at + index] ?? 0);
    }
    out.integer64(high, low >>> 0, false);
    return at + count;
  };
}

import { Malformed } from './malformed.js';
import { writeSingle } from './numbers.js';
import { endOf, type LengthBytes, type ValueReader } from './value-reader.js';

/** VECTOR: single-precision numbers. */
export function vectorReader(prefix: LengthBytes): ValueReader {
  return (bytes, at, out) => {
    const end = endOf(bytes, at, prefix);
    if ((end - at - prefix) % 4 !== 0) throw new Malformed(`a VECTOR has ${end - at - prefix} bytes`);
    out.reserve(2);
    out.byte(0x5b);
    for (let next = at + prefix; next < end; next += 4) {
      out.reserve(32);
      if (next > at + prefix) out.byte(0x2c);
      writeSingle(bytes.readFloatLE(next), out);
    }
    out.reserve(1);
    out.byte(0x5d);
    return end;
  };
}

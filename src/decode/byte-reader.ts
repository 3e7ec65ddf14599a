import { Malformed } from './malformed.js';

/** Reads a part of an event, and never beyond its end. */
export class ByteReader {
  at: number;
  readonly #bytes: Buffer;
  readonly #end: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.at = start;
    this.#end = Math.min(end, bytes.length);
  }

  get ended(): boolean {
    return this.at >= this.#end;
  }

  #take(count: number): number {
    const at = this.at;
    if (count > this.#end - at) throw new Malformed(`${count} bytes are missing`);
    this.at = at + count;
    return at;
  }

  /** A number of up to six bytes, the lowest byte first. */
  uint(bytes: 1 | 2 | 3 | 4 | 6): number {
    return this.#bytes.readUIntLE(this.#take(bytes), bytes);
  }

  bytes(count: number): Buffer {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** A reader of a part of this part. */
  part(count: number): ByteReader {
    const at = this.#take(count);
    return new ByteReader(this.#bytes, at, at + count);
  }

  /** A length-encoded integer (MySQL Internals, "Protocol::LengthEncodedInteger"). */
  packed(): number {
    const first = this.uint(1);
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.uint(2);
    if (first === 0xfd) return this.uint(3);
    if (first !== 0xfe) throw new Malformed(`a length begins with ${first}`);
    const value = this.uint(4) + this.uint(4) * 0x1_0000_0000;
    if (!Number.isSafeInteger(value)) throw new Malformed('a length is beyond 2^53');
    return value;
  }

  /** Bytes with their length before them. */
  string(): Buffer {
    return this.bytes(this.packed());
  }
}

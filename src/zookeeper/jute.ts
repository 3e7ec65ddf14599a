/**
 * Jute, ZooKeeper's serialization of records: integers are big-endian. Buffers, strings and vectors begin
 * with their length, where -1 means null (ZooKeeper, src/zookeeper.jute and BinaryOutputArchive).
 */

/** The bytes are not the expected record. */
export class JuteError extends Error {
  override readonly name = 'JuteError';
}

/** Builds a record. */
export class JuteWriter {
  readonly #parts: Buffer[] = [];

  int(value: number): this {
    const part = Buffer.allocUnsafe(4);
    part.writeInt32BE(value);
    return this.#put(part);
  }

  long(value: bigint): this {
    const part = Buffer.allocUnsafe(8);
    part.writeBigInt64BE(value);
    return this.#put(part);
  }

  boolean(value: boolean): this {
    return this.#put(Buffer.of(value ? 1 : 0));
  }

  buffer(value: Uint8Array): this {
    return this.int(value.byteLength).#put(value);
  }

  text(value: string): this {
    return this.buffer(Buffer.from(value, 'utf8'));
  }

  /** Returns the record as a packet: its length, then its bytes. */
  packet(): Buffer {
    const record = Buffer.concat(this.#parts);
    const length = Buffer.allocUnsafe(4);
    length.writeInt32BE(record.length);
    return Buffer.concat([length, record]);
  }

  #put(part: Uint8Array): this {
    this.#parts.push(Buffer.from(part));
    return this;
  }
}

/** Reads a record from its beginning. Never reads beyond its end. */
export class JuteReader {
  readonly #record: Buffer;
  #at = 0;

  constructor(record: Buffer) {
    this.#record = record;
  }

  /** @throws JuteError, like all methods below. */
  int(): number {
    return this.#record.readInt32BE(this.#take(4));
  }

  long(): bigint {
    return this.#record.readBigInt64BE(this.#take(8));
  }

  /** Returns a copy, because the input is reused. Null comes as an empty buffer. */
  buffer(): Buffer {
    const length = this.#length();
    const from = this.#take(length);
    return Buffer.from(this.#record.subarray(from, from + length));
  }

  text(): string {
    return this.buffer().toString('utf8');
  }

  texts(): string[] {
    const count = this.#length();
    const found: string[] = [];
    // Strings are read one by one. So a damaged count allocates no memory.
    while (found.length < count) found.push(this.text());
    return found;
  }

  #length(): number {
    const length = this.int();
    if (length < -1) throw new JuteError(`a length of ${String(length)}`);
    return Math.max(length, 0);
  }

  #take(length: number): number {
    const from = this.#at;
    if (from + length > this.#record.length) {
      throw new JuteError(
        `a record of ${String(this.#record.length)} bytes that is too short for its fields`,
      );
    }
    this.#at += length;
    return from;
  }
}

/** Cuts the bytes of a connection into records, however the chunks are split. */
export class JuteFramer {
  readonly #longest: number;
  #rest: Buffer = Buffer.alloc(0);

  /** @param longest the most bytes that a record may have. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /**
   * Takes a chunk, and returns the records that are complete now.
   * @throws JuteError when a record announces more bytes than it may have.
   */
  *push(chunk: Buffer): Generator<Buffer> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 4) {
      const length = this.#rest.readInt32BE(0);
      if (length < 0 || length > this.#longest) throw new JuteError(`a packet of ${String(length)} bytes`);
      if (this.#rest.length < 4 + length) return;
      const record = this.#rest.subarray(4, 4 + length);
      this.#rest = this.#rest.subarray(4 + length);
      yield record;
    }
  }
}

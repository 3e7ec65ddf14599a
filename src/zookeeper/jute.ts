/**
 * Jute, ZooKeeper's form for records: integers big-endian, a length before bytes, text and lists, where -1 stands for
 * none (ZooKeeper, src/zookeeper.jute and BinaryOutputArchive).
 */

/** What came is no record that it should be. */
export class JuteError extends Error {
  override readonly name = 'JuteError';
}

/** Puts a record together. */
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

  /** The record as a packet: its length before it. */
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

/** Takes a record apart, from its beginning on; reads nothing beyond its end. */
export class JuteReader {
  readonly #record: Buffer;
  #at = 0;

  constructor(record: Buffer) {
    this.#record = record;
  }

  /** @throws JuteError, as all that follow. */
  int(): number {
    return this.#record.readInt32BE(this.#take(4));
  }

  long(): bigint {
    return this.#record.readBigInt64BE(this.#take(8));
  }

  /** A copy: what it was read from is reused. None comes as an empty one. */
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
    // One at a time: a damaged count makes no room for what isn't there.
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
      throw new JuteError(`a record of ${String(this.#record.length)} bytes that wants more`);
    }
    this.#at += length;
    return from;
  }
}

/** Cuts what comes over a connection into records, however it is split. */
export class PacketCutter {
  readonly #longest: number;
  #rest: Buffer = Buffer.alloc(0);

  /** @param longest how many bytes a record may have. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /**
   * The records that are complete by now.
   * @throws JuteError when one announces more than it may have.
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

/** Says why bytes can't be read. The codec turns it into an error for the operator. */
export class MalformedRecord extends Error {
  override readonly name = 'MalformedRecord';
}

/** Appends variable-length integers (7 bits per byte, lowest first) to a growing buffer. */
export class VarintWriter {
  #bytes = Buffer.allocUnsafe(4096);
  #length = 0;

  /**
   * Appends a natural number.
   * @throws RangeError if the value isn't an integer from 0 to 2^53 - 1.
   */
  varint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not a natural number`);
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  /**
   * Appends a signed integer. Small ones are short, whatever their sign.
   * @throws RangeError if the value isn't an integer between -2^52 and 2^52.
   */
  zigzag(value: number): void {
    this.varint(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  /** Returns what was written. It shares memory with the writer. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(this.#bytes.length * 2);
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

/**
 * Reads what VarintWriter wrote. Every method throws MalformedRecord if the bytes end too early or are
 * impossible.
 */
export class VarintReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 8; count += 1) {
      const byte = this.#bytes[this.#offset++];
      if (byte === undefined) throw new MalformedRecord('it ends in the middle of a number');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) throw new MalformedRecord('a number is out of range');
        return value;
      }
      scale *= 0x80;
    }
    throw new MalformedRecord('a number is too long');
  }

  zigzag(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** Returns the next `length` bytes. They share memory with the input. */
  take(length: number): Buffer {
    if (length > this.#bytes.length - this.#offset) throw new MalformedRecord('it ends too early');
    const bytes = this.#bytes.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    return bytes;
  }

  /** The number of unread bytes. */
  get left(): number {
    return this.#bytes.length - this.#offset;
  }
}

import { WaymarkError } from '../util/errors.js';
import { maximumEventBytes } from '../binlog/event.js';

/** Called with each payload: the bytes of `buffer` from `start` to `end`. */
export type PayloadVisitor = (buffer: Buffer, start: number, end: number) => void;

const packetHeaderBytes = 4;

/** A payload of exactly this length continues in the next packet (MySQL Internals, "MySQL Packets"). */
const fullPacketBytes = 0xffffff;

/**
 * Cuts the bytes of a socket into the payloads of MySQL packets (header: length 3, sequence 1).
 *
 * Payloads that are whole in a chunk are visited in place. One that spans chunks is copied once, into a
 * buffer of its size.
 * @throws WaymarkError `protocol` for a payload larger than any server may send.
 */
export class PacketFramer {
  /** The header of the packet that spans chunks. Once the header is whole, the payload is collected too. */
  readonly #header = Buffer.alloc(packetHeaderBytes);
  #headerFilled = 0;
  #payload: Buffer | null = null;
  #payloadFilled = 0;
  /** The full packets of a payload that continues. */
  #continued: Buffer[] = [];
  #continuedBytes = 0;

  /** Takes a chunk, and visits the payloads that are complete now. */
  push(chunk: Buffer, visit: PayloadVisitor): void {
    let offset = this.#headerFilled === 0 ? 0 : this.#fill(chunk, 0, visit);
    while (chunk.length - offset >= packetHeaderBytes) {
      const length = lengthAt(chunk, offset);
      const start = offset + packetHeaderBytes;
      if (chunk.length - start < length) break;
      this.#packet(chunk, start, length, visit);
      offset = start + length;
    }
    if (offset < chunk.length) this.#fill(chunk, offset, visit);
  }

  /** Copies bytes of a chunk into the packet that spans chunks. Returns the offset after the copied bytes. */
  #fill(chunk: Buffer, from: number, visit: PayloadVisitor): number {
    let offset = from;
    if (this.#payload === null) {
      const copied = chunk.copy(this.#header, this.#headerFilled, offset);
      this.#headerFilled += copied;
      offset += copied;
      if (this.#headerFilled < packetHeaderBytes) return offset;
      this.#payload = Buffer.allocUnsafe(lengthAt(this.#header, 0));
    }
    const copied = chunk.copy(this.#payload, this.#payloadFilled, offset);
    this.#payloadFilled += copied;
    const payload = this.#payload;
    if (this.#payloadFilled === payload.length) {
      this.#headerFilled = 0;
      this.#payload = null;
      this.#payloadFilled = 0;
      this.#packet(payload, 0, payload.length, visit);
    }
    return offset + copied;
  }

  #packet(buffer: Buffer, start: number, length: number, visit: PayloadVisitor): void {
    if (length !== fullPacketBytes && this.#continuedBytes === 0) {
      visit(buffer, start, start + length);
      return;
    }
    this.#continued.push(buffer.subarray(start, start + length));
    this.#continuedBytes += length;
    if (this.#continuedBytes > maximumEventBytes) {
      throw new WaymarkError('protocol', `The server sent a packet of more than ${maximumEventBytes} bytes`);
    }
    if (length === fullPacketBytes) return;
    const whole = Buffer.concat(this.#continued, this.#continuedBytes);
    this.#continued = [];
    this.#continuedBytes = 0;
    visit(whole, 0, whole.length);
  }
}

function lengthAt(buffer: Buffer, offset: number): number {
  return (buffer[offset] ?? 0) | ((buffer[offset + 1] ?? 0) << 8) | ((buffer[offset + 2] ?? 0) << 16);
}

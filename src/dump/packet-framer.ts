import { WaymarkError } from '../util/errors.js';
import { maximumEventBytes } from '../binlog/event.js';

/** Called for each payload, which lies in `buffer` from `start` to `end`. */
export type PayloadVisitor = (buffer: Buffer, start: number, end: number) => void;

const packetHeaderBytes = 4;

/** A payload of just this length goes on in the next packet (MySQL Internals, "MySQL Packets"). */
const fullPacketBytes = 0xffffff;

/**
 * Cuts what comes from the socket into the payloads of MySQL packets (4-byte headers: length 3, sequence 1).
 * Payloads that lie whole in a chunk are visited in place; one that spans chunks is copied once, into a buffer of its size.
 * @throws WaymarkError `protocol` for a payload larger than any server may send.
 */
export class PacketFramer {
  /** Of the packet that spans chunks: its header, and, once that is whole, its payload. */
  readonly #header = Buffer.alloc(packetHeaderBytes);
  #headerFilled = 0;
  #payload: Buffer | null = null;
  #payloadFilled = 0;
  /** The full packets of a payload that goes on. */
  #continued: Buffer[] = [];
  #continuedBytes = 0;

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

  /** Takes a chunk's bytes for the packet that spans chunks; gives where it stopped. */
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

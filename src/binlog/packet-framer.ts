import { WaymarkError } from '../util/errors.js';
import { maximumEventBytes } from './event.js';

/** Called for each payload, which lies in `buffer` from `start` to `end`. */
export type PayloadVisitor = (buffer: Buffer, start: number, end: number) => void;

const packetHeaderBytes = 4;

/** A payload of just this length goes on in the next packet (MySQL Internals, "MySQL Packets"). */
const fullPacketBytes = 0xffffff;

/**
 * Cuts what comes from the socket into the payloads of MySQL packets (4-byte headers: length 3, sequence 1).
 * Payloads that lie whole in what is at hand are visited in place; what spans chunks is put together once.
 * @throws WaymarkError `protocol` for a payload larger than any server may send.
 */
export class PacketFramer {
  /** Bytes that don't make a whole packet yet, and how many the packet takes. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #neededBytes = packetHeaderBytes;
  /** The full packets of a payload that goes on. */
  #continued: Buffer[] = [];
  #continuedBytes = 0;

  push(chunk: Buffer, visit: PayloadVisitor): void {
    let buffer = chunk;
    if (this.#pieceBytes > 0) {
      this.#pieces.push(chunk);
      this.#pieceBytes += chunk.length;
      if (this.#pieceBytes < this.#neededBytes) return;
      buffer = Buffer.concat(this.#pieces, this.#pieceBytes);
      this.#pieces = [];
      this.#pieceBytes = 0;
    }
    let offset = 0;
    this.#neededBytes = packetHeaderBytes;
    while (buffer.length - offset >= packetHeaderBytes) {
      const length = buffer.readUIntLE(offset, 3);
      const start = offset + packetHeaderBytes;
      if (buffer.length - start < length) {
        this.#neededBytes = packetHeaderBytes + length;
        break;
      }
      if (length === fullPacketBytes || this.#continuedBytes > 0)
        this.#continue(buffer, start, length, visit);
      else visit(buffer, start, start + length);
      offset = start + length;
    }
    if (offset < buffer.length) {
      this.#pieces = [buffer.subarray(offset)];
      this.#pieceBytes = buffer.length - offset;
    }
  }

  #continue(buffer: Buffer, start: number, length: number, visit: PayloadVisitor): void {
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

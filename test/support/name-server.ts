import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const typeA = 1;
const nameError = 3;

/** A name server on this machine that knows one name, or none (RFC 1035). */
export class NameServer {
  /** Asked for by its name in lower case. */
  readonly name: string;
  /** The IPv4 addresses that the name has now. None: there is no such name. */
  addresses: readonly string[] = [];
  readonly #socket: Socket;

  private constructor(name: string, socket: Socket) {
    this.name = name;
    this.#socket = socket;
    socket.on('message', (query, { port, address }) => {
      socket.send(this.#answer(query), port, address);
    });
  }

  static async start(name: string): Promise<NameServer> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new NameServer(name, socket);
  }

  /** `host:port` */
  get address(): string {
    const { address, port } = this.#socket.address();
    return `${address}:${String(port)}`;
  }

  stop(): void {
    this.#socket.close();
  }

  #answer(query: Buffer): Buffer {
    const labels: string[] = [];
    let at = 12;
    for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const question = query.subarray(12, at + 5);
    const isKnown = labels.join('.').toLowerCase() === this.name && this.addresses.length > 0;
    const found = isKnown && query.readUInt16BE(at + 1) === typeA ? this.addresses : [];
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    // A response that may be asked recursively for.
    header.writeUInt16BE(0x8580 | (isKnown ? 0 : nameError), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(found.length, 6);
    return Buffer.concat([header, question, ...found.map(recordOf)]);
  }
}

/** A record of the name in the question, that nobody may keep. */
function recordOf(address: string): Buffer {
  const head = Buffer.from([0xc0, 0x0c, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4]);
  return Buffer.concat([head, Buffer.from(address.split('.').map(Number))]);
}

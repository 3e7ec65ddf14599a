import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';

/** How a fake server treats a connection; ends with it. */
type Serve = (peer: Peer) => Promise<void>;

/** Speaks a server's protocol as a test wants it: for what no real server does. */
export class FakeServer {
  /** All that clients sent, TLS taken off. */
  readonly received: Buffer[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(serve: Serve) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.#sockets.delete(socket));
      const peer = new Peer(socket, this.received);
      // Whoever goes away ends what was done for him.
      serve(peer).catch(() => {
        socket.destroy();
      });
    });
  }

  static async start(serve: Serve): Promise<FakeServer> {
    const fake = new FakeServer(serve);
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    return fake;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): { host: string; port: number } {
    return { host: '127.0.0.1', port: this.port };
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Flags of a greeting (MySQL source, include/mysql_com.h). */
const capability = {
  longPassword: 1,
  protocol41: 0x200,
  ssl: 0x800,
  secureConnection: 0x8000,
  pluginAuth: 0x80000,
  connectAttributes: 0x100000,
} as const;

export type Greeting = {
  readonly tls?: boolean;
  readonly plugin?: string;
  readonly version?: string;
};

/** A client of a fake server. */
export class Peer {
  readonly scramble = randomBytes(20).map((byte) => (byte % 100) + 1);
  socket: Socket;
  readonly #received: Buffer[];
  #rest = Buffer.alloc(0);
  #packets: Buffer[] = [];
  #sequence = 0;
  #wake: (() => void) | null = null;

  constructor(socket: Socket, received: Buffer[]) {
    this.socket = socket;
    this.#received = received;
    this.#listen();
  }

  /** The payload of the client's next packet. */
  async read(): Promise<Buffer> {
    for (;;) {
      const packet = this.#packets.shift();
      if (packet !== undefined) return packet;
      if (this.socket.destroyed || this.socket.readableEnded) throw new Error('the client has gone');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Resolves when it is taken. */
  async send(...payloads: readonly Buffer[]): Promise<void> {
    const bytes = Buffer.concat(payloads.map((payload) => this.packet(payload)));
    if (this.socket.destroyed) throw new Error('the client has gone');
    if (!this.socket.write(bytes))
      await Promise.race([once(this.socket, 'drain'), once(this.socket, 'close')]);
  }

  /** A payload as a packet, with the next number. */
  packet(payload: Buffer): Buffer {
    const header = Buffer.alloc(4);
    header.writeUIntLE(payload.length, 0, 3);
    header.writeUInt8(this.#sequence, 3);
    this.#sequence = (this.#sequence + 1) % 256;
    return Buffer.concat([header, payload]);
  }

  /** A greeting's payload. */
  greeting({ tls = false, plugin = 'mysql_native_password', version = '8.4.0' }: Greeting = {}): Buffer {
    const flags =
      capability.longPassword |
      capability.protocol41 |
      capability.secureConnection |
      capability.pluginAuth |
      capability.connectAttributes |
      (tls ? capability.ssl : 0);
    const fixed = Buffer.alloc(2 + 1 + 2 + 2 + 1 + 10);
    fixed.writeUInt16LE(flags & 0xffff, 0);
    fixed.writeUInt8(45, 2);
    fixed.writeUInt16LE(2, 3);
    fixed.writeUInt16LE(flags >>> 16, 5);
    fixed.writeUInt8(21, 7);
    return Buffer.concat([
      Buffer.from([10]),
      Buffer.from(`${version}\0`),
      Buffer.from([7, 0, 0, 0]),
      this.scramble.subarray(0, 8),
      Buffer.from([0]),
      fixed,
      this.scramble.subarray(8),
      Buffer.from([0]),
      Buffer.from(`${plugin}\0`),
    ]);
  }

  /** Greets, and takes whatever the client logs in with. */
  async login(greeting: Greeting = {}): Promise<void> {
    await this.send(this.greeting(greeting));
    await this.read();
    await this.ok();
  }

  /** Asks the client to log in by another way. */
  async switchTo(
    plugin: string,
    data: Buffer = Buffer.concat([this.scramble, Buffer.from([0])]),
  ): Promise<void> {
    await this.send(Buffer.concat([Buffer.from([0xfe]), Buffer.from(`${plugin}\0`), data]));
  }

  async ok(): Promise<void> {
    await this.send(Buffer.from([0, 0, 0, 2, 0, 0, 0]));
  }

  async error(number: number, text: string): Promise<void> {
    const head = Buffer.alloc(3, 0xff);
    head.writeUInt16LE(number, 1);
    await this.send(Buffer.concat([head, Buffer.from(`#HY000${text}`)]));
  }

  /** Goes over to TLS, behind a client's request for it. */
  async encrypt(pair: { readonly cert: string; readonly key: string }): Promise<void> {
    this.socket.removeAllListeners('data');
    this.socket.pause();
    // A client doesn't wait for an answer to its request.
    if (this.#rest.length > 0) this.socket.unshift(this.#rest);
    this.#rest = Buffer.alloc(0);
    const secure = new TLSSocket(this.socket, { isServer: true, secureContext: createSecureContext(pair) });
    secure.on('error', () => undefined);
    this.socket = secure;
    this.#listen();
    await Promise.race([
      once(secure, 'secure'),
      once(secure, 'close').then(() => {
        throw new Error('the client has gone');
      }),
    ]);
  }

  #listen(): void {
    this.socket.on('data', (chunk: Buffer) => {
      this.#received.push(chunk);
      this.#rest = Buffer.concat([this.#rest, chunk]);
      while (this.#rest.length >= 4) {
        const end = 4 + this.#rest.readUIntLE(0, 3);
        if (this.#rest.length < end) break;
        this.#sequence = (this.#rest.readUInt8(3) + 1) % 256;
        this.#packets.push(this.#rest.subarray(4, end));
        this.#rest = this.#rest.subarray(end);
      }
      this.#wake?.();
    });
    this.socket.once('close', () => this.#wake?.());
  }
}

import { connect, createServer, type Server, type Socket } from 'node:net';
import type { TestServer } from '../servers/index.js';
import { claimPort, LOOPBACK, releasePort } from '../servers/ports.js';

/** COM_REGISTER_SLAVE: the server id of the replica follows (MySQL Client/Server Protocol). */
const registerReplica = 0x15;

/** How the one at the other end of a connection is told. Both give its name. */
export type Parties = {
  /** By the address that it connects from. */
  readonly byAddress: ReadonlyMap<string, string>;
  /** By the server id that it registers with as a replica. */
  readonly byServerId: ReadonlyMap<number, string>;
};

/**
 * The address at which agents and replicas reach a server. The way between the server and any one of them can be cut
 * there: nothing gets through any more, and nobody is told.
 */
export class Front {
  readonly port: number;
  readonly #target: TestServer;
  readonly #parties: Parties;
  readonly #passages = new Set<Passage>();
  readonly #cut = new Set<string>();
  #server: Server | null = null;

  private constructor(target: TestServer, port: number, parties: Parties) {
    this.#target = target;
    this.port = port;
    this.#parties = parties;
  }

  static async start(target: TestServer, parties: Parties): Promise<Front> {
    const front = new Front(target, await claimPort(), parties);
    await front.open();
    return front;
  }

  /** Takes connections. */
  async open(): Promise<void> {
    const server = createServer((client) => {
      this.#take(client);
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, LOOPBACK, resolve);
    });
  }

  /** Refuses connections, as the port of a server that has ended does. Those that are there end with the server. */
  close(): void {
    this.#server?.close();
    this.#server = null;
  }

  /** Cuts the way to a party. */
  cut(party: string): void {
    this.#cut.add(party);
    for (const passage of this.#passages) if (passage.party === party) passage.hold();
  }

  /** Mends the way to a party: what was sent meanwhile arrives. */
  mend(party: string): void {
    this.#cut.delete(party);
    for (const passage of this.#passages) if (passage.party === party) passage.release();
  }

  /** Ends everything, and gives the port back. */
  discard(): void {
    this.close();
    for (const passage of this.#passages) passage.destroy();
    releasePort(this.port);
  }

  #take(client: Socket): void {
    const passage = new Passage(client, this.#target, {
      party: this.#parties.byAddress.get(client.remoteAddress ?? '') ?? null,
      partyOf: (serverId) => this.#parties.byServerId.get(serverId) ?? null,
      isCut: (party) => this.#cut.has(party),
    });
    this.#passages.add(passage);
    client.on('close', () => this.#passages.delete(passage));
    passage.begin();
  }
}

type PassageOptions = {
  readonly party: string | null;
  readonly partyOf: (serverId: number) => string | null;
  readonly isCut: (party: string) => boolean;
};

/** One connection through a front. */
class Passage {
  readonly #client: Socket;
  readonly #target: TestServer;
  readonly #options: PassageOptions;
  /** What came while the way was cut, by the socket that it goes to. */
  readonly #kept: [Socket, Buffer][] = [];
  #server: Socket | null = null;
  #party: string | null;
  #held = false;
  #ended = false;

  constructor(client: Socket, target: TestServer, options: PassageOptions) {
    this.#client = client;
    this.#target = target;
    this.#options = options;
    this.#party = options.party;
  }

  /** Who is at the other end; null: nobody knows yet. */
  get party(): string | null {
    return this.#party;
  }

  begin(): void {
    this.#client.on('error', () => undefined);
    if (this.#isCut()) this.#held = true;
    else this.#join();
  }

  hold(): void {
    this.#held = true;
    this.#client.pause();
    this.#server?.pause();
  }

  release(): void {
    this.#held = false;
    if (this.#ended) {
      this.destroy();
      return;
    }
    if (this.#server === null) this.#join();
    for (const [to, chunk] of this.#kept.splice(0)) to.write(chunk);
    this.#client.resume();
    this.#server?.resume();
  }

  destroy(): void {
    this.#client.destroy();
    this.#server?.destroy();
  }

  #join(): void {
    const { host, port } = this.#target;
    const server = connect({ host, port, noDelay: true });
    this.#server = server;
    this.#client.setNoDelay();
    server.on('error', () => undefined);
    this.#client.on('data', (chunk: Buffer) => {
      this.#identify(chunk);
      this.#pass(this.#client, server, chunk);
    });
    server.on('data', (chunk: Buffer) => {
      this.#pass(server, this.#client, chunk);
    });
    for (const [one, other] of [
      [this.#client, server],
      [server, this.#client],
    ] as const) {
      other.on('drain', () => {
        if (!this.#held) one.resume();
      });
      one.on('close', () => {
        // An end doesn't get through a way that is cut.
        if (this.#held) this.#ended = true;
        else other.destroySoon();
      });
    }
  }

  #pass(from: Socket, to: Socket, chunk: Buffer): void {
    if (this.#held) this.#kept.push([to, chunk]);
    else if (!to.write(chunk)) from.pause();
  }

  /** A command is a packet of its own: three bytes of length, the number 0, the command. */
  #identify(chunk: Buffer): void {
    if (this.#party !== null || chunk.length < 9) return;
    if (chunk[3] !== 0 || chunk[4] !== registerReplica) return;
    this.#party = this.#options.partyOf(chunk.readUInt32LE(5));
    if (this.#isCut()) this.hold();
  }

  #isCut(): boolean {
    return this.#party !== null && this.#options.isCut(this.#party);
  }
}

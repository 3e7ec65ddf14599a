import { connect, createServer, type Server, type Socket } from 'node:net';

/** How the other side of a connection fails. */
export const faults = ['closed', 'reset', 'silent', 'error', 'rubbish'] as const;

export type Fault = (typeof faults)[number];

/** What fails, and from which command on. */
export type FaultAt = {
  /** `held`: a command is kept back, for as long as the server lives; everything else goes through. */
  readonly kind: Fault | 'held';
  /** The command by number, from 1 (0: nobody gets as far as a greeting), or by its statement. */
  readonly at: number | RegExp;
};

/** Where a proxy leads to. */
type Target = { readonly host: string; readonly port: number };

/** ER_DISK_FULL: says nothing of the account, of the statement or of the connection. */
const errorNumber = 1021;
const errorText = 'Disk full (/tmp); waiting for someone to free some space';

/** COM_QUERY and COM_BINLOG_DUMP (MySQL Client/Server Protocol, Command Phase). */
const commandsSeen = new Set([0x03, 0x12]);

/**
 * Stands before a real server and lets everything through up to one command, counted over all connections. From that
 * command on the server is lost in the given way, also for those who connect anew.
 */
export class FaultyProxy {
  /** Commands that have come so far, each with its statement. */
  readonly commands: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #fault: FaultAt | null;
  #met: boolean;

  private constructor(target: Target, fault: FaultAt | null) {
    this.#fault = fault;
    this.#met = fault?.at === 0;
    this.#server = createServer((client) => {
      this.#keep(client);
      const passes = fault?.kind === 'held' || (fault?.kind === 'error' && fault.at !== 0);
      if (this.#met && !passes) this.#fail(client, null);
      else this.#join(client, connect(target));
    });
  }

  /** @param fault null: nothing fails. */
  static async start(target: Target, fault: FaultAt | null): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(target, fault);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  /** Whether the fault has been met. */
  get met(): boolean {
    return this.#met;
  }

  get target(): Target {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy has no address');
    return { host: address.address, port: address.port };
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(client: Socket, server: Socket): void {
    this.#keep(server);
    const packets = new Packets();
    let lost = false;
    client.on('data', (chunk: Buffer) => {
      if (lost) return;
      for (const packet of packets.push(chunk)) {
        if (this.#fails(packet)) {
          if (this.#fault?.kind === 'held') continue;
          lost = this.#fault?.kind !== 'error';
          this.#fail(client, server);
          if (lost) return;
        } else server.write(packet);
      }
    });
    server.on('data', (chunk: Buffer) => {
      if (!lost) client.write(chunk);
    });
    client.on('close', () => server.destroy());
    server.on('close', () => {
      if (!lost) client.destroy();
    });
  }

  /** Counts the command that a packet begins, and says whether it meets the fault. */
  #fails(packet: Buffer): boolean {
    const [sequence, command] = [packet[3], packet[4]];
    if (sequence !== 0 || command === undefined || !commandsSeen.has(command)) return false;
    const statement = command === 0x12 ? 'COM_BINLOG_DUMP' : packet.toString('utf8', 5);
    this.commands.push(statement);
    if (this.#fault === null) return false;
    const { at, kind } = this.#fault;
    const isIt = typeof at === 'number' ? this.commands.length === at : at.test(statement);
    this.#met ||= isIt;
    return kind === 'held' ? isIt : this.#met;
  }

  #fail(client: Socket, server: Socket | null): void {
    switch (this.#fault?.kind) {
      case 'closed':
        client.end();
        break;
      case 'reset':
        client.resetAndDestroy();
        break;
      case 'error':
        client.write(errorPacket(server === null ? 0 : 1));
        return;
      case 'rubbish':
        client.write(rubbish());
        break;
      case 'held':
      case 'silent':
      case undefined:
        break;
    }
    server?.destroy();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }
}

/** An ERR packet: header, 0xff, number, '#', SQL state, text. */
function errorPacket(sequence: number): Buffer {
  const body = Buffer.concat([Buffer.from([0xff, 0, 0]), Buffer.from(`#HY000${errorText}`)]);
  body.writeUInt16LE(errorNumber, 1);
  const header = Buffer.alloc(4);
  header.writeUIntLE(body.length, 0, 3);
  header.writeUInt8(sequence, 3);
  return Buffer.concat([header, body]);
}

/** Packets in order, with what another kind of server greets with in each. */
function rubbish(): Buffer {
  const text = Buffer.from('SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n');
  return Buffer.concat(
    Array.from({ length: 200 }, (_, index) =>
      Buffer.concat([Buffer.from([text.length, 0, 0, (index + 1) % 256]), text]),
    ),
  );
}

/** Puts a client's bytes together to whole packets, headers included. */
class Packets {
  #rest = Buffer.alloc(0);

  push(chunk: Buffer): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const packets: Buffer[] = [];
    while (this.#rest.length >= 4) {
      const end = 4 + this.#rest.readUIntLE(0, 3);
      if (this.#rest.length < end) break;
      packets.push(this.#rest.subarray(0, end));
      this.#rest = this.#rest.subarray(end);
    }
    return packets;
  }
}

import type { Duplex } from 'node:stream';
import { type DumpLine, DumpThread, readDumpRequest } from './dump-thread.js';
import { eof, error, greeting, ok, packets, result, userIn } from './packets.js';
import type { Scheduler } from './scheduler.js';
import type { ServerSession, SimulatedServer } from './server.js';
import { type Answer, answer } from './statements.js';

export type SessionOptions = {
  readonly scheduler: Scheduler;
  /** The server at an address, for CHANGE MASTER; null: there is none. */
  readonly find: (host: string, port: number) => SimulatedServer | null;
  /** `host:port` of the client. */
  readonly client: string;
};

/** The commands that are known. */
const commands = { quit: 0x01, query: 0x03, ping: 0x0e, dump: 0x12, registerReplica: 0x15 } as const;

/** What stands before an event that is sent. */
const eventStatus = 0;

/** ER_UNKNOWN_COM_ERROR */
const unknownCommandNumber = 1047;

/**
 * Serves a client over a connection, as the server does: greets, takes whatever it logs in with, and answers, one command
 * after the other. A server that is down takes none.
 */
export function serve(server: SimulatedServer, connection: Duplex, options: SessionOptions): void {
  if (!server.isUp) connection.destroy();
  else new Session(server, connection, options).begin();
}

class Session implements ServerSession {
  readonly id: number;
  readonly host: string;
  user = '';
  command = 'Connect';
  dumpsAs: number | null = null;
  readonly #server: SimulatedServer;
  readonly #connection: Duplex;
  readonly #options: SessionOptions;
  readonly #variables = new Map<string, string>();
  #rest: Buffer = Buffer.alloc(0);
  /** Of the next packet. */
  #sequence = 0;
  #loggedIn = false;
  #busy: { cancel(): void } | null = null;
  #dump: DumpThread | null = null;

  constructor(server: SimulatedServer, connection: Duplex, options: SessionOptions) {
    this.id = server.nextSession();
    this.host = options.client;
    this.#server = server;
    this.#connection = connection;
    this.#options = options;
  }

  begin(): void {
    this.#server.sessions.add(this);
    this.#connection.on('data', (chunk: Buffer) => {
      this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
      this.#read();
    });
    this.#connection.on('drain', () => this.#dump?.drained());
    this.#connection.on('end', () => {
      this.#close();
    });
    this.#connection.on('close', () => {
      this.#close();
    });
    // Whoever goes away without a word.
    this.#connection.on('error', () => undefined);
    // MariaDB says so for clients of old.
    const prefix = this.#server.vendor === 'mariadb' ? '5.5.5-' : '';
    this.#send([greeting(`${prefix}${this.#server.version}`, this.id)]);
  }

  readonly end = (): void => {
    this.#forget();
    this.#connection.destroy();
  };

  /** Takes the packets that have come whole, each when the one before has been answered. */
  #read(): void {
    while (this.#busy === null && this.#rest.length >= 4) {
      const end = 4 + this.#rest.readUIntLE(0, 3);
      if (this.#rest.length < end) return;
      const payload = this.#rest.subarray(4, end);
      this.#sequence = (this.#rest.readUInt8(3) + 1) & 0xff;
      this.#rest = this.#rest.subarray(end);
      if (this.#loggedIn) this.#take(payload);
      else this.#login(payload);
    }
  }

  #login(payload: Buffer): void {
    this.#loggedIn = true;
    this.user = userIn(payload);
    this.command = 'Sleep';
    this.#send([ok()]);
  }

  #take(payload: Buffer): void {
    const command = payload.readUInt8(0);
    switch (command) {
      case commands.quit:
        this.#close();
        return;
      case commands.query:
        this.#say(answer(payload.toString('utf8', 1), this.#asker));
        return;
      case commands.ping:
      case commands.registerReplica:
        this.#send([ok()]);
        return;
      case commands.dump:
        this.#startDump(payload);
        return;
      default:
        this.#server.unknown.push(`command ${command}`);
        this.#send([error(unknownCommandNumber, `The model doesn't know command ${command}`)]);
    }
  }

  get #asker(): Parameters<typeof answer>[1] {
    const { id, user } = this;
    return { id, user, server: this.#server, variables: this.#variables, find: this.#options.find };
  }

  #say(said: Answer): void {
    switch (said.kind) {
      case 'rows':
        this.#send(result(said.columns, said.rows));
        return;
      case 'ok':
        this.#send([ok(said.affectedRows)]);
        return;
      case 'error':
        this.#send([error(said.number, said.message)]);
        return;
      case 'later':
        this.#busy = this.#options.scheduler.after(said.afterMs, () => {
          this.#busy = null;
          this.#say(said.answer());
          this.#read();
        });
    }
  }

  /** The session is the dump's from here on. An older one of the same reader is taken for dead. */
  #startDump(payload: Buffer): void {
    const request = readDumpRequest(payload);
    for (const other of [...this.#server.sessions]) if (other.dumpsAs === request.serverId) other.end();
    this.command = 'Binlog Dump';
    this.dumpsAs = request.serverId;
    const line: DumpLine = {
      send: (events) => this.#send(events, eventStatus),
      fail: (number, message) => this.#send([error(number, message)]),
      end: () => {
        // MariaDB says nothing.
        if (this.#server.vendor === 'mysql') this.#send([eof()]);
        this.#close();
      },
    };
    const { scheduler } = this.#options;
    const heartbeatMs = this.#heartbeatMs;
    this.#dump = new DumpThread(this.#server, request, line, { scheduler, heartbeatMs });
    this.#dump.start();
  }

  /** The period is in nanoseconds; MySQL reads the one name and the other, MariaDB the old one alone. */
  get #heartbeatMs(): number {
    const old = this.#variables.get('master_heartbeat_period');
    const period =
      this.#server.vendor === 'mysql' ? (this.#variables.get('source_heartbeat_period') ?? old) : old;
    return Number(period ?? 0) / 1_000_000;
  }

  /** Sends payloads as packets; whether the connection takes more. */
  #send(payloads: readonly Buffer[], status: number | null = null): boolean {
    if (!this.#connection.writable) return false;
    const bytes = packets(payloads, this.#sequence, status);
    this.#sequence = (this.#sequence + payloads.length) & 0xff;
    return this.#connection.write(bytes);
  }

  #close(): void {
    this.#forget();
    this.#connection.end();
  }

  #forget(): void {
    this.#dump?.stop();
    this.#busy?.cancel();
    this.#server.sessions.delete(this);
    for (const [name, holder] of this.#server.locks) if (holder === this.id) this.#server.locks.delete(name);
  }
}

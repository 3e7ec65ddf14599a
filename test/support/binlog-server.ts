import { once } from 'node:events';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { type Connection, createServer } from 'mysql2';
import type { TestServer } from '../servers/index.js';
import { claimPort, LOOPBACK, releasePort } from '../servers/ports.js';

/** What a binlog server may be made to do otherwise. */
export type BinlogServerOptions = {
  /** What it calls itself in its greeting; the source's own version unless said. */
  readonly greeting?: string;
  /** Whether it lists its logs; some only serve them. */
  readonly listsLogs?: boolean;
  /** Whether it begins where it is asked to; some go by GTID and begin at their first log. */
  readonly goesByPosition?: boolean;
};

const eventTypes = { rotate: 4, heartbeat: 27, annotate: 160 } as const;
const headerBytes = 19;
const headerFlags = { inUse: 0x01, artificial: 0x20 } as const;
const nonBlocking = 0x01;
const binlogDump = 0x12;
const heartbeatMs = 200;
const firstPosition = 4;

/**
 * A small binlog server: it has no data, only a source's log files, and serves them under the source's own names and
 * positions to whoever dumps them. It knows what replicas ask, and answers anything else with a syntax error. What it
 * has stays when the source dies.
 */
export class BinlogServer {
  readonly serverId: number;
  readonly port: number;
  readonly #source: TestServer;
  readonly #logBase: string;
  readonly #options: BinlogServerOptions;
  readonly #sockets = new Set<Socket>();
  #server: ReturnType<typeof createServer> | null = null;
  #lastConnection = 0;
  #dumps = 0;

  private constructor(source: TestServer, logBase: string, port: number, options: BinlogServerOptions) {
    this.#source = source;
    this.#logBase = logBase;
    this.#options = options;
    this.port = port;
    this.serverId = 1_000_000 + port;
  }

  static async start(source: TestServer, options: BinlogServerOptions = {}): Promise<BinlogServer> {
    const [row] = await source.query<{ base: string }>('SELECT @@log_bin_basename AS base');
    const server = new BinlogServer(source, row?.base ?? '', await claimPort(), options);
    await server.listen();
    return server;
  }

  /** `host:port` */
  get address(): string {
    return `${LOOPBACK}:${this.port}`;
  }

  /** How many dumps it has been asked for. */
  get dumps(): number {
    return this.#dumps;
  }

  /** Serves (again). */
  async listen(): Promise<void> {
    const server = createServer((connection) => {
      this.#serve(connection);
    });
    // Its types know of the port alone.
    const listen: (port: number, host: string) => unknown = server.listen.bind(server);
    listen(this.port, LOOPBACK);
    this.#server = server;
    await pause(0);
  }

  /** Ends every connection and refuses new ones. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const socket of this.#sockets) socket.destroy();
    if (server !== null)
      await new Promise((resolve) => {
        server.close(resolve);
      });
  }

  async stop(): Promise<void> {
    await this.kill();
    releasePort(this.port);
  }

  #serve(connection: Connection): void {
    const socket = socketOf(connection);
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    connection.on('error', () => undefined);
    connection.serverHandshake({
      protocolVersion: 10,
      serverVersion: this.#options.greeting ?? greetingOf(this.#source),
      connectionId: ++this.#lastConnection,
      statusFlags: 2,
      characterSet: 33,
      // LONG_PASSWORD, CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH
      capabilityFlags: 0x1 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x80000,
    });
    connection.on('query', (sql: string) => {
      this.#answer(connection, sql).catch(() => {
        socket.destroy();
      });
    });
    // mysql2 takes SET for a way to prepare a statement.
    connection.on('stmt_prepare', () => {
      answered(connection, () => {
        connection.writeOk();
      });
    });
    connection.on('packet', (packet: { buffer: Buffer; offset: number; end: number }, _known, command) => {
      if (command !== binlogDump) return;
      this.#dumps += 1;
      const request = readDumpCommand(packet.buffer.subarray(packet.offset + 1, packet.end));
      this.#dump(socket, request).catch(() => {
        socket.destroy();
      });
    });
  }

  async #answer(connection: Connection, sql: string): Promise<void> {
    const reply = (row: Record<string, unknown>, ...more: Record<string, unknown>[]): void => {
      answered(connection, () => {
        connection.writeTextResult([row, ...more], Object.keys(row).map(column));
      });
    };
    const question = sql.trim().toUpperCase();
    if (question === "SHOW VARIABLES LIKE 'SERVER_ID'") {
      reply({ Variable_name: 'server_id', Value: String(this.serverId) });
    } else if (question === 'SHOW MASTER STATUS') {
      const last = (await this.#logs()).at(-1);
      reply({ File: last?.file ?? '', Position: String(last?.size ?? 0) });
    } else if (question === 'SHOW SLAVE STATUS') {
      const { host, port } = this.#source;
      reply({
        Master_Host: host,
        Master_Port: String(port),
        Slave_IO_Running: 'Yes',
        Slave_SQL_Running: 'Yes',
      });
    } else if (question === 'SHOW BINARY LOGS' && this.#options.listsLogs !== false) {
      const [first, ...others] = (await this.#logs()).map(({ file, size }) => ({
        Log_name: file,
        File_size: String(size),
      }));
      if (first !== undefined) reply(first, ...others);
    } else {
      const message = 'You have an error in your SQL syntax; Check the syntax the binlog server accepts.';
      answered(connection, () => {
        connection.writeError({ code: 1064, message });
      });
    }
  }

  /** Its files, by the source's index, oldest first. */
  async #logs(): Promise<{ file: string; size: number }[]> {
    const index = await readFile(`${this.#logBase}.index`, 'utf8');
    const files = index.split('\n').filter((line) => line !== '');
    return Promise.all(
      files.map(async (line) => {
        const file = basename(line);
        return { file, size: (await stat(this.#path(file))).size };
      }),
    );
  }

  #path(file: string): string {
    return join(dirname(this.#logBase), file);
  }

  async #dump(socket: Socket, request: DumpRequest): Promise<void> {
    const sender = new Sender(socket);
    const logs = await this.#logs();
    let { file, position } = request;
    if (this.#options.goesByPosition === false)
      ({ file, position } = { file: logs[0]?.file ?? '', position: 4 });
    const known = logs.find((log) => log.file === file);
    if (known === undefined || position > known.size) {
      sender.error(1236, known === undefined ? 'Could not find first log file name' : 'position > file size');
      return;
    }
    for (;;) {
      await this.#dumpFile(sender, file, position, request);
      if (sender.ended) return;
      const names = (await this.#logs()).map((log) => log.file);
      [file, position] = [names[names.indexOf(file) + 1] ?? '', firstPosition];
    }
  }

  /** One file to its end: where there is a next one, else (non-blocking) the end of all, else what comes. */
  async #dumpFile(sender: Sender, file: string, from: number, { flags }: DumpRequest): Promise<void> {
    const handle = await open(this.#path(file), 'r');
    try {
      await sender.send(rotateEvent(file, from, this.serverId));
      let format = await readEvent(handle, firstPosition);
      // A file that has just been begun may be empty still.
      for (; format === null && !sender.ended; format = await readEvent(handle, firstPosition))
        await pause(10);
      if (format === null) return;
      format[17] = format.readUInt8(17) & ~headerFlags.inUse;
      await sender.send(from === firstPosition ? format : asArtificial(format));
      let position = from === firstPosition ? firstPosition + format.length : from;
      let heardAtMs = performance.now();
      while (!sender.ended) {
        const event = await readEvent(handle, position);
        if (event !== null) {
          position += event.length;
          if (event.readUInt8(4) !== eventTypes.annotate) await sender.send(event);
          heardAtMs = performance.now();
          continue;
        }
        const isLast = (await this.#logs()).at(-1)?.file === file;
        // What was written before the next file was begun may have come since we looked.
        if (!isLast && (await readEvent(handle, position)) === null) return;
        if (isLast && (flags & nonBlocking) !== 0) {
          sender.end();
          return;
        }
        if (performance.now() - heardAtMs > heartbeatMs) {
          await sender.send(heartbeatEvent(file, position, this.serverId));
          heardAtMs = performance.now();
        }
        await pause(10);
      }
    } finally {
      await handle.close();
    }
  }
}

type DumpRequest = { file: string; position: number; flags: number };

/** COM_BINLOG_DUMP behind its command byte: position (4), flags (2), server id (4), file name. */
function readDumpCommand(body: Buffer): DumpRequest {
  return {
    position: body.readUInt32LE(0),
    flags: body.readUInt16LE(4),
    file: body.toString('utf8', 10),
  };
}

/** An event as it stands in a file; null where none has been written whole yet. */
async function readEvent(handle: FileHandle, position: number): Promise<Buffer | null> {
  const header = Buffer.alloc(headerBytes);
  if ((await handle.read(header, 0, headerBytes, position)).bytesRead < headerBytes) return null;
  const event = Buffer.alloc(header.readUInt32LE(9));
  return (await handle.read(event, 0, event.length, position)).bytesRead < event.length ? null : event;
}

function rotateEvent(file: string, position: number, serverId: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeBigUInt64LE(BigInt(position));
  return makeEvent(eventTypes.rotate, Buffer.concat([body, Buffer.from(file)]), 0, serverId);
}

function heartbeatEvent(file: string, position: number, serverId: number): Buffer {
  return makeEvent(eventTypes.heartbeat, Buffer.from(file), position, serverId);
}

/** An event of the server's own making, with its checksum. */
function makeEvent(type: number, body: Buffer, nextPosition: number, serverId: number): Buffer {
  const event = Buffer.alloc(headerBytes + body.length + 4);
  event.writeUInt8(type, 4);
  event.writeUInt32LE(serverId, 5);
  event.writeUInt32LE(event.length, 9);
  event.writeUInt32LE(nextPosition, 13);
  event.writeUInt16LE(headerFlags.artificial, 17);
  body.copy(event, headerBytes);
  return sealed(event);
}

/** The format description before a place inside a file: it doesn't stand there. */
function asArtificial(format: Buffer): Buffer {
  const copy = Buffer.from(format);
  copy.writeUInt32LE(0, 13);
  copy.writeUInt16LE(copy.readUInt16LE(17) | headerFlags.artificial, 17);
  return sealed(copy);
}

function sealed(event: Buffer): Buffer {
  event.writeUInt32LE(crc32(event.subarray(0, -4)), event.length - 4);
  return event;
}

/** Sends the packets of a dump, no faster than they are taken. */
class Sender {
  #sequence = 1;

  constructor(private readonly socket: Socket) {}

  get ended(): boolean {
    return this.socket.destroyed;
  }

  async send(event: Buffer): Promise<void> {
    if (this.ended) return;
    if (!this.#write(Buffer.concat([Buffer.from([0]), event]))) {
      await Promise.race([once(this.socket, 'drain'), once(this.socket, 'close')]);
    }
  }

  error(code: number, message: string): void {
    const head = Buffer.from([0xff, code & 0xff, code >> 8]);
    this.#write(Buffer.concat([head, Buffer.from(`#HY000${message}`)]));
    this.socket.end();
  }

  end(): void {
    this.#write(Buffer.from([0xfe, 0, 0, 0, 0]));
    this.socket.destroySoon();
  }

  #write(payload: Buffer): boolean {
    if (payload.length >= 0xffffff) throw new Error('an event of 16 MiB or more');
    const header = Buffer.alloc(4);
    header.writeUIntLE(payload.length, 0, 3);
    header.writeUInt8(this.#sequence, 3);
    this.#sequence = (this.#sequence + 1) % 256;
    return this.socket.write(Buffer.concat([header, payload]));
  }
}

/** A client counts the packets of each command anew; mysql2, as a server, goes on counting. */
function answered(connection: Connection, write: () => void): void {
  Reflect.set(connection, 'sequenceId', 1);
  write();
  Reflect.set(connection, 'sequenceId', 0);
}

function column(name: string): Record<string, unknown> {
  return {
    catalog: 'def',
    schema: '',
    table: '',
    orgTable: '',
    name,
    orgName: name,
    characterSet: 33,
    columnLength: 1024,
    columnType: 253,
    flags: 0,
    decimals: 0,
  };
}

function greetingOf({ vendor, version }: TestServer): string {
  return vendor === 'mariadb' ? `5.5.5-${version}-MariaDB` : version;
}

/** mysql2 keeps it in `stream`. */
function socketOf(connection: Connection): Socket {
  if ('stream' in connection && connection.stream instanceof Socket) return connection.stream;
  throw new Error('mysql2 gave no socket');
}

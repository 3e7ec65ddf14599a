import { formatAddress } from '../config/address.js';
import { askOver } from '../mysql/ask.js';
import { connect, type ServerConnection } from '../mysql/connection.js';
import type { Instance } from '../mysql/instance.js';
import { isDenied, missingGrant, statementError } from '../mysql/server-error.js';
import { serverText } from '../mysql/server-text.js';
import type { Socket } from '../runtime/network.js';
import { runtime } from '../runtime/runtime.js';
import { WaymarkError } from '../util/errors.js';
import { checksumOf } from '../binlog/checksum.js';
import { type Coordinates, formatCoordinates } from '../binlog/coordinates.js';
import { EventList } from '../binlog/event-list.js';
import {
  type EventBatch,
  eventSize,
  EventType,
  eventType,
  headerBytes,
  isArtificial,
  isOutOfBounds,
} from '../binlog/event.js';
import { DumpEnd } from './dump-end.js';
import { PositionTracker } from './position-tracker.js';
import { type LogFormat, readFormatDescription } from '../binlog/format-description.js';
import { Pace } from '../util/pace.js';
import { PacketFramer } from './packet-framer.js';
import { SocketReader } from './socket-reader.js';
import { largeRowsBytes } from '../binlog/large-rows.js';
import { mayBePacked } from '../binlog/unpacked-events.js';
import { formatDuration } from '../util/quantities.js';

/** Transactions that a server is to leave out: a GTID set in MySQL's form on the wire, or MariaDB's GTID position. */
export type LeftOut =
  | { readonly vendor: 'mysql'; readonly set: Buffer }
  | { readonly vendor: 'mariadb'; readonly position: string };

export type DumpOptions = {
  readonly instance: Instance;
  readonly start: Coordinates;
  readonly signal: AbortSignal;
  /** End at the end of the last log, where it stands when the server gets there, instead of waiting for more. */
  readonly nonBlocking?: boolean;
  /** Have MariaDB send the texts of the statements behind rows; MySQL always does. */
  readonly annotations?: boolean;
  /** Check every event's CRC32 (for what is delivered; a scan that only looks for a place does without). */
  readonly verifyChecksums?: boolean;
  /** How often an idle server says that it is there. */
  readonly heartbeatMs?: number;
  /** Silence after which the stream is taken for dead. */
  readonly silenceMs?: number;
  readonly connectTimeoutMs?: number;
  /** The id under which the server knows us; must be no other replica's. Default: random. */
  readonly serverId?: number;
  /** Upper bound on what is read in a second. */
  readonly maximumBytesPerSecond?: number;
  /** Begin where the first transaction stands that isn't among these, and not at `start`: the server finds it. */
  readonly behind?: LeftOut;
  /** Told the connection's id on the server, right before the log is asked for. */
  readonly onConnected?: (connectionId: number) => void;
};

const defaultHeartbeatMs = 500;
const defaultSilenceMs = 2000;

/** A server id that nobody will have: random among the upper half of the 32-bit ids. */
export function randomServerId(): number {
  return 2 ** 31 + (runtime().random.bytes(4).readUInt32LE() % (2 ** 31 - 1));
}

/**
 * The events of a server's binary log from `start` on, as they stand in the file, in batches as they arrive.
 * Nothing is read from the socket while the consumer is busy, so that backpressure reaches the server.
 *
 * @throws WaymarkError `server-unreachable`, `access-denied`, `missing-grant`, `coordinates` (there is no such
 * place, or its file is gone), `stream-broken` (the connection ended), `stream-silent` (neither event
 * nor heartbeat for `silenceMs`), `checksum`, `protocol`; and the signal's reason when it fires.
 */
export async function* readDump(options: DumpOptions): AsyncGenerator<EventBatch, void, undefined> {
  const { instance, signal } = options;
  if (options.start.position > 0xffffffff) {
    throw new WaymarkError(
      'coordinates',
      `The dump protocol has no positions beyond 4 GiB, so ${formatCoordinates(options.start)} cannot be asked for`,
    );
  }
  const connection = await connect(instance, {
    signal,
    connectTimeoutMs: options.connectTimeoutMs,
  });
  const abort = (): void => {
    connection.discard();
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    const end = await prepare(connection, options);
    options.onConnected?.(connection.id);
    signal.throwIfAborted();
    const socket = takeSocket(connection);
    socket.write(dumpCommand(options));
    yield* batches(socket, options, end);
  } catch (error) {
    signal.throwIfAborted();
    throw statementError(error, instance, dumpPurpose);
  } finally {
    signal.removeEventListener('abort', abort);
    connection.discard();
  }
}

/**
 * The settings of the session that the dump thread goes by. Both names of each are set: MySQL 8.0.26 and later read
 * the `source_` ones, everything else the `master_` ones; unknown user variables do no harm.
 * CRC32: the server sends what is in the file, checksums included; so sizes in the stream are sizes in the file.
 * mariadb_slave_capability 4: GTID events as they are, no stand-ins for old replicas (MariaDB: sql/sql_repl.cc).
 * @returns what a non-blocking dump must come to at least; null where the server says itself that it has ended.
 */
async function prepare(connection: ServerConnection, options: DumpOptions): Promise<DumpEnd | null> {
  const heartbeatNanoseconds = (options.heartbeatMs ?? defaultHeartbeatMs) * 1_000_000;
  const limitMs = options.silenceMs ?? defaultSilenceMs;
  const question = { purpose: dumpPurpose, signal: options.signal, limitMs };
  return askOver(connection, question, async () => {
    await connection.run(
      `SET @master_binlog_checksum = 'CRC32', @source_binlog_checksum = 'CRC32', ` +
        `@master_heartbeat_period = ${heartbeatNanoseconds}, @source_heartbeat_period = ${heartbeatNanoseconds}, ` +
        `@mariadb_slave_capability = 4`,
    );
    if (options.behind?.vendor === 'mariadb') {
      await connection.run('SET @slave_connect_state = ?', [options.behind.position]);
    }
    return options.nonBlocking === true ? DumpEnd.read(connection) : null;
  });
}

/** mysql2 has done the handshake and knows nothing of dumps: from here on the socket is ours. */
function takeSocket(connection: ServerConnection): Socket {
  const { socket } = connection;
  socket.removeAllListeners('data');
  socket.removeAllListeners('end');
  socket.removeAllListeners('close');
  socket.removeAllListeners('error');
  return socket;
}

/** BINLOG_DUMP_NON_BLOCK, and MariaDB's BINLOG_SEND_ANNOTATE_ROWS_EVENT (sql/sql_repl.h). */
const dumpFlags = { nonBlocking: 0x01, annotations: 0x02 } as const;

/**
 * COM_BINLOG_DUMP_GTID: 0x1e, flags (2), server id (4), file name with its length (4), position (8), the set with its length
 * (4). The server looks for the file itself where none is named (MySQL Internals, "COM_BINLOG_DUMP_GTID").
 */
function gtidDumpCommand(options: DumpOptions, set: Buffer): Buffer {
  const packet = Buffer.alloc(4 + 23 + set.length);
  packet.writeUIntLE(23 + set.length, 0, 3);
  packet.writeUInt8(0x1e, 4);
  packet.writeUInt16LE(options.nonBlocking ? dumpFlags.nonBlocking : 0, 5);
  packet.writeUInt32LE(options.serverId ?? randomServerId(), 7);
  packet.writeBigUInt64LE(4n, 15);
  packet.writeUInt32LE(set.length, 23);
  set.copy(packet, 27);
  return packet;
}

/** COM_BINLOG_DUMP: 0x12, position (4), flags (2), server id (4), file name (MySQL Internals, "COM_BINLOG_DUMP"). */
function dumpCommand(options: DumpOptions): Buffer {
  if (options.behind?.vendor === 'mysql') return gtidDumpCommand(options, options.behind.set);
  const name = Buffer.from(options.start.file, 'utf8');
  const packet = Buffer.alloc(4 + 11 + name.length);
  packet.writeUIntLE(11 + name.length, 0, 3);
  packet.writeUInt8(0x12, 4);
  packet.writeUInt32LE(options.start.position, 5);
  const nonBlocking = options.nonBlocking ? dumpFlags.nonBlocking : 0;
  packet.writeUInt16LE(nonBlocking | (options.annotations ? dumpFlags.annotations : 0), 9);
  packet.writeUInt32LE(options.serverId ?? randomServerId(), 11);
  name.copy(packet, 15);
  return packet;
}

async function* batches(
  socket: Socket,
  options: DumpOptions,
  end: DumpEnd | null,
): AsyncGenerator<EventBatch, void, undefined> {
  const reader = new SocketReader(socket, options.signal);
  const framer = new PacketFramer();
  const decoder = new EventDecoder(options, end);
  const pace = new Pace(options.maximumBytesPerSecond);
  const silenceMs = options.silenceMs ?? defaultSilenceMs;
  for (;;) {
    const chunks = await reader.read(silenceMs);
    if (chunks === 'silent') throw silence(options);
    if (chunks === 'ended') {
      if (options.nonBlocking && decoder.atEnd) return;
      throw new WaymarkError('stream-broken', `${serverOf(options)} closed the binlog stream`);
    }
    let failure: { readonly error: unknown } | null = null;
    decoder.clear();
    let bytes = 0;
    try {
      for (const chunk of chunks) {
        bytes += chunk.length;
        framer.push(chunk, decoder.payload);
      }
    } catch (error) {
      // What came before it was right.
      failure = { error: isOutOfBounds(error) ? shorterThanSaid(options, error) : error };
    }
    yield decoder.take(bytes);
    if (failure !== null) throw failure.error;
    if (decoder.ended) return;
    await pace.spent(bytes, options.signal);
  }
}

/** Takes payloads to events: status byte, format description, checksums, places. */
class EventDecoder {
  ended = false;
  #begun = false;
  /** Whether anything of the file has come behind its format description. */
  #inFile = false;
  #format: LogFormat | null = null;
  readonly #options: DumpOptions;
  readonly #end: DumpEnd | null;
  readonly #position: PositionTracker;
  readonly #events: EventList;
  #packed = false;

  constructor(options: DumpOptions, end: DumpEnd | null) {
    this.#options = options;
    this.#end = end;
    this.#position = new PositionTracker(options.start);
    this.#events = new EventList(serverOf(options));
  }

  /** Whether a stream that the server closes here has been to the log's end. */
  get atEnd(): boolean {
    return this.#end?.isReached(this.#position.end) ?? true;
  }

  /** Forgets the events of the batch before. */
  clear(): void {
    this.#events.clear();
    this.#packed = false;
  }

  /** The events since {@link clear}, which came in so many bytes. */
  take(bytes: number): EventBatch {
    return {
      bytes,
      end: this.#position.end,
      complete: true,
      packed: this.#packed,
      ...this.#events.part(),
    };
  }

  readonly payload = (buffer: Buffer, start: number, end: number): void => {
    if (end === start) throw new WaymarkError('protocol', `${serverOf(this.#options)} sent an empty packet`);
    const status = buffer[start] ?? 0;
    if (status === 0xff) throw dumpError(buffer, start, end, this.#options);
    if (status === 0xfe && end - start < 9) {
      this.ended = true;
      if (this.#options.nonBlocking) return;
      const server = serverOf(this.#options);
      throw new WaymarkError('stream-broken', `${server} ended the binlog stream`, {
        details: { server, tookLeave: true },
      });
    }
    if (status !== 0) {
      throw new WaymarkError('protocol', `${serverOf(this.#options)} sent what is no event`);
    }
    const eventStart = start + 1;
    if (end - eventStart < headerBytes) {
      throw new WaymarkError('protocol', `${serverOf(this.#options)} sent an event shorter than its header`);
    }
    if (eventSize(buffer, eventStart) !== end - eventStart) {
      throw new WaymarkError(
        'protocol',
        `${serverOf(this.#options)} sent an event of another size than it says`,
      );
    }
    const type = eventType(buffer, eventStart);
    // At the log's end: a binlog server may not know the flag and wait for more.
    if (this.#options.nonBlocking && (type === EventType.heartbeat || type === EventType.heartbeatV2)) {
      this.ended = true;
      return;
    }
    if (type === EventType.formatDescription) {
      // It would change how all that follows is read.
      if (this.#inFile && !isArtificial(buffer, eventStart)) {
        throw new WaymarkError(
          'protocol',
          `${serverOf(this.#options)} describes a log's format in the middle of it`,
        );
      }
      this.#format = readFormatDescription(buffer, eventStart, end);
    } else if (type === EventType.rotate) this.#inFile = false;
    else this.#inFile ||= !isArtificial(buffer, eventStart);
    const eventEnd = end - this.#checksumBytes(buffer, eventStart, end);
    const left = type === EventType.rotate ? this.#position.end.file : null;
    this.#position.advance(buffer, eventStart, eventEnd);
    if (left !== null) {
      if (!this.#begun && this.#options.behind === undefined) this.#requirePlace();
      if (this.#position.end.file !== left) this.#end?.leaves(left);
    }
    this.#begun = true;
    this.#packed ||= eventEnd - eventStart > largeRowsBytes || mayBePacked(type);
    this.#events.push(buffer, eventStart, eventEnd, this.#position.place);
  };

  /** The rotate event that opens a dump says where it begins. Binlog servers that go by GTID alone begin elsewhere. */
  #requirePlace(): void {
    const begun = formatCoordinates(this.#position.end);
    const wanted = formatCoordinates(this.#options.start);
    if (begun === wanted) return;
    throw new WaymarkError(
      'coordinates',
      `${serverOf(this.#options)} was asked for its binary log from ${wanted} and begins at ${begun}: it doesn't ` +
        'serve it by file and position',
      { details: { server: serverOf(this.#options), ...this.#options.start } },
    );
  }

  #checksumBytes(buffer: Buffer, start: number, end: number): number {
    // The rotate event before the first format description carries a checksum iff the server writes them; nothing in
    // it is needed beyond the name, which the position tracker cuts to the event's stated form.
    const format = this.#format;
    if (format === null) return rotateChecksumBytes(buffer, start, end);
    if (format.checksumBytes === 0) return 0;
    if (this.#options.verifyChecksums) {
      const expected = buffer.readUInt32LE(end - 4);
      const actual = checksumOf(buffer, start, end - 4);
      if (expected !== actual) {
        throw new WaymarkError(
          'checksum',
          `An event from ${serverOf(this.#options)} (type ${eventType(buffer, start)}) does not match its checksum`,
        );
      }
    }
    return 4;
  }
}

/**
 * The rotate event that opens a dump comes before the format description which says whether events have checksums.
 * It has one just when its last four bytes are one.
 */
function rotateChecksumBytes(buffer: Buffer, start: number, end: number): number {
  if (end - start < headerBytes + 12) return 0;
  return checksumOf(buffer, start, end - 4) === buffer.readUInt32LE(end - 4) ? 4 : 0;
}

/**
 * ER_MASTER_FATAL_ERROR_READING_BINLOG: one number for a purged file, a position beyond the end and a place where no event
 * begins. MariaDB's ER_GTID_POSITION_NOT_FOUND_IN_BINLOG and ER_GTID_POSITION_NOT_FOUND_IN_BINLOG2.
 */
const noSuchPlaceNumbers: ReadonlySet<number> = new Set([1236, 1945, 1955]);

/** An ERR packet in the stream: 0xff, number (2), '#' and SQL state (6), text. */
function dumpError(buffer: Buffer, start: number, end: number, options: DumpOptions): WaymarkError {
  const number = buffer.readUInt16LE(start + 1);
  const hasState = buffer.readUInt8(start + 3) === 0x23;
  const said = serverText(buffer.toString('utf8', start + (hasState ? 9 : 3), end), number);
  return errorOfNumber(number, said, options);
}

/** What the server is asked for, for messages. */
const dumpPurpose = 'send its binary log';

function errorOfNumber(number: number, said: string, options: DumpOptions): WaymarkError {
  const server = serverOf(options);
  const details = { server, errorNumber: number, ...options.start };
  if (isDenied(number)) {
    return missingGrant(options.instance, 'read its binary log', said);
  }
  if (noSuchPlaceNumbers.has(number)) {
    return new WaymarkError(
      'coordinates',
      `${server} can't serve its binary log from ${placeOf(options)}: ${said}`,
      { details },
    );
  }
  return new WaymarkError('stream-broken', `${server} ended the binlog stream: ${said} (${number})`, {
    details,
  });
}

function placeOf({ start, behind }: DumpOptions): string {
  return behind === undefined ? formatCoordinates(start) : 'behind these GTIDs';
}

function shorterThanSaid(options: DumpOptions, cause: unknown): WaymarkError {
  const server = serverOf(options);
  return new WaymarkError('protocol', `${server} sent an event that is shorter than its fields say`, {
    cause,
    details: { server },
  });
}

function silence(options: DumpOptions): WaymarkError {
  return new WaymarkError(
    'stream-silent',
    `${serverOf(options)} has sent neither an event nor a heartbeat for ${formatDuration(options.silenceMs ?? defaultSilenceMs)}`,
    { details: { server: serverOf(options) } },
  );
}

function serverOf(options: DumpOptions): string {
  return formatAddress(options.instance.address);
}

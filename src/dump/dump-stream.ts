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
import { newPulse, type Pulse } from './pulse.js';
import { SocketReader } from './socket-reader.js';
import { largeRowsBytes } from '../binlog/large-rows.js';
import { mayBePacked } from '../binlog/unpacked-events.js';
import { formatDuration } from '../util/quantities.js';

/**
 * The transactions that the server leaves out: a GTID set in MySQL's wire form, or MariaDB's GTID position.
 */
export type ExcludedGtids =
  | { readonly vendor: 'mysql'; readonly set: Buffer }
  | { readonly vendor: 'mariadb'; readonly position: string };

/** How and from where to read a server's log. */
export type DumpOptions = {
  readonly instance: Instance;
  readonly start: Coordinates;
  readonly signal: AbortSignal;
  /** Ends the dump at the end of the last log, instead of waiting for more events. */
  readonly nonBlocking?: boolean;
  /** Asks MariaDB for the texts of the statements that changed rows. MySQL always sends them. */
  readonly annotations?: boolean;
  /** Checks the CRC32 of every event. A scan that only looks for a place does without. */
  readonly verifyChecksums?: boolean;
  /** Shows whether the dump is waiting for its server. */
  readonly pulse?: Pulse;
  /** How often an idle server sends a heartbeat. */
  readonly heartbeatMs?: number;
  /** How long the server may be silent before the stream counts as dead. */
  readonly silenceMs?: number;
  readonly connectTimeoutMs?: number;
  /** The server id that waymark registers under. No other replica may have it. Random unless given. */
  readonly serverId?: number;
  /** The most bytes to read per second. */
  readonly maximumBytesPerSecond?: number;
  /** Begins at the first transaction that isn't among these, not at `start`. The server finds it. */
  readonly excluded?: ExcludedGtids;
  /** Called with the connection's id on the server, right before the dump command. */
  readonly onConnected?: (connectionId: number) => void;
};

const defaultHeartbeatMs = 500;
const defaultSilenceMs = 2000;

/** Returns a server id that probably no other server has: random, from the upper half of the 32-bit ids. */
export function randomServerId(): number {
  return 2 ** 31 + (runtime().random.bytes(4).readUInt32LE() % (2 ** 31 - 1));
}

/**
 * Reads the events of a server's binary log from `start` on, in batches as they arrive.
 *
 * While the consumer is busy, nothing is read from the socket. So backpressure reaches the server.
 *
 * @throws WaymarkError `server-unreachable`, `access-denied`, `missing-grant`, `coordinates` (the file is
 *   gone, or no event begins there), `stream-broken` (the connection ended), `stream-silent` (no event and no
 *   heartbeat for `silenceMs`), `checksum`, `protocol`. The signal's reason when it fires.
 */
export async function* readDump(options: DumpOptions): AsyncGenerator<EventBatch, void, undefined> {
  const { instance, signal } = options;
  if (options.start.position > 0xffffffff) {
    throw new WaymarkError(
      'coordinates',
      `The dump protocol has no positions beyond 4 GiB, so ${formatCoordinates(options.start)} can't be requested`,
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
 * Sets the session variables that control the dump thread.
 *
 * - Each has two names: MySQL 8.0.26 and later read the `source_` ones, all other servers the `master_` ones.
 *   An unknown user variable does no harm.
 * - CRC32: the server sends events as they are in the file, checksums included. So sizes in the stream are
 *   sizes in the file.
 * - mariadb_slave_capability 4: the server sends GTID events unchanged, not what it would send to an old
 *   replica (MariaDB: sql/sql_repl.cc).
 * @returns the end that a non-blocking dump must reach. Null if the server itself announces the end.
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
    if (options.excluded?.vendor === 'mariadb') {
      await connection.run('SET @slave_connect_state = ?', [options.excluded.position]);
    }
    return options.nonBlocking === true ? DumpEnd.read(connection) : null;
  });
}

/** Takes the socket from mysql2, which did the handshake and can't read a dump. */
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
 * Builds COM_BINLOG_DUMP_GTID: 0x1e, flags (2), server id (4), length of the file name (4), file name,
 * position (8), length of the GTID set (4), GTID set (MySQL Internals, "COM_BINLOG_DUMP_GTID"). The file name
 * is empty, so the server finds the file.
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

/**
 * Builds COM_BINLOG_DUMP: 0x12, position (4), flags (2), server id (4), file name (MySQL Internals,
 * "COM_BINLOG_DUMP").
 */
function dumpCommand(options: DumpOptions): Buffer {
  if (options.excluded?.vendor === 'mysql') return gtidDumpCommand(options, options.excluded.set);
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
  const reader = new SocketReader(socket, options.signal, options.pulse ?? newPulse());
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
      // The events before the error are valid. They are delivered first.
      failure = { error: isOutOfBounds(error) ? shorterThanSaid(options, error) : error };
    }
    yield decoder.take(bytes);
    if (failure !== null) throw failure.error;
    if (decoder.ended) return;
    await pace.spent(bytes, options.signal);
  }
}

/**
 * Turns payloads into events: checks the status byte, the format description and checksums, and tracks
 * positions.
 */
class EventDecoder {
  ended = false;
  #begun = false;
  /** Whether an event of the file has come since its format description. */
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

  /** Whether the dump has reached the log's end, so that the server may close it here. */
  get atEnd(): boolean {
    return this.#end?.isReached(this.#position.end) ?? true;
  }

  /** Forgets the events of the last batch. */
  clear(): void {
    this.#events.clear();
    this.#packed = false;
  }

  /** Returns the events since {@link clear}. They came in this many bytes. */
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
      throw new WaymarkError('protocol', `${serverOf(this.#options)} sent a packet that is not an event`);
    }
    const eventStart = start + 1;
    if (end - eventStart < headerBytes) {
      throw new WaymarkError('protocol', `${serverOf(this.#options)} sent an event shorter than its header`);
    }
    if (eventSize(buffer, eventStart) !== end - eventStart) {
      throw new WaymarkError(
        'protocol',
        `${serverOf(this.#options)} sent an event whose size differs from its header`,
      );
    }
    const type = eventType(buffer, eventStart);
    // A heartbeat means that the log has ended. A binlog server may ignore the non-blocking flag and wait for
    // more.
    if (this.#options.nonBlocking && (type === EventType.heartbeat || type === EventType.heartbeatV2)) {
      this.ended = true;
      return;
    }
    if (type === EventType.formatDescription) {
      // A second format description would change how the rest of the file is read.
      if (this.#inFile && !isArtificial(buffer, eventStart)) {
        throw new WaymarkError(
          'protocol',
          `${serverOf(this.#options)} sent a format description in the middle of a log`,
        );
      }
      this.#format = readFormatDescription(buffer, eventStart, end);
    } else if (type === EventType.rotate) this.#inFile = false;
    else this.#inFile ||= !isArtificial(buffer, eventStart);
    const eventEnd = end - this.#checksumBytes(buffer, eventStart, end);
    const left = type === EventType.rotate ? this.#position.end.file : null;
    this.#position.advance(buffer, eventStart, eventEnd);
    if (left !== null) {
      if (!this.#begun && this.#options.excluded === undefined) this.#requirePlace();
      if (this.#position.end.file !== left) this.#end?.leaves(left);
    }
    this.#begun = true;
    this.#packed ||= eventEnd - eventStart > largeRowsBytes || mayBePacked(type);
    this.#events.push(buffer, eventStart, eventEnd, this.#position.place);
  };

  /**
   * Refuses a dump that begins somewhere else. The rotate event that opens a dump says where it begins.
   * Binlog servers that only know GTIDs begin elsewhere.
   */
  #requirePlace(): void {
    const begun = formatCoordinates(this.#position.end);
    const wanted = formatCoordinates(this.#options.start);
    if (begun === wanted) return;
    throw new WaymarkError(
      'coordinates',
      `${serverOf(this.#options)} was asked for its binary log from ${wanted}, but begins at ${begun}. It ` +
        "doesn't serve its log by file and position",
      { details: { server: serverOf(this.#options), ...this.#options.start } },
    );
  }

  #checksumBytes(buffer: Buffer, start: number, end: number): number {
    // Until the first format description, only the rotate event that opens the dump arrives.
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
 * Returns the size of the checksum of the rotate event that opens a dump.
 *
 * It comes before the format description that says whether events have checksums. It has one if its last four
 * bytes are the CRC32 of the rest.
 */
function rotateChecksumBytes(buffer: Buffer, start: number, end: number): number {
  if (end - start < headerBytes + 12) return 0;
  return checksumOf(buffer, start, end - 4) === buffer.readUInt32LE(end - 4) ? 4 : 0;
}

/**
 * ER_MASTER_FATAL_ERROR_READING_BINLOG: one number for a purged file, a position beyond the end, and a
 * position where no event begins. MariaDB's ER_GTID_POSITION_NOT_FOUND_IN_BINLOG and
 * ER_GTID_POSITION_NOT_FOUND_IN_BINLOG2.
 */
const noSuchPlaceNumbers: ReadonlySet<number> = new Set([1236, 1945, 1955]);

/** Reads an ERR packet in the stream: 0xff, number (2), '#' and SQL state (6), text. */
function dumpError(buffer: Buffer, start: number, end: number, options: DumpOptions): WaymarkError {
  const number = buffer.readUInt16LE(start + 1);
  const hasState = buffer.readUInt8(start + 3) === 0x23;
  const said = serverText(buffer.toString('utf8', start + (hasState ? 9 : 3), end), number);
  return errorOfNumber(number, said, options);
}

/** What the server is asked to do, for messages. */
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

function placeOf({ start, excluded }: DumpOptions): string {
  return excluded === undefined ? formatCoordinates(start) : 'the first transaction after these GTIDs';
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

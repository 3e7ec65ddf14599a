import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenFile } from '../runtime/disk.js';
import { runtime } from '../runtime/runtime.js';
import { messageOf, WaymarkError } from '../util/errors.js';
import type { EventList } from '../binlog/event-list.js';
import { randomHex } from '../util/random.js';
import { SpoolCipher } from './spool-cipher.js';

/**
 * The bytes before each event: its length (4), its beginning and end in the log (8 each), and a zero byte in
 * place of the status byte that comes before every event on the wire.
 */
const headBytes = 4 + 8 + 8 + 1;

/** How much is written and read at once: enough that the number of calls doesn't matter. */
const pieceBytes = 128 * 1024;

/** Whole events that are encrypted together. */
type Piece = { readonly at: number; readonly bytes: number; readonly counter: Buffer };

/**
 * A file that holds the events of one group that is too large for memory.
 *
 * The file loses its name as soon as it is open. So nothing is left behind, however the process ends. Before
 * that, only its owner may read it. It is encrypted, because it contains columns that the records leave out.
 *
 * All methods throw WaymarkError `spool` if the file can't be created, written or read.
 */
export class Spool {
  readonly #file: OpenFile;
  readonly #cipher = new SpoolCipher();
  #pieces: Piece[] = [];
  #bytes = 0;
  /** The buffer that pieces are read into and written from. */
  #room = Buffer.alloc(0);

  private constructor(file: OpenFile) {
    this.#file = file;
  }

  static async open(): Promise<Spool> {
    return attempt(async () => {
      const { disk } = runtime();
      const path = join(tmpdir(), `waymark-${randomHex(16)}`);
      const file = await disk.open(path, 'create', 0o600);
      try {
        await disk.unlink(path);
      } catch (error) {
        await file.close();
        throw error;
      }
      return new Spool(file);
    });
  }

  /** Bytes in the file. This is a place between two events. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Returns how many bytes the events of a list take in the file, from index `from` up to `to`. */
  static bytesOf(events: EventList, from: number, to: number): number {
    let bytes = 0;
    for (let index = from; index < to; index += 1) bytes += headBytes + events.bytesOf(index);
    return bytes;
  }

  /** Appends the events of a list from an index on. */
  async append(events: EventList, from: number): Promise<void> {
    for (let first = from; first < events.length;) {
      let bytes = 0;
      let behind = first;
      for (; behind < events.length && bytes < pieceBytes; behind += 1)
        bytes += headBytes + events.bytesOf(behind);
      await this.#write(this.#joined(events, first, behind, bytes));
      first = behind;
    }
  }

  /** Forgets everything after a place between two events. */
  cut(bytes: number): void {
    this.#bytes = bytes;
    this.#pieces = this.#pieces
      .filter(({ at }) => at < bytes)
      .map((piece) => ({ ...piece, bytes: Math.min(piece.bytes, bytes - piece.at) }));
  }

  /**
   * Reads everything back, piece by piece. Each piece replaces the content of the list.
   * @param file the log file of the events.
   */
  async *read(events: EventList, file: string): AsyncGenerator<EventList, void, undefined> {
    for (const { at, bytes, counter } of this.#pieces) {
      events.clear();
      list(this.#cipher.decrypt(await this.#fill(at, bytes), counter), events, file);
      yield events;
    }
  }

  async close(): Promise<void> {
    await attempt(() => this.#file.close());
  }

  /** Joins events with the bytes before each. The result is valid until the next call. */
  #joined(events: EventList, from: number, to: number, bytes: number): Buffer {
    const joined = this.#roomFor(bytes);
    let offset = 0;
    events.forEach(
      (buffer, start, end, place) => {
        joined.writeUInt32LE(end - start, offset);
        joined.writeDoubleLE(place.start, offset + 4);
        joined.writeDoubleLE(place.end, offset + 12);
        joined[offset + 20] = 0;
        offset += headBytes;
        offset += buffer.copy(joined, offset, start, end);
      },
      from,
      to,
    );
    return joined;
  }

  async #write(plain: Buffer): Promise<void> {
    const { bytes, counter } = this.#cipher.encrypt(plain);
    for (let offset = 0; offset < bytes.length;) {
      const { bytesWritten } = await attempt(() =>
        this.#file.write(bytes, offset, bytes.length - offset, this.#bytes + offset),
      );
      offset += bytesWritten;
    }
    this.#pieces.push({ at: this.#bytes, bytes: bytes.length, counter });
    this.#bytes += bytes.length;
  }

  async #fill(at: number, bytes: number): Promise<Buffer> {
    const buffer = this.#roomFor(bytes);
    for (let offset = 0; offset < bytes;) {
      const { bytesRead } = await attempt(() => this.#file.read(buffer, offset, bytes - offset, at + offset));
      if (bytesRead === 0) throw spoolError(new Error('it is shorter than what was written to it'));
      offset += bytesRead;
    }
    return buffer;
  }

  #roomFor(bytes: number): Buffer {
    if (this.#room.length < bytes) this.#room = Buffer.allocUnsafeSlow(bytes);
    return this.#room.subarray(0, bytes);
  }
}

/** Adds the events of a piece to a list. */
function list(piece: Buffer, events: EventList, file: string): void {
  for (let offset = 0; offset < piece.length;) {
    const start = offset + headBytes;
    const end = start + piece.readUInt32LE(offset);
    const place = {
      file,
      start: piece.readDoubleLE(offset + 4),
      end: piece.readDoubleLE(offset + 12),
      xid: null,
    };
    events.push(piece, start, end, place);
    offset = end;
  }
}

async function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw spoolError(error);
  }
}

function spoolError(cause: unknown): WaymarkError {
  const folder = tmpdir();
  return new WaymarkError(
    'spool',
    `A transaction that is too large for memory could not be held in a file in ${folder} until its end: ` +
      `${messageOf(cause)}. Make room there, or set TMPDIR to a folder that has room for the largest transaction`,
    { cause, details: { folder } },
  );
}

import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, WaymarkError } from '../util/errors.js';
import type { EventList } from './event-list.js';
import { SpoolCipher } from './spool-cipher.js';

/**
 * What stands before an event's bytes: their number (4), where it begins and ends in the log (8 each), and a zero byte,
 * as the status byte that stands before every event on the wire.
 */
const headBytes = 4 + 8 + 8 + 1;

/** Written at once, and read at once: enough that the number of calls doesn't count. */
const pieceBytes = 128 * 1024;

/**
 * Events of one group, in a file: what is too large to be held in memory. The file has no name from the moment it was
 * opened, so that nothing of it is left behind, however the process ends; nobody but its owner may read it before. It is
 * encrypted: columns that are kept out of the records are in it.
 *
 * All methods throw WaymarkError `spool` when the file can't be made, written or read.
 */
export class Spool {
  readonly #file: FileHandle;
  readonly #cipher = new SpoolCipher();
  #bytes = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(): Promise<Spool> {
    return attempt(async () => {
      const path = join(tmpdir(), `waymark-${randomUUID()}`);
      const file = await open(path, 'wx+', 0o600);
      try {
        await unlink(path);
      } catch (error) {
        await file.close();
        throw error;
      }
      return new Spool(file);
    });
  }

  /** Bytes in it: a place between two events. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What the events of a list, from one index up to another, take here. */
  static bytesOf(events: EventList, from: number, to: number): number {
    let bytes = 0;
    for (let index = from; index < to; index += 1) bytes += headBytes + events.bytesOf(index);
    return bytes;
  }

  /** Appends the events of a list from an index on. */
  async append(events: EventList, from: number): Promise<void> {
    let pieces: Buffer[] = [];
    let waiting = 0;
    const flush = async (): Promise<void> => {
      await this.#write(Buffer.concat(pieces, waiting));
      pieces = [];
      waiting = 0;
    };
    for (let index = from; index < events.length; index += 1) {
      events.forEach(
        (buffer, start, end, place) => {
          const head = Buffer.alloc(headBytes);
          head.writeUInt32LE(end - start, 0);
          head.writeDoubleLE(place.start, 4);
          head.writeDoubleLE(place.end, 12);
          pieces.push(head, buffer.subarray(start, end));
          waiting += headBytes + end - start;
        },
        index,
        index + 1,
      );
      if (waiting >= pieceBytes) await flush();
    }
    await flush();
  }

  /** Forgets what stands behind a place. */
  cut(bytes: number): void {
    this.#bytes = bytes;
    this.#cipher.cut(bytes);
  }

  /**
   * Reads everything back, piece by piece.
   * @param file the log file that the events stand in.
   */
  read(file: string): SpoolReader {
    return new SpoolReader(this.#file, this.#cipher, this.#bytes, file);
  }

  async close(): Promise<void> {
    await attempt(() => this.#file.close());
  }

  async #write(plain: Buffer): Promise<void> {
    const bytes = this.#cipher.apply(plain, this.#bytes);
    for (let offset = 0; offset < bytes.length;) {
      const { bytesWritten } = await attempt(() =>
        this.#file.write(bytes, offset, bytes.length - offset, this.#bytes),
      );
      offset += bytesWritten;
      this.#bytes += bytesWritten;
    }
  }
}

/** Reads a spool from its beginning. */
class SpoolReader {
  readonly #file: FileHandle;
  readonly #cipher: SpoolCipher;
  readonly #bytes: number;
  readonly #logFile: string;
  #at = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(file: FileHandle, cipher: SpoolCipher, bytes: number, logFile: string) {
    this.#file = file;
    this.#cipher = cipher;
    this.#bytes = bytes;
    this.#logFile = logFile;
  }

  /** Puts the next events into a list, in the place of what it holds; false when there are no more. */
  async next(events: EventList): Promise<boolean> {
    events.clear();
    while (events.length === 0 && this.#at < this.#bytes) {
      const rest = this.#rest;
      const needed = rest.length >= headBytes ? headBytes + rest.readUInt32LE(0) : headBytes;
      const wanted = Math.min(Math.max(pieceBytes, needed - rest.length), this.#bytes - this.#at);
      // A new one each time: what is made of the events may go on to use it.
      const buffer = Buffer.allocUnsafe(rest.length + wanted);
      rest.copy(buffer);
      await this.#fill(buffer, rest.length);
      this.#rest = buffer.subarray(take(buffer, events, this.#logFile));
    }
    return events.length > 0;
  }

  async #fill(buffer: Buffer, from: number): Promise<void> {
    const at = this.#at;
    for (let offset = from; offset < buffer.length;) {
      const { bytesRead } = await attempt(() =>
        this.#file.read(buffer, offset, buffer.length - offset, this.#at),
      );
      if (bytesRead === 0) throw spoolError(new Error('it is shorter than what was written to it'));
      offset += bytesRead;
      this.#at += bytesRead;
    }
    this.#cipher.apply(buffer.subarray(from), at).copy(buffer, from);
  }
}

/** Lists the whole events of what was read; gives where the first incomplete one begins. */
function take(buffer: Buffer, events: EventList, file: string): number {
  let offset = 0;
  while (buffer.length - offset >= headBytes) {
    const start = offset + headBytes;
    const end = start + buffer.readUInt32LE(offset);
    if (end > buffer.length) break;
    const place = {
      file,
      start: buffer.readDoubleLE(offset + 4),
      end: buffer.readDoubleLE(offset + 12),
      xid: null,
    };
    events.push(buffer, start, end, place);
    offset = end;
  }
  return offset;
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
    `A transaction that is too large for memory is held in a file in ${folder} until its end is known, and that ` +
      `failed: ${messageOf(cause)}. Make room there, or set TMPDIR to a folder that has room for the largest transaction`,
    { cause, details: { folder } },
  );
}

import { isCurtBinlogServer } from '../mysql/binlog-server.js';
import type { ServerConnection } from '../mysql/connection.js';
import { errorNumberOf } from '../mysql/server-error.js';
import { readBinaryLogEnd } from '../mysql/server.js';
import { parseServerVersion } from '../mysql/version.js';
import type { Coordinates } from './coordinates.js';
import { eventEndPosition, EventType, eventType, headerBytes } from './event.js';

/**
 * Where a server's log ended when a non-blocking dump was asked for. MariaDB ends such a dump by just closing the
 * connection (dispatch_command in sql/sql_parse.cc: "fake COM_QUIT"), as a server does that dies: only a dump that has
 * come at least here has been to the end.
 */
export class LogEnd {
  readonly #end: Coordinates;
  #file: string;
  #position: number;
  #passed = false;

  private constructor(start: Coordinates, end: Coordinates) {
    this.#end = end;
    this.#file = start.file;
    this.#position = start.position;
  }

  /** Null where the server doesn't tell: a binlog server may not know the statement. */
  static async read(connection: ServerConnection, start: Coordinates): Promise<LogEnd | null> {
    if (isCurtBinlogServer(connection.greeting)) return null;
    const version = parseServerVersion(connection.greeting);
    try {
      const end = await readBinaryLogEnd(connection, version);
      // Events state their places in 32 bits.
      return end === null || end.position > 0xffffffff ? null : new LogEnd(start, end);
    } catch (error) {
      if (errorNumberOf(error) === null) throw error;
      return null;
    }
  }

  /** Takes an event; cheap, since a scan shows all of them. */
  event(buffer: Buffer, start: number, end: number): void {
    if (eventType(buffer, start) === EventType.rotate)
      this.#rotate(buffer.toString('utf8', start + headerBytes + 8, end));
    else this.#position = eventEndPosition(buffer, start) || this.#position;
  }

  /** Whether the end has been met. */
  get reached(): boolean {
    return this.#passed || (this.#file === this.#end.file && this.#position >= this.#end.position);
  }

  #rotate(next: string): void {
    if (next === this.#file) return;
    this.#passed ||= this.#file === this.#end.file;
    this.#file = next;
    this.#position = 0;
  }
}

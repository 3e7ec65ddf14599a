import { isCurtBinlogServer } from '../mysql/binlog-server.js';
import type { ServerConnection } from '../mysql/connection.js';
import { errorNumberOf } from '../mysql/server-error.js';
import { readBinaryLogEnd } from '../mysql/server-facts.js';
import { parseServerVersion } from '../mysql/version.js';
import type { Coordinates } from '../binlog/coordinates.js';

/**
 * The end of a server's log when a non-blocking dump was requested.
 *
 * MariaDB ends such a dump by closing the connection (dispatch_command in sql/sql_parse.cc: "fake COM_QUIT").
 * A dying server does the same. So a dump is complete only if it has reached this end.
 */
export class DumpEnd {
  readonly #end: Coordinates;
  #passed = false;

  private constructor(end: Coordinates) {
    this.#end = end;
  }

  /**
   * Reads the end of the server's log. Null if the server doesn't tell: a binlog server may not know the
   * statement.
   */
  static async read(connection: ServerConnection): Promise<DumpEnd | null> {
    if (isCurtBinlogServer(connection.greeting)) return null;
    const version = parseServerVersion(connection.greeting);
    try {
      const end = await readBinaryLogEnd(connection, version);
      return end === null ? null : new DumpEnd(end);
    } catch (error) {
      if (errorNumberOf(error) === null) throw error;
      return null;
    }
  }

  /** Notes that the dump has moved on from this file to another one. */
  leaves(file: string): void {
    this.#passed ||= file === this.#end.file;
  }

  /** Returns whether a dump that has come to these coordinates has reached the end. */
  isReached({ file, position }: Coordinates): boolean {
    return this.#passed || (file === this.#end.file && position >= this.#end.position);
  }
}

import { isCurtBinlogServer } from '../mysql/binlog-server.js';
import type { ServerConnection } from '../mysql/connection.js';
import { errorNumberOf } from '../mysql/server-error.js';
import { readBinaryLogEnd } from '../mysql/server-facts.js';
import { parseServerVersion } from '../mysql/version.js';
import type { Coordinates } from '../binlog/coordinates.js';

/**
 * Where a server's log ended when a non-blocking dump was asked for. MariaDB ends such a dump by just closing the
 * connection (dispatch_command in sql/sql_parse.cc: "fake COM_QUIT"), as a server does that dies: only a dump that has
 * come at least here has been to the end.
 */
export class DumpEnd {
  readonly #end: Coordinates;
  #passed = false;

  private constructor(end: Coordinates) {
    this.#end = end;
  }

  /** Null where the server doesn't tell: a binlog server may not know the statement. */
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

  /** The dump goes on in another file than this one. */
  leaves(file: string): void {
    this.#passed ||= file === this.#end.file;
  }

  /** Whether a dump that has come so far has met the end. */
  isReached({ file, position }: Coordinates): boolean {
    return this.#passed || (file === this.#end.file && position >= this.#end.position);
  }
}

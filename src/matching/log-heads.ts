import type { GtidState } from '../gtids/gtid-state.js';
import { askOver } from '../mysql/ask.js';
import { connect, type ServerConnection } from '../mysql/connection.js';
import { isOfServer } from '../mysql/server-error.js';
import type { ScanOptions } from './hint-scan.js';
import { readListedHead, readLogHead } from './log-head.js';

const limitMs = 5000;
const purpose = 'list the events of its binary log';

/** Reads what was logged before a server's log files: one question for each, over one connection. */
export class LogHeads {
  readonly #options: ScanOptions;
  /** Whether the server lists events. A binlog server may not. */
  #lists = true;
  #connection: ServerConnection | null = null;

  constructor(options: ScanOptions) {
    this.#options = options;
  }

  /**
   * What was logged before a file. Null if the file doesn't tell. If the server's list of events doesn't tell, the file
   * itself is read over a connection of its own. That costs the server a thread, and takes ten times as long.
   * @throws what readLogHead throws.
   */
  async read(file: string): Promise<GtidState | null> {
    return (await this.#listed(file)) ?? (await readLogHead(file, this.#options));
  }

  /** Closes the connection. The next question opens another one. Never rejects. */
  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = null;
    if (this.#options.signal.aborted) connection?.discard();
    else await connection?.close();
  }

  async #listed(file: string): Promise<GtidState | null> {
    if (!this.#lists) return null;
    const { instance, signal, connectTimeoutMs } = this.#options;
    try {
      const connection = (this.#connection ??= await connect(instance, {
        signal,
        connectTimeoutMs,
        purpose,
      }));
      return await askOver(connection, { purpose, signal, limitMs }, () => readListedHead(file, connection));
    } catch (error) {
      if (!isOfServer(error)) throw error;
      this.#lists = false;
      return null;
    }
  }
}

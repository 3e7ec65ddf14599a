import { createConnection, type Connection, type QueryResult, type ResultSetHeader } from 'mysql2/promise';
import type { TestServer } from '../servers/index.js';
import { enter } from '../support/load-schema.js';

/**
 * A writer's connection. Not one of the server's own, which are closed before it is stopped: clients aren't told, and
 * lose it in the middle of whatever they do.
 */
export class Session {
  readonly #connection: Connection;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  static async open({ host, port, user, password }: TestServer): Promise<Session> {
    const connection = await createConnection({
      ...{ host, port, user, password },
      connectTimeout: 10_000,
      // Rows that an UPDATE finds and leaves as they are don't count: they aren't logged.
      flags: ['-FOUND_ROWS'],
    });
    connection.on('error', () => undefined);
    try {
      await enter(connection);
    } catch (error) {
      connection.destroy();
      throw error;
    }
    return new Session(connection);
  }

  /** The server's number of it. */
  get id(): number {
    return this.#connection.threadId;
  }

  /** How many rows of delivered tables a statement has changed: as many stand in the log. */
  async run(sql: string, values: unknown[] = []): Promise<number> {
    const [result] = await this.#connection.query<QueryResult>(sql, values);
    if (!('affectedRows' in result) || !isDelivered(sql)) return 0;
    return (result as ResultSetHeader).affectedRows;
  }

  async rows<T>(sql: string, values: unknown[] = []): Promise<T[]> {
    const [result] = await this.#connection.query<QueryResult>(sql, values);
    return result as T[];
  }

  /** Breaks it, without a word to the server. */
  destroy(): void {
    this.#connection.destroy();
  }
}

/** Whether the rows that a statement changes are in the schema that is delivered, and in no temporary table. */
function isDelivered(sql: string): boolean {
  const table = /^(?:INSERT INTO|UPDATE|DELETE FROM)\s+(\S+)/i.exec(sql)?.[1] ?? '';
  return table !== '' && !table.includes('.') && !table.startsWith('temporary_');
}

/** Server shutdown, query interrupted, connection killed (MariaDB's, MySQL's), too many connections. */
const lostNumbers = new Set([1053, 1317, 1927, 3169, 1040]);

/** Whether an error says that the connection, or its server, is gone. */
export function isLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('fatal' in error && error.fatal === true) return true;
  const errno = 'errno' in error ? Number(error.errno) : Number.NaN;
  // Node's own errors have negative numbers, the servers' have positive ones.
  return (
    lostNumbers.has(errno) ||
    errno < 0 ||
    ('code' in error && /^(ECONN|ETIMEDOUT|EPIPE|PROTOCOL_)/.test(String(error.code)))
  );
}

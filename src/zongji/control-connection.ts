import type { ServerConnection } from '../mysql/connection.js';
import { zongJiError } from './zongji-error.js';

/** What a query of mysql2's tells. */
export type QueryCallback = (
  error: Error | null,
  rows?: readonly Readonly<Record<string, unknown>>[],
) => void;

/** The connection for questions, as far as programs use it: to ask some themselves. */
export class ControlConnection {
  readonly #connection: ServerConnection;

  constructor(connection: ServerConnection) {
    this.#connection = connection;
  }

  /** Its id on the server. */
  get threadId(): number {
    return this.#connection.id;
  }

  /** Asks for rows. Dates, and whole numbers that a JavaScript number can't hold, come as text. */
  query(sql: string, callback: QueryCallback): void;
  query(sql: string, values: readonly unknown[], callback: QueryCallback): void;
  query(sql: string, values: readonly unknown[] | QueryCallback, callback?: QueryCallback): void {
    const answer = typeof values === 'function' ? values : callback;
    this.#connection.query(sql, typeof values === 'function' ? [] : values).then(
      (rows) => answer?.(null, rows),
      (error: unknown) => answer?.(zongJiError(error, false)),
    );
  }

  /** The same as {@link query}. */
  execute(sql: string, callback: QueryCallback): void;
  execute(sql: string, values: readonly unknown[], callback: QueryCallback): void;
  execute(sql: string, values: readonly unknown[] | QueryCallback, callback?: QueryCallback): void {
    if (typeof values === 'function') this.query(sql, values);
    else if (callback !== undefined) this.query(sql, values, callback);
  }
}

import { readTableColumns, type TableColumn } from '../layouts/table-columns.js';
import { askOver } from '../mysql/ask.js';
import { connect, type ServerConnection } from '../mysql/connection.js';
import type { Instance } from '../mysql/instance.js';
import { hasCode } from '../util/errors.js';

const lookUpLimitMs = 5000;

/** Asks a server's dictionary for columns, over one connection, which is made anew, once, where the server has ended it. */
export class Dictionary {
  readonly #instance: Instance;
  readonly #signal: AbortSignal;
  #connection: ServerConnection | null;

  constructor(instance: Instance, signal: AbortSignal, connection: ServerConnection | null = null) {
    this.#instance = instance;
    this.#signal = signal;
    this.#connection = connection;
  }

  /**
   * The columns that a table has today; none where it is gone, or the account may not see it.
   * @throws WaymarkError those of askOver, when the server is lost at it.
   */
  async columns(schema: string, table: string): Promise<readonly TableColumn[]> {
    const wasOpen = this.#connection !== null;
    try {
      return await this.#ask(schema, table);
    } catch (error) {
      this.close();
      if (!wasOpen || !hasCode(error, 'stream-broken')) throw error;
    }
    return this.#ask(schema, table);
  }

  close(): void {
    this.#connection?.discard();
    this.#connection = null;
  }

  async #ask(schema: string, table: string): Promise<readonly TableColumn[]> {
    const signal = this.#signal;
    const connection = (this.#connection ??= await connect(this.#instance, { signal }));
    const purpose = `tell the columns of ${schema}.${table}`;
    return askOver(connection, { purpose, signal, limitMs: lookUpLimitMs }, () =>
      readTableColumns(connection, { schema, table }),
    );
  }
}

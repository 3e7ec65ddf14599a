import type { DictionaryColumn } from '../decode/dictionary.js';
import { askOver } from '../mysql/ask.js';
import { connect, type ServerConnection } from '../mysql/connection.js';
import type { Instance } from '../mysql/instance.js';
import { text } from '../mysql/server.js';
import { hasCode } from '../util/errors.js';

/** A column as INFORMATION_SCHEMA.COLUMNS has it. */
export type TableColumn = DictionaryColumn & { readonly collation: string | null; readonly comment: string };

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
    const rows = await askOver(connection, { purpose, signal, limitMs: lookUpLimitMs }, () =>
      connection.query(
        'SELECT COLUMN_NAME, COLLATION_NAME, CHARACTER_SET_NAME, COLUMN_COMMENT, COLUMN_TYPE ' +
          'FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION',
        [schema, table],
      ),
    );
    const orNull = (value: unknown): string | null => (value === null ? null : text(value));
    return rows.map((row) => ({
      name: text(row['COLUMN_NAME']),
      type: text(row['COLUMN_TYPE']),
      charset: orNull(row['CHARACTER_SET_NAME']),
      collation: orNull(row['COLLATION_NAME']),
      comment: text(row['COLUMN_COMMENT']),
    }));
  }
}

import type { Logger } from 'pino';
import { type DictionaryColumn, misfit } from '../decode/dictionary.js';
import type { UndescribedTable } from '../decode/row-decoder.js';
import { askOver } from '../mysql/ask.js';
import { connect, type ServerConnection } from '../mysql/connection.js';
import type { Instance } from '../mysql/instance.js';
import { text } from '../mysql/server.js';
import { hasCode } from '../util/errors.js';

const lookUpLimitMs = 5000;

/**
 * Asks the server's dictionary what a log doesn't tell of columns: their names (`binlog_row_metadata` other than FULL), or
 * which of MariaDB's types they are. Over one connection that is opened when first needed. It may be idle for hours: one
 * that the server has closed meanwhile (`wait_timeout`, KILL) is made anew, once for a look-up.
 */
export class ColumnSource {
  readonly #instance: Instance;
  readonly #signal: AbortSignal;
  readonly #logger: Logger;
  #connection: ServerConnection | null = null;

  constructor(instance: Instance, logger: Logger, signal: AbortSignal) {
    this.#instance = instance;
    this.#logger = logger;
    this.#signal = signal;
  }

  /**
   * Describes the table to the decoder. The server has today's definition alone. Where that doesn't fit a log without
   * names, it warns, and columns are called `@1`, `@2`, … as mysqlbinlog does, which is visible, instead of getting names
   * that may be wrong. Where it doesn't fit a log with names, values are given as the log has them.
   * @throws WaymarkError those of askServer, when the server is lost at it.
   */
  async describe({ layout, missing, describe }: UndescribedTable): Promise<void> {
    const { schema, table } = layout;
    const columns = await this.#lookUp(schema, table);
    const reason = misfit(layout, columns);
    if (reason !== null && missing === 'names') {
      this.#logger.warn(
        { event: 'columns.unknown', schema, table, reason },
        `Columns of ${schema}.${table} are called @1, @2, …: ${reason}. Set binlog_row_metadata=FULL on the servers`,
      );
    }
    describe(reason === null ? columns : null);
  }

  close(): void {
    this.#connection?.discard();
    this.#connection = null;
  }

  async #lookUp(schema: string, table: string): Promise<readonly DictionaryColumn[]> {
    const wasOpen = this.#connection !== null;
    try {
      return await this.#ask(schema, table);
    } catch (error) {
      this.close();
      if (!wasOpen || !hasCode(error, 'stream-broken')) throw error;
    }
    return this.#ask(schema, table);
  }

  async #ask(schema: string, table: string): Promise<readonly DictionaryColumn[]> {
    const signal = this.#signal;
    const connection = (this.#connection ??= await connect(this.#instance, { signal }));
    const purpose = `tell the columns of ${schema}.${table}`;
    return askOver(connection, { purpose, signal, limitMs: lookUpLimitMs }, () =>
      columnsOf(connection, schema, table),
    );
  }
}

async function columnsOf(
  connection: ServerConnection,
  schema: string,
  table: string,
): Promise<readonly DictionaryColumn[]> {
  const rows = await connection.query(
    'SELECT COLUMN_NAME, CHARACTER_SET_NAME, COLUMN_TYPE FROM INFORMATION_SCHEMA.COLUMNS ' +
      'WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION',
    [schema, table],
  );
  return rows.map((row) => ({
    name: text(row['COLUMN_NAME']),
    type: text(row['COLUMN_TYPE']),
    charset: row['CHARACTER_SET_NAME'] === null ? null : text(row['CHARACTER_SET_NAME']),
  }));
}

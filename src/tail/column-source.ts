import type { Connection } from 'mysql2/promise';
import type { Logger } from 'pino';
import { formatAddress } from '../config/address.js';
import { type DictionaryColumn, misfit } from '../decode/dictionary.js';
import type { UndescribedTable } from '../decode/row-decoder.js';
import { connect, discard } from '../mysql/connection.js';
import type { Instance } from '../mysql/instance.js';
import { query, text } from '../mysql/server.js';
import { withDeadline } from '../util/async.js';
import { WaymarkError } from '../util/errors.js';

const lookUpTimeoutMs = 5000;

/**
 * Asks the server's dictionary what a log doesn't tell of columns: their names (`binlog_row_metadata` other than FULL), or
 * which of MariaDB's types they are. Over one connection that is opened when first needed.
 */
export class ColumnSource {
  readonly #instance: Instance;
  readonly #signal: AbortSignal;
  readonly #logger: Logger;
  #connection: Connection | null = null;

  constructor(instance: Instance, logger: Logger, signal: AbortSignal) {
    this.#instance = instance;
    this.#logger = logger;
    this.#signal = signal;
  }

  /**
   * Describes the table to the decoder. The server has today's definition alone. Where that doesn't fit a log without
   * names, it warns, and columns are called `@1`, `@2`, … as mysqlbinlog does, which is visible, instead of getting names
   * that may be wrong. Where it doesn't fit a log with names, values are given as the log has them.
   */
  async describe({ layout, missing, describe }: UndescribedTable): Promise<void> {
    const { schema, table } = layout;
    const columns = await this.#columnsOf(schema, table);
    const reason = misfit(layout, columns);
    if (reason !== null && missing === 'names') {
      this.#logger.warn(
        { event: 'columns.unknown', schema, table, reason },
        `Columns of ${schema}.${table} are called @1, @2, …: ${reason}. Set binlog_row_metadata=FULL on the servers`,
      );
    }
    describe(reason === null ? columns : null);
  }

  /**
   * The table's columns. A connection that has been idle for long the server may have closed, so a second one is tried.
   * @throws WaymarkError `server-unreachable`, `stream-broken`, `stream-silent`: then the server is lost, and the rows
   *   are read again from it or another one.
   */
  async #columnsOf(schema: string, table: string): Promise<DictionaryColumn[]> {
    const isKept = this.#connection !== null;
    try {
      this.#connection ??= await connect(this.#instance, { signal: this.#signal });
      return await withDeadline(
        columnsOf(this.#connection, schema, table),
        lookUpTimeoutMs,
        () =>
          new WaymarkError(
            'stream-silent',
            `The columns of ${schema}.${table} were not told in ${lookUpTimeoutMs} ms`,
          ),
      );
    } catch (error) {
      this.#signal.throwIfAborted();
      this.close();
      if (error instanceof WaymarkError) throw error;
      if (isKept) return this.#columnsOf(schema, table);
      const server = formatAddress(this.#instance.address);
      throw new WaymarkError('stream-broken', `${server} doesn't tell the columns of ${schema}.${table}`, {
        cause: error,
        details: { server, schema, table },
      });
    }
  }

  close(): void {
    if (this.#connection) discard(this.#connection);
    this.#connection = null;
  }
}

async function columnsOf(connection: Connection, schema: string, table: string): Promise<DictionaryColumn[]> {
  const rows = await query(
    connection,
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

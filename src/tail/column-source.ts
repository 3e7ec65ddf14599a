import type { Logger } from 'pino';
import type { UndescribedTable } from '../binlog/row-decoder.js';
import { type ColumnLookup, lookUpColumns } from '../binlog/table-columns.js';
import { askOver } from '../mysql/ask.js';
import { connect, type ServerConnection } from '../mysql/connection.js';
import type { Instance } from '../mysql/instance.js';
import { hasCode } from '../util/errors.js';

const lookUpLimitMs = 5000;

/**
 * Finds column names for logs that don't carry them, over one connection that is opened when first needed. It may be
 * idle for hours: one that the server has closed meanwhile (`wait_timeout`, KILL) is made anew, once for a look-up.
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
   * Describes the table to the decoder; warns when today's definition doesn't fit the log.
   * @throws WaymarkError those of askServer, when the server is lost at it.
   */
  async describe(table: UndescribedTable): Promise<void> {
    const { schema, table: name } = table;
    const lookup = await this.#lookUp(table);
    if (!lookup.known) {
      this.#logger.warn(
        { event: 'columns.unknown', schema, table: name, reason: lookup.reason },
        `Columns of ${schema}.${name} are called @1, @2, …: ${lookup.reason}. Set binlog_row_metadata=FULL on the servers`,
      );
    }
    table.describe(lookup.columns);
  }

  close(): void {
    this.#connection?.discard();
    this.#connection = null;
  }

  async #lookUp(table: UndescribedTable): Promise<ColumnLookup> {
    const wasOpen = this.#connection !== null;
    try {
      return await this.#ask(table);
    } catch (error) {
      this.close();
      if (!wasOpen || !hasCode(error, 'stream-broken')) throw error;
    }
    return this.#ask(table);
  }

  async #ask({ schema, table, columnTypes }: UndescribedTable): Promise<ColumnLookup> {
    const signal = this.#signal;
    const connection = (this.#connection ??= await connect(this.#instance, { signal }));
    const purpose = `tell the columns of ${schema}.${table}`;
    return askOver(connection, { purpose, signal, limitMs: lookUpLimitMs }, () =>
      lookUpColumns(connection, schema, table, columnTypes),
    );
  }
}

import type { Connection } from 'mysql2/promise';
import type { Logger } from 'pino';
import type { UndescribedTable } from '../binlog/row-decoder.js';
import { lookUpColumns } from '../binlog/table-columns.js';
import { connect, discard } from '../mysql/connection.js';
import type { Instance } from '../mysql/instance.js';
import { withDeadline } from '../util/async.js';
import { WaymarkError } from '../util/errors.js';

const lookUpTimeoutMs = 5000;

/** Finds column names for logs that don't carry them, over one connection that is opened when first needed. */
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

  /** Describes the table to the decoder; warns when today's definition doesn't fit the log. */
  async describe(table: UndescribedTable): Promise<void> {
    this.#connection ??= await connect(this.#instance, { signal: this.#signal });
    const { schema, table: name, columnTypes } = table;
    const lookup = await withDeadline(
      lookUpColumns(this.#connection, schema, name, columnTypes),
      lookUpTimeoutMs,
      () =>
        new WaymarkError(
          'stream-silent',
          `The columns of ${schema}.${name} were not told in ${lookUpTimeoutMs} ms`,
        ),
    );
    if (!lookup.known) {
      this.#logger.warn(
        { event: 'columns.unknown', schema, table: name, reason: lookup.reason },
        `Columns of ${schema}.${name} are called @1, @2, …: ${lookup.reason}. Set binlog_row_metadata=FULL on the servers`,
      );
    }
    table.describe(lookup.columns);
  }

  close(): void {
    if (this.#connection) discard(this.#connection);
    this.#connection = null;
  }
}

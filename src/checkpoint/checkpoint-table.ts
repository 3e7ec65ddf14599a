import { quoteTable } from '../mysql/quote.js';
import type { OwnTable } from '../mysql/own-tables.js';

/** Name of the table with the checkpoints, a row per stream. */
const table = 'stream_checkpoint';

/** The table with the checkpoints, quoted. */
export function checkpointTableName(schema: string): string {
  return quoteTable(schema, table);
}

/**
 * The table with the checkpoints.
 * `version` is chosen anew by whoever writes: the next one must name it.
 */
export function checkpointTable(schema: string): OwnTable {
  return {
    schema,
    table,
    sql: `CREATE TABLE IF NOT EXISTS ${checkpointTableName(schema)} (
  stream VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  version CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'of the record: the next write must name it',
  fencing_token BIGINT UNSIGNED NOT NULL COMMENT 'of the agent that wrote it: none with a smaller one may',
  saved_at DATETIME(6) NOT NULL COMMENT 'UTC, by the clock of this server',
  record MEDIUMBLOB NOT NULL COMMENT 'at most 256 KiB'
) ENGINE = InnoDB COMMENT = 'waymark: how far each stream has come'`,
  };
}

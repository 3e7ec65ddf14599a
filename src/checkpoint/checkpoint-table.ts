import { quoteTable } from '../mysql/quote.js';
import type { OwnTable } from '../mysql/own-tables.js';

/** The name of the table that holds the checkpoints, one row per stream. */
const table = 'stream_checkpoint';

/** Returns the quoted name of the checkpoints' table. */
export function checkpointTableName(schema: string): string {
  return quoteTable(schema, table);
}

/** Returns the checkpoints' table. Each write chooses a new `version`, and the next write must name it. */
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

import { quoteTable } from '../mysql/quote.js';
import type { OwnTable } from '../mysql/own-tables.js';
import { anybody, type Participant } from './lease-row.js';
import { callTimeouts } from './succession.js';

/** Name of the table with the elections, a row per stream; agents that say that they live have rows, too. */
const table = 'service_election';

/** What the key of an agent's row begins with; no stream's name has a colon. */
const agentPrefix = 'agent:';

/** The table with the elections, quoted. */
function electionTableName(schema: string): string {
  return quoteTable(schema, table);
}

/** The table with the elections; lease-row.ts says what its rows mean. */
export function electionTable(schema: string): OwnTable {
  return {
    schema,
    table,
    sql: `CREATE TABLE IF NOT EXISTS ${electionTableName(schema)} (
  stream VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY COMMENT 'or agent:… for a living agent',
  service_id VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'host/process/run of who leads, or led last; empty: gave up',
  token BIGINT UNSIGNED NOT NULL COMMENT 'fencing token: grows with each new leader',
  last_seen_active DATETIME(6) NOT NULL COMMENT 'sign of life: UTC by the clock of this server, which decides nothing',
  called VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '' COMMENT 'host that shall lead; *: any other',
  called_at DATETIME(6) NOT NULL COMMENT 'UTC'
) ENGINE = InnoDB COMMENT = 'waymark: who works on each stream'`,
  };
}

/** A statement with its values. */
export type BoundStatement = { readonly sql: string; readonly values: readonly (string | number | null)[] };

const now = 'UTC_TIMESTAMP(6)';

function ago(): string {
  return `(${now} - INTERVAL ? MICROSECOND)`;
}

/**
 * One attempt to lead or to go on leading, as `attempt` in lease-row.ts. The server sets columns from the left to the right,
 * and each sees those before it as they are by then: `service_id` is ours from its own turn on if we may have it, and
 * `token` is still what it was until its turn.
 */
export function attemptStatement(
  schema: string,
  stream: string,
  own: Participant,
  timeoutMs: number,
): BoundStatement {
  const { id, host, held, expired } = own;
  const timeout = timeoutMs * 1_000;
  return {
    sql: `INSERT INTO ${electionTableName(schema)} (stream, service_id, token, last_seen_active, called, called_at)
VALUES (?, ?, 1, ${now}, '', ${now})
ON DUPLICATE KEY UPDATE
  service_id = IF(service_id = ?
    OR ((service_id = '' OR last_seen_active = ?)
      AND (called = '' OR called_at < ${ago()} OR called IN (?, ?))), ?, service_id),
  called = IF(service_id = ? AND token <> ?, '', called),
  token = IF(service_id = ? AND token <> ?, token + 1, token),
  last_seen_active = IF(service_id = ?, ${now}, last_seen_active)`,
    values: [
      ...[stream, id],
      ...[id, expired, callTimeouts * timeout, anybody, host, id],
      ...[id, held],
      ...[id, held],
      id,
    ],
  };
}

/** A stream's row: columns `holder`, `token`, `sign`, `seenAgo` and `calledAgo` (microseconds), `called`. */
export function rowStatement(schema: string, stream: string): BoundStatement {
  return {
    sql:
      `SELECT service_id AS holder, token, called, CAST(last_seen_active AS CHAR) AS sign, TIMESTAMPDIFF(MICROSECOND, last_seen_active, ${now}) AS seenAgo, ` +
      `TIMESTAMPDIFF(MICROSECOND, called_at, ${now}) AS calledAgo FROM ${electionTableName(schema)} WHERE stream = ?`,
    values: [stream],
  };
}

/** A candidate gives up, as `withdraw` in lease-row.ts. */
export function withdrawStatement(schema: string, stream: string, id: string): BoundStatement {
  return {
    sql:
      `UPDATE ${electionTableName(schema)} SET service_id = '', called = IF(called = ?, '', called) ` +
      'WHERE stream = ? AND service_id = ?',
    values: [anybody, stream, id],
  };
}

/** Somebody asks for another leader than the one with that token. */
export function callStatement(schema: string, stream: string, called: string, token: number): BoundStatement {
  return {
    sql: `UPDATE ${electionTableName(schema)} SET called = ?, called_at = ${now} WHERE stream = ? AND token = ?`,
    values: [called, stream, token],
  };
}

/** An agent says that it lives. */
export function presenceStatement(schema: string, id: string): BoundStatement {
  return {
    sql:
      `INSERT INTO ${electionTableName(schema)} (stream, service_id, token, last_seen_active, called_at) ` +
      `VALUES (?, ?, 0, ${now}, ${now}) ON DUPLICATE KEY UPDATE last_seen_active = ${now}`,
    values: [`${agentPrefix}${id}`, id],
  };
}

/** The agents that were seen within the timeout. */
export function agentsStatement(schema: string, timeoutMs: number): BoundStatement {
  return {
    sql:
      `SELECT service_id AS holder FROM ${electionTableName(schema)} ` +
      `WHERE stream LIKE '${agentPrefix}%' AND last_seen_active >= ${ago()} ORDER BY stream`,
    values: [timeoutMs * 1_000],
  };
}

/** Removes the rows of agents that haven't been seen for long, and of those that say goodbye. */
export function forgetStatement(schema: string, olderThanMs: number, id: string | null): BoundStatement {
  return {
    sql:
      `DELETE FROM ${electionTableName(schema)} ` +
      `WHERE stream LIKE '${agentPrefix}%' AND (last_seen_active < ${ago()} OR service_id = ?)`,
    values: [olderThanMs * 1_000, id ?? ''],
  };
}

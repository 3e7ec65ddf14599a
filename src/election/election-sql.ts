import { quoteTable } from '../mysql/quote.js';
import type { OwnTable } from '../mysql/own-tables.js';
import { anybody, type Participant } from './lease-row.js';
import { callTimeouts } from './succession.js';

/** The name of the table with the elections. It has a row for each stream, and one for each living agent. */
const table = 'service_election';

/** The beginning of the key of an agent's row. No stream's name has a colon. */
const agentPrefix = 'agent:';

/** Returns the quoted name of the table with the elections. */
function electionTableName(schema: string): string {
  return quoteTable(schema, table);
}

/** Returns the definition of the table with the elections. lease-row.ts says what its rows mean. */
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
 * Returns the statement for one attempt to lead, or to go on leading: `attempt` of lease-row.ts in SQL. The server
 * assigns columns from left to right, and each assignment sees the new values of the columns before it (MySQL Reference
 * Manual, "UPDATE Statement"). So `service_id` is the participant's own from its assignment on, if the participant may
 * have it. `token` keeps its old value until its own assignment.
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

/**
 * Returns the statement that reads a stream's row: columns `holder`, `token`, `sign`, `called`, and `seenAgo` and
 * `calledAgo` in microseconds.
 */
export function rowStatement(schema: string, stream: string): BoundStatement {
  return {
    sql:
      `SELECT service_id AS holder, token, called, CAST(last_seen_active AS CHAR) AS sign, TIMESTAMPDIFF(MICROSECOND, last_seen_active, ${now}) AS seenAgo, ` +
      `TIMESTAMPDIFF(MICROSECOND, called_at, ${now}) AS calledAgo FROM ${electionTableName(schema)} WHERE stream = ?`,
    values: [stream],
  };
}

/** Returns the statement by which a participant gives up: `withdraw` of lease-row.ts in SQL. */
export function withdrawStatement(schema: string, stream: string, id: string): BoundStatement {
  return {
    sql:
      `UPDATE ${electionTableName(schema)} SET service_id = '', called = IF(called = ?, '', called) ` +
      'WHERE stream = ? AND service_id = ?',
    values: [anybody, stream, id],
  };
}

/** Returns the statement that asks for another leader than the one with that token. */
export function callStatement(schema: string, stream: string, called: string, token: number): BoundStatement {
  return {
    sql: `UPDATE ${electionTableName(schema)} SET called = ?, called_at = ${now} WHERE stream = ? AND token = ?`,
    values: [called, stream, token],
  };
}

/** Returns the statement by which an agent announces that it lives. */
export function presenceStatement(schema: string, id: string): BoundStatement {
  return {
    sql:
      `INSERT INTO ${electionTableName(schema)} (stream, service_id, token, last_seen_active, called_at) ` +
      `VALUES (?, ?, 0, ${now}, ${now}) ON DUPLICATE KEY UPDATE last_seen_active = ${now}`,
    values: [`${agentPrefix}${id}`, id],
  };
}

/** Returns the statement that lists the agents that were seen within the timeout. */
export function agentsStatement(schema: string, timeoutMs: number): BoundStatement {
  return {
    sql:
      `SELECT service_id AS holder FROM ${electionTableName(schema)} ` +
      `WHERE stream LIKE '${agentPrefix}%' AND last_seen_active >= ${ago()} ORDER BY stream`,
    values: [timeoutMs * 1_000],
  };
}

/**
 * Returns the statement that removes the rows of agents that haven't been seen for that long, and of the agent `id`.
 */
export function forgetStatement(schema: string, olderThanMs: number, id: string | null): BoundStatement {
  return {
    sql:
      `DELETE FROM ${electionTableName(schema)} ` +
      `WHERE stream LIKE '${agentPrefix}%' AND (last_seen_active < ${ago()} OR service_id = ?)`,
    values: [olderThanMs * 1_000, id ?? ''],
  };
}

/** What begins a statement that changes rows, calls what may, or fills a table that is gone with its session. */
const dml =
  /^(?:INSERT|UPDATE|DELETE|REPLACE|LOAD|SELECT|WITH|CALL|DO|VALUES|EXECUTE|(?:CREATE|DROP)\s+(?:OR\s+REPLACE\s+)?(?:\/\*!\d*\s*)?TEMPORARY)\b/i;

/** MariaDB logs the text whole: `SET STATEMENT max_statement_time=1 FOR INSERT …`. */
const settingStatement = /^SET\s+STATEMENT\b/i;
const createTable = /^CREATE\s+(?:OR\s+REPLACE\s+)?TABLE\b/i;

/** Longer than what any of these needs to tell. */
const beginningLength = 80;

/** A query within a CREATE TABLE; PARTITION BY has VALUES LESS THAN and VALUES IN. */
const query = /\bSELECT\b|\bVALUES\b(?!\s*(?:LESS|IN)\b)|\bAS\s+TABLE\b/i;
const quoted = /'(?:[^'\\]+|\\[\s\S]?|'')*(?:'|$)|"(?:[^"\\]+|\\[\s\S]?|"")*(?:"|$)|`(?:[^`]+|``)*(?:`|$)/g;

/**
 * Whether a statement in the log is one that a server with `binlog_format=ROW` logs otherwise, as rows or not at all:
 * DML, CREATE TABLE … SELECT, what makes or drops a temporary table. A statement too many does less harm than one too
 * few: its text is compared all the same, and only where that differs it isn't taken for a difference.
 * @param sql the statement's text, without comments.
 */
export function isDmlStatement(sql: string): boolean {
  const beginning = sql.slice(0, beginningLength);
  if (dml.test(beginning) || settingStatement.test(beginning)) return true;
  return createTable.test(beginning) && query.test(sql) && query.test(sql.replace(quoted, "''"));
}

import { beginningOf, scanSql } from './text.js';

/**
 * The beginning of a statement that changes rows, or calls code that may. MariaDB logs the whole text: `SET STATEMENT
 * … FOR INSERT …`.
 */
const dml = /^(?:INSERT|UPDATE|DELETE|REPLACE|LOAD|SELECT|WITH|CALL|DO|VALUES|EXECUTE|SET STATEMENT)\b/i;
const createTable = /^CREATE (?:OR REPLACE )?TABLE\b/i;

/** Long enough to recognise any of these. */
const beginningLength = 40;

/** A query within a CREATE TABLE; PARTITION BY has VALUES LESS THAN and VALUES IN. */
const query = /\bSELECT\b|\bVALUES\b(?!\s*(?:LESS|IN)\b)|\bAS\s+TABLE\b/i;

/**
 * Whether a server with `binlog_format=ROW` would log a statement differently, as rows or not at all: DML, CREATE
 * TABLE … SELECT. In doubt the answer is yes. That does little harm: the text is compared all the same, and only a
 * different text no longer counts as a difference.
 * @param sql the statement's text, without comments.
 */
export function isDmlStatement(sql: string): boolean {
  const beginning = beginningOf(sql, beginningLength);
  if (dml.test(beginning)) return true;
  return createTable.test(beginning) && hasQuery(sql);
}

/** Whether it contains a query outside of quotes. */
function hasQuery(sql: string): boolean {
  let found = false;
  scanSql(sql, (part, start, end) => {
    found ||= part === 'text' && query.test(sql.slice(start, end));
    return !found;
  });
  return found;
}

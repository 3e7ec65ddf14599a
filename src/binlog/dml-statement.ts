import { beginningOf, scanSql } from './sql-text.js';

/** What begins a statement that changes rows, or calls what may. MariaDB logs the text whole: `SET STATEMENT … FOR INSERT …`. */
const dml = /^(?:INSERT|UPDATE|DELETE|REPLACE|LOAD|SELECT|WITH|CALL|DO|VALUES|EXECUTE|SET STATEMENT)\b/i;
const createTable = /^CREATE (?:OR REPLACE )?TABLE\b/i;

/** Longer than what any of these needs to tell. */
const beginningLength = 40;

/** A query within a CREATE TABLE; PARTITION BY has VALUES LESS THAN and VALUES IN. */
const query = /\bSELECT\b|\bVALUES\b(?!\s*(?:LESS|IN)\b)|\bAS\s+TABLE\b/i;

/**
 * Whether a statement in the log is one that a server with `binlog_format=ROW` logs otherwise, as rows or not at all:
 * DML, CREATE TABLE … SELECT. A statement too many does less harm than one too few: its text is compared all the same,
 * and only where that differs it isn't taken for a difference.
 * @param sql the statement's text, without comments.
 */
export function isDmlStatement(sql: string): boolean {
  const beginning = beginningOf(sql, beginningLength);
  if (dml.test(beginning)) return true;
  return createTable.test(beginning) && hasQuery(sql);
}

/** Whether a query stands in it outside of quotes. */
function hasQuery(sql: string): boolean {
  let found = false;
  scanSql(sql, (part, start, end) => {
    found ||= part === 'text' && query.test(sql.slice(start, end));
    return !found;
  });
  return found;
}

import type { LoggedStatement } from '../binlog/query-event.js';
import {
  beginningOf,
  type SqlQuoting,
  type SqlReading,
  usualQuoting,
  withoutExecutionMarks,
} from '../sql/text.js';
import { scanTokens } from '../sql/tokens.js';
import { systemSchema } from '../config/account-tables.js';
import { type StatementText, textOfStatement } from './statement-text.js';
import { blank, hidden, SecretFinder, type SecretPlace } from '../sql/secret-finder.js';

/** Without one of these words nothing is looked for: most statements have none. */
const tellingWord = /identified|passw|pwd|challenge_response|connection|mysql/i;

const dml = /^(?:insert|replace|update|delete|select|with|values|call|do|load)\b/i;
/**
 * In DML a column called `password` isn't a secret. Only calls of PASSWORD(…) and system tables with accounts
 * matter. There may be comments between the words.
 */
const tellingInDml =
  /password\s*(?:[(#]|\/\*|--|\*\/)|identified\s*(?:by|with|via|#|\/\*|--|\*\/)|mysql[`"]?\s*(?:[.#]|\/\*|--|\*\/)/i;

function mayHaveSecret(sql: string, schema: string, beginning: string): boolean {
  return schema === systemSchema || (dml.test(beginning) ? tellingInDml : tellingWord).test(sql);
}

/** The part of a statement that tells its kind. */
const beginningLength = 20;

/** A statement that may be shown. */
export type ShownSql = {
  readonly sql: string;
  /** Whether anything was taken out of it. */
  readonly isShortened: boolean;
  /** Whether user variables that it reads may hold passwords. */
  readonly hidesValues: boolean;
};

/** The text of a statement ({@link textOfStatement}) as it may be shown. */
export function shownText(statement: LoggedStatement): ShownSql & StatementText {
  const { text, isSure } = textOfStatement(statement);
  return { text, isSure, ...withoutSecrets(text, statement.schema, statement.session?.quoting, isSure) };
}

/**
 * A statement with its passwords taken out: MariaDB writes CREATE USER … IDENTIFIED BY '…' to its log in
 * clear text, MySQL the hash; bodies of routines and events, and connections to other servers, are logged as
 * they were written. None of this may get into an audit file that others read.
 *
 * If a statement can be read in more than one way, a secret in any reading is removed.
 * @param schema its default schema.
 * @param isSure whether the text is exact. If not, everything after the first secret is removed, because the
 * ends of strings aren't certain either.
 */
export function withoutSecrets(
  sql: string,
  schema = '',
  quoting: SqlQuoting = usualQuoting,
  isSure = true,
): ShownSql {
  const beginning = withoutExecutionMarks(beginningOf(sql, beginningLength));
  if (!mayHaveSecret(sql, schema, beginning)) {
    return { sql, isShortened: false, hidesValues: false };
  }
  const finders = readingsOf(sql, quoting, setsForOne.test(beginning)).map((reading) =>
    find(sql, schema, reading),
  );
  const hidesValues = finders.some((finder) => finder.hidesValues);
  const places = finders.flatMap((finder, index) => {
    // A comment that some servers execute stays.
    return index === 0 ? finder.places : finder.places.filter(({ shown }) => shown !== blank);
  });
  const [first, ...others] = places.sort((one, other) => one.start - other.start);
  if (first === undefined) return { sql, isShortened: false, hidesValues };
  const shown = isSure
    ? replaced(sql, first, others)
    : replaced(sql, { start: first.start, end: sql.length, shown: hidden }, []);
  return { sql: shown, isShortened: true, hidesValues };
}

/** Places in order; those that overlap are one. */
function replaced(sql: string, first: SecretPlace, others: readonly SecretPlace[]): string {
  const kept = [sql.slice(0, first.start)];
  let last = first;
  for (const place of others) {
    if (place.start >= last.end) {
      kept.push(last.shown, sql.slice(last.end, place.start));
      last = place;
    } else if (place.start !== last.start || place.end !== last.end) {
      last = { start: last.start, end: Math.max(last.end, place.end), shown: hidden };
    }
  }
  kept.push(last.shown, sql.slice(last.end));
  return kept.join('').trim();
}

const setsForOne = /^set statement\b/i;

/**
 * The ways in which a server may have read a statement. Whether it executes a comment depends on its version. MariaDB reads
 * SET STATEMENT sql_mode=… FOR … by the session's sql_mode, and logs it with the one that it sets.
 */
function readingsOf(sql: string, quoting: SqlQuoting, setsVariable: boolean): readonly SqlReading[] {
  const dollarQuotes = /\bjavascript\b/i.test(sql);
  const usual = [{ ...quoting, executes: true, dollarQuotes }];
  const comments = /\/\*M?!/.test(sql) ? [...usual, { ...quoting, executes: false, dollarQuotes }] : usual;
  if (!setsVariable) return comments;
  const both = [false, true];
  return comments.flatMap((reading) => [
    reading,
    ...both.flatMap((ansiQuotes) =>
      both.map((noBackslashEscapes) => ({ ...reading, ansiQuotes, noBackslashEscapes })),
    ),
  ]);
}

function find(sql: string, schema: string, reading: SqlReading): SecretFinder {
  const finderOf = (hidesAll: boolean): SecretFinder => {
    const finder = new SecretFinder(sql, schema, hidesAll);
    scanTokens(sql, reading, (token) => {
      finder.token(token);
      return true;
    });
    return finder;
  };
  const finder = finderOf(false);
  return finder.mayHideAnywhere ? finderOf(true) : finder;
}

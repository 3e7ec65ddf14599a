import { onOneLine, printable } from '../util/printable.js';

/**
 * A server's own errors have at most 512 bytes, and at most 1,023 in a replica's status (MYSQL_ERRMSG_SIZE,
 * MAX_SLAVE_ERRMSG).
 */
const longestText = 2_048;

/**
 * Cleans a text that a server has written, so that logs, statuses and terminals may show it. Every such text passes
 * through here where it is read. This removes:
 * - the statement in an applier's error, unless it is only about tables: statements contain passwords and rows;
 * - values from rows, which errors about keys and conversions quote;
 * - control characters, line breaks, and what exceeds the length of a server's texts.
 * @param errorNumber the number of the error, if it is known.
 */
export function serverText(said: string, errorNumber: number | null = null): string {
  const cut = said.length > longestText ? `${said.slice(0, longestText)}…` : said;
  return printable(onOneLine(withoutValues(withoutStatement(cut), errorNumber)));
}

/** Both vendors append the statement to an applier's error, after this mark. */
const statementMark = " Query: '";

const aboutTables =
  /^\s*(?:create|alter|drop|rename|truncate)\s+(?:or\s+replace\s+|temporary\s+|unique\s+|fulltext\s+|spatial\s+|online\s+|ignore\s+)*(?:table|database|schema|index|sequence)s?\b/i;
const mayHaveSecret = /identified|passw|pwd|connection|mysql|secret|encrypt|\bselect\b|\bvalues\b|\/\*|--|#/i;

function withoutStatement(text: string): string {
  const mark = text.indexOf(statementMark);
  if (mark < 0) return text;
  const statement = text.slice(mark + statementMark.length);
  if (aboutTables.test(statement) && !mayHaveSecret.test(statement)) return text;
  const before = text.slice(0, mark);
  // A syntax error quotes a part of the statement.
  const near = before.indexOf("near '");
  const kept = near < 0 ? before : `${before.slice(0, near)}near '<secret>'`;
  return `${kept}${statementMark}<secret>'`;
}

/**
 * Errors that quote values: ER_DUP_ENTRY and similar ones (`Duplicate entry 'a-1' for key 'users.email'`), and errors
 * of conversions (`Incorrect integer value: 'x' for column 'n' at row 1`, `Truncated incorrect DOUBLE value: 'x'`);
 * MySQL 8.0 Error Reference, MariaDB's error codes. A value may contain quotation marks itself. So everything up to the
 * last mark that can end the value is removed. If no mark can (long texts are cut off), everything after its beginning
 * is removed.
 */
const quotedValues: readonly (readonly [RegExp, string])[] = [
  [/(\bentry ').*(' for (?:key|table)\b)/gis, '$1<value>$2'],
  [/(\bentry ')(?!<value>' for ).*/gis, '$1<value>'],
  [/(\bvalue:? ['"`]).*(['"`] for (?:column|function|parameter|index|key)\b)/gis, '$1<value>$2'],
  [/(\bvalue:? ['"`])(?!<value>['"`] for ).*/gis, '$1<value>'],
  [/(\bvalue is out of range in ').*/gis, "$1<value>'"],
  [/(\bInvalid JSON text: ").*?(" at position\b)/gis, '$1<value>$2'],
];

const isEnglish = /\b(?:the|for|with)\b/i;

/** The same errors by number, because a server may use another language than English (`lc_messages`). */
const numbersWithValues: ReadonlySet<number> = new Set([
  1062, 1292, 1366, 1367, 1411, 1525, 1586, 1690, 3140,
]);

function withoutValues(text: string, errorNumber: number | null): string {
  const english = quotedValues.reduce((kept, [form, shown]) => kept.replace(form, shown), text);
  if (english !== text || isEnglish.test(text) || !numbersWithValues.has(errorNumber ?? 0)) return english;
  return text.replace(/'.*'/s, "'<value>'");
}

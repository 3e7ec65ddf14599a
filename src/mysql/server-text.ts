import { onOneLine, printable } from '../util/printable.js';

/** The longest text that a server's own errors have is 512 bytes; in a replica's status 1,023 (MYSQL_ERRMSG_SIZE, MAX_SLAVE_ERRMSG). */
const longestText = 2_048;

/**
 * What a server says in its own words, as it may be shown in logs, statuses and terminals. Every such text comes through
 * here where it is read. Taken out are:
 * - statements that an applier stands at, unless they are about tables alone: they hold passwords and rows;
 * - values out of rows, which errors of keys and of conversions quote;
 * - control characters, line breaks, and what no server's text is long enough for.
 * @param errorNumber the error that it is the text of, where that is known.
 */
export function serverText(said: string, errorNumber: number | null = null): string {
  const cut = said.length > longestText ? `${said.slice(0, longestText)}…` : said;
  return printable(onOneLine(withoutValues(withoutStatement(cut), errorNumber)));
}

/** What both vendors add to an error of an applier: the statement's text. */
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
  // A syntax error quotes from the statement.
  const near = before.indexOf("near '");
  const kept = near < 0 ? before : `${before.slice(0, near)}near '<secret>'`;
  return `${kept}${statementMark}<secret>'`;
}

/**
 * Errors that quote values: ER_DUP_ENTRY and its kin (`Duplicate entry 'a-1' for key 'users.email'`), and those of
 * conversions (`Incorrect integer value: 'x' for column 'n' at row 1`, `Truncated incorrect DOUBLE value: 'x'`); MySQL 8.0
 * Error Reference, MariaDB's error codes. A value may hold quotation marks itself: all up to the last one that can end it
 * goes, and where none can (long texts are cut off), all that follows.
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

/** The same errors by their numbers: a server may speak another language than English (`lc_messages`). */
const numbersWithValues: ReadonlySet<number> = new Set([
  1062, 1292, 1366, 1367, 1411, 1525, 1586, 1690, 3140,
]);

function withoutValues(text: string, errorNumber: number | null): string {
  const english = quotedValues.reduce((kept, [form, shown]) => kept.replace(form, shown), text);
  if (english !== text || isEnglish.test(text) || !numbersWithValues.has(errorNumber ?? 0)) return english;
  return text.replace(/'.*'/s, "'<value>'");
}

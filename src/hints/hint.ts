import type { LoggedStatement } from '../binlog/query-event.js';
import { textOfStatement } from '../decode/statement-text.js';
import { quoteTable } from '../mysql/quote.js';
import { WaymarkError } from '../util/errors.js';

/**
 * A Pseudo-GTID hint: a statement that changes nothing and is in every server's binary log. Its text marks a place in
 * the history (Shlomi Noach, 2015; the text format is the one orchestrator uses).
 */
export type Hint = {
  /** What follows the prefix inside the statement, for example `asc:56373F17:00000000012B1C8B:50EC77A1`. Unique. */
  readonly token: string;
  /** Ascending hints compare by token: seconds, counter and random part have fixed widths and upper-case digits. */
  readonly ascending: boolean;
};

/** The form of hints: the schema and the prefix of a view that never exists. */
export type HintFormat = { readonly schema: string; readonly prefix: string };

/** The format that orchestrator's users have, and waymark's default. */
export const defaultHintFormat: HintFormat = { schema: 'meta', prefix: '_pseudo_gtid_hint__' };

const ascendingMark = 'asc:';
const ascendingFields = /^[0-9A-F]{8}:[0-9A-F]{16}:[0-9A-F]{8}$/;

/** No identifier is longer than 64 characters, so no hint statement is longer than this, comments apart. */
const longestHintStatement = 400;

/** Makes a hint from its token. Never fails: a token of another form is a hint that does not ascend. */
export function hintFromToken(token: string): Hint {
  return {
    token,
    ascending: token.startsWith(ascendingMark) && ascendingFields.test(token.slice(ascendingMark.length)),
  };
}

/** The hint as records and people show it: without `asc:`. */
export function displayHint(hint: Hint): string {
  return hint.ascending ? hint.token.slice(ascendingMark.length) : hint.token;
}

/** The hint whose {@link displayHint} is `text`. */
export function hintFromDisplay(text: string): Hint {
  return hintFromToken(ascendingFields.test(text) ? ascendingMark + text : text);
}

/** Negative, zero or positive like a comparator. Null if one of them doesn't ascend. Then they have no order. */
export function compareHints(a: Hint, b: Hint): number | null {
  if (!a.ascending || !b.ascending) return null;
  if (a.token === b.token) return 0;
  return a.token < b.token ? -1 : 1;
}

/** Returns the hint that a logged statement is, or null. */
export type HintRecogniser = (statement: LoggedStatement) => Hint | null;

/** Makes a recogniser for one format. The schema may be in the text, quoted or not, or be the statement's default. */
export function hintRecogniser(format: HintFormat): HintRecogniser {
  const pattern = new RegExp(
    `^\\s*drop\\s+view\\s+if\\s+exists\\s+(?:(?:\`([^\`]+)\`|([\\w$\\u0080-\\uffff]+))\\s*\\.\\s*)?` +
      `(?:\`${escape(format.prefix)}([^\`]+)\`|${escape(format.prefix)}([\\w$]+))\\s*;?\\s*$`,
    'i',
  );
  // The bytes of ASCII are the same in all sets of clients, and most formats have no others.
  const needsCharset = /[^\0-\x7f]/.test(format.schema + format.prefix);
  return (statement) => {
    if (statement.sql.length > longestHintStatement) return null;
    const sql = needsCharset ? textOfStatement(statement).text : statement.sql;
    if (!sql.includes(format.prefix)) return null;
    const match = pattern.exec(sql);
    if (!match) return null;
    const token = match[3] ?? match[4];
    const where = match[1] ?? match[2] ?? statement.schema;
    return token === undefined || where !== format.schema ? null : hintFromToken(token);
  };
}

/** The statement that is the hint. */
export function hintStatement(hint: Hint, format: HintFormat): string {
  return `drop view if exists ${quoteTable(format.schema, format.prefix + hint.token)}`;
}

/**
 * Parses a hint that a person has typed: the token with or without `asc:`, the name with its prefix, or the whole
 * statement, also as SHOW BINLOG EVENTS prints it (``use `db`; drop view …``).
 * @throws WaymarkError `usage` when it is none of these.
 */
export function parseHint(text: string, format: HintFormat): Hint {
  const trimmed = text.trim().replace(/^use\s+(?:`[^`]*`|[\w$]+)\s*;\s*/i, '');
  const recognised = hintRecogniser(format)({ schema: format.schema, sql: trimmed });
  if (recognised) return recognised;
  const bare = trimmed.startsWith(format.prefix) ? trimmed.slice(format.prefix.length) : trimmed;
  const hint = hintFromDisplay(
    bare.toUpperCase().startsWith('ASC:') ? ascendingMark + bare.slice(4).toUpperCase() : bare,
  );
  if (hint.ascending || /^[\w:.$-]{4,64}$/.test(hint.token)) return hint;
  throw new WaymarkError(
    'usage',
    `"${text}" is not a hint. Give the hint, for example asc:56373F17:00000000012B1C8B:50EC77A1, or its whole ` +
      `statement: drop view if exists \`${format.schema}\`.\`${format.prefix}asc:…\``,
  );
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

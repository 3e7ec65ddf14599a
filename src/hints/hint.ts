import type { Statement } from '../binlog/query-event.js';
import { WaymarkError } from '../util/errors.js';

/**
 * A Pseudo-GTID hint: a statement that changes nothing, is written to every server's binary log, and says by its
 * text where in the history one is (Shlomi Noach, 2015; the text format is the one orchestrator uses).
 */
export type Hint = {
  /** What follows the prefix inside the statement, for example `asc:56373F17:00000000012B1C8B:50EC77A1`. Unique. */
  readonly token: string;
  /** Ascending hints compare by token: seconds, counter and random part have fixed widths and upper-case digits. */
  readonly ascending: boolean;
};

/** How hints look on the servers: the schema and the prefix of the view that never exists. */
export type HintFormat = { readonly schema: string; readonly prefix: string };

/** The format that orchestrator's users have, and waymark's default. */
export const defaultHintFormat: HintFormat = { schema: 'meta', prefix: '_pseudo_gtid_hint__' };

const ascendingMark = 'asc:';
const ascendingFields = /^[0-9A-F]{8}:[0-9A-F]{16}:[0-9A-F]{8}$/;

/** No identifier is longer than 64 characters, so no hint statement is longer than this, comments apart. */
const longestHintStatement = 400;

/** A hint from its token; never fails: a token of any other form is a hint that does not ascend. */
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

/** Negative, zero or positive like a comparator; null when one of them doesn't ascend, so that they have no order. */
export function compareHints(a: Hint, b: Hint): number | null {
  if (!a.ascending || !b.ascending) return null;
  if (a.token === b.token) return 0;
  return a.token < b.token ? -1 : 1;
}

/** Says of a statement in the log which hint it is, or null. */
export type HintRecogniser = (statement: Statement) => Hint | null;

/** A recogniser for one format. The schema may stand in the text, quoted or not, or be the statement's default. */
export function hintRecogniser(format: HintFormat): HintRecogniser {
  const pattern = new RegExp(
    `^\\s*drop\\s+view\\s+if\\s+exists\\s+(?:(?:\`([^\`]+)\`|([\\w$]+))\\s*\\.\\s*)?` +
      `(?:\`${escape(format.prefix)}([^\`]+)\`|${escape(format.prefix)}([\\w$]+))\\s*;?\\s*$`,
    'i',
  );
  return ({ schema, sql }) => {
    if (sql.length > longestHintStatement || !sql.includes(format.prefix)) return null;
    const match = pattern.exec(sql);
    if (!match) return null;
    const token = match[3] ?? match[4];
    const where = match[1] ?? match[2] ?? schema;
    return token === undefined || where !== format.schema ? null : hintFromToken(token);
  };
}

/** The statement that is the hint. */
export function hintStatement(hint: Hint, format: HintFormat): string {
  const quote = (name: string): string => `\`${name.replaceAll('`', '``')}\``;
  return `drop view if exists ${quote(format.schema)}.${quote(format.prefix + hint.token)}`;
}

/**
 * Reads a hint that a person gives: the token with or without `asc:`, the name with its prefix, or the whole
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

import { isBlank } from './text.js';
import { isWordPart } from './tokens.js';

/** A name of the form `schema`.`table`. */
export type QualifiedName = { readonly schema: string; readonly table: string };

/** Identifiers have 64 characters at most, some of which take two units here, and quotation marks are doubled. */
const longestName = 256;
const mostBlanks = 1000;

/**
 * The two names around a dot in a statement, quoted or not, with or without white space. Null if there are none.
 * Looks only near the dot. So quotation marks further away, in comments and strings, make no difference.
 */
export function nameAround(sql: string, dot: number): QualifiedName | null {
  const schema = nameBefore(sql, blanksBefore(sql, dot));
  if (schema === null) return null;
  const table = nameBehind(sql, blanksBehind(sql, dot + 1));
  return table === null ? null : { schema, table };
}

function blanksBefore(sql: string, end: number): number {
  let at = end;
  while (at > 0 && end - at < mostBlanks && isBlank(sql, at - 1)) at -= 1;
  return at;
}

function blanksBehind(sql: string, start: number): number {
  let at = start;
  while (at < sql.length && at - start < mostBlanks && isBlank(sql, at)) at += 1;
  return at;
}

/** The name that ends there. */
function nameBefore(sql: string, end: number): string | null {
  const mark = sql.charAt(end - 1);
  if (!isQuotationMark(mark)) {
    let start = end;
    while (start > 0 && end - start <= longestName && isWordPart(sql.charCodeAt(start - 1))) start -= 1;
    return nameOf(sql, start, end);
  }
  for (let at = end - 2; at >= 0 && end - at <= longestName; at -= 1) {
    if (sql.charAt(at) !== mark) continue;
    if (sql.charAt(at - 1) !== mark) return quotedName(sql, at + 1, end - 1, mark);
    at -= 1;
  }
  return null;
}

/** The name that begins there. */
function nameBehind(sql: string, start: number): string | null {
  const mark = sql.charAt(start);
  if (!isQuotationMark(mark)) {
    let end = start;
    while (end - start <= longestName && isWordPart(sql.charCodeAt(end))) end += 1;
    return nameOf(sql, start, end);
  }
  for (let at = start + 1; at < sql.length && at - start <= longestName; at += 1) {
    if (sql.charAt(at) !== mark) continue;
    if (sql.charAt(at + 1) !== mark) return quotedName(sql, start + 1, at, mark);
    at += 1;
  }
  return null;
}

function nameOf(sql: string, start: number, end: number): string | null {
  return end === start || end - start > longestName ? null : sql.slice(start, end);
}

function quotedName(sql: string, start: number, end: number, mark: string): string | null {
  return nameOf(sql, start, end)?.replaceAll(mark + mark, mark) ?? null;
}

/** Double quotation marks enclose names where sql_mode has ANSI_QUOTES. */
function isQuotationMark(character: string): boolean {
  return character === '`' || character === '"';
}

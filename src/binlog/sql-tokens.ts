import { isBlank, scanSql, type SqlReading } from './sql-text.js';

/**
 * A piece of a statement that means something: a word (also a number), a quoted name, a string, a comment, or a character
 * of any other kind.
 */
export type SqlToken = {
  readonly kind: 'word' | 'name' | 'string' | 'comment' | 'mark';
  readonly start: number;
  readonly end: number;
};

/** The marks of a comment that servers execute; a version stands behind them. */
const executionStart = /\/\*M?!\d*/y;

/**
 * Shows `visit` every token of a statement in order, until it gives false. The marks of comments that servers execute are
 * none, what is in them are.
 */
export function scanTokens(sql: string, reading: SqlReading, visit: (token: SqlToken) => boolean): void {
  // A long text comes in pieces, which may end within a word.
  let wordStart = -1;
  let skipped = 0;
  const endWord = (end: number): boolean => {
    const start = wordStart;
    wordStart = -1;
    return start < 0 || visit({ kind: 'word', start, end });
  };
  scanSql(
    sql,
    (part, start, end) => {
      if (part !== 'text') return endWord(start) && visit({ kind: part, start, end });
      for (let at = Math.max(start, skipped); at < end; at += 1) {
        const blank = isBlank(sql, at);
        if (!blank && isWordPart(sql.charCodeAt(at))) {
          if (wordStart < 0) wordStart = at;
          continue;
        }
        if (!endWord(at)) return false;
        if (blank) continue;
        skipped = executionMarkEnd(sql, at);
        if (skipped > at) at = skipped - 1;
        else if (!visit({ kind: 'mark', start: at, end: at + 1 })) return false;
      }
      return true;
    },
    reading,
  );
  endWord(sql.length);
}

/** Behind the mark of an executed comment that begins or ends there; where there is none, the place itself. */
function executionMarkEnd(sql: string, at: number): number {
  if (sql.startsWith('*/', at)) return at + 2;
  if (!sql.startsWith('/*', at)) return at;
  executionStart.lastIndex = at;
  return executionStart.test(sql) ? executionStart.lastIndex : at;
}

/** What names without quotation marks consist of (MySQL 8.4 Reference Manual, "Schema Object Names"). */
export function isWordPart(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x5f ||
    code === 0x24 ||
    code >= 0x80
  );
}

/** A name without its quotation marks. */
export function nameOf(sql: string, { kind, start, end }: SqlToken): string {
  if (kind !== 'name') return sql.slice(start, end);
  const mark = sql.charAt(start);
  return sql.slice(start + 1, end - 1).replaceAll(mark + mark, mark);
}

import { executionMarkEnd, isBlank, scanSql, type SqlReading } from './text.js';

/** A token of a statement: a word (or number), a quoted name, a string, a comment, or any other character. */
export type SqlToken = {
  readonly kind: 'word' | 'name' | 'string' | 'comment' | 'mark';
  readonly start: number;
  readonly end: number;
};

/**
 * Calls `visit` with every token of a statement in order, until it returns false. The marks of executed comments are
 * no tokens. Their content is.
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
        skipped = sql.startsWith('*/', at) ? at + 2 : executionMarkEnd(sql, at);
        if (skipped > at) at = skipped - 1;
        else if (!visit({ kind: 'mark', start: at, end: at + 1 })) return false;
      }
      return true;
    },
    reading,
  );
  endWord(sql.length);
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

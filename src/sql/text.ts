/**
 * What a piece of a statement's text is. `string`: in single or double quotes; `name`: in backticks, and with ANSI_QUOTES
 * in double quotes.
 */
export type SqlPart = 'text' | 'comment' | 'string' | 'name';

/** How quotation marks are read. */
export type SqlQuoting = {
  /** `ANSI_QUOTES` in sql_mode: names are in double quotes. */
  readonly ansiQuotes: boolean;
  /** `NO_BACKSLASH_ESCAPES` in sql_mode: a backslash is a character like any other. */
  readonly noBackslashEscapes: boolean;
};

/** As sessions have it that set neither. */
export const usualQuoting: SqlQuoting = { ansiQuotes: false, noBackslashEscapes: false };

/** How {@link scanSql} reads a text. */
export type SqlReading = SqlQuoting & {
  /** Whether comments that begin with an exclamation mark count as executed. */
  readonly executes: boolean;
  /** Whether `$$…$$` and `$tag$…$tag$` are strings. MySQL uses them around programs in other languages. */
  readonly dollarQuotes: boolean;
};

const usualReading: SqlReading = { ...usualQuoting, executes: true, dollarQuotes: false };

/** Longest piece of plain text that is shown at once. */
const longestText = 64 * 1024;

const [quote, doubleQuote, backtick, backslash] = [0x27, 0x22, 0x60, 0x5c];
const [slash, star, dash, hash, dollar] = [0x2f, 0x2a, 0x2d, 0x23, 0x24];
const escapedCharacters: Readonly<Record<string, string>> = {
  ...{ '0': '\0', n: '\n', r: '\r', t: '\t', b: '\b', Z: '\x1a', '%': '\\%', _: '\\_' },
};

/** The meaning of a character after a backslash (MySQL 8.4 Reference Manual, "String Literals"). */
export function unescaped(character: string): string {
  return escapedCharacters[character] ?? character;
}

const executionMark = /\/\*M?!\d*/y;

/** The index after the mark and version of an executed comment. `at` if there is none. */
export function executionMarkEnd(sql: string, at: number): number {
  if (!sql.startsWith('/*', at)) return at;
  executionMark.lastIndex = at;
  return executionMark.test(sql) ? executionMark.lastIndex : at;
}

const dollarTag = /\$\w*\$/y;

/**
 * Splits a statement into parts, in time linear in its length. Calls `visit` with every part in order, without gaps,
 * until it returns false. Unclosed quotes extend to the end. An unclosed comment is text. So are the marks of
 * executed comments (those that begin with an exclamation mark). Their content is visited as separate parts.
 */
export function scanSql(
  sql: string,
  visit: (part: SqlPart, start: number, end: number) => boolean,
  reading: SqlReading = usualReading,
): void {
  // No comment ends after this.
  const lastClosing = sql.lastIndexOf('*/');
  let textStart = 0;
  let at = 0;
  while (at < sql.length) {
    const part = partAt(sql, at, lastClosing, reading);
    if (part === 'text') {
      at += 1;
      if (at - textStart < longestText) continue;
      if (!visit('text', textStart, at)) return;
    } else {
      if (at > textStart && !visit('text', textStart, at)) return;
      const end = endOf(sql, at, part, reading);
      if (!visit(part, at, end)) return;
      at = end;
    }
    textStart = at;
  }
  if (at > textStart) visit('text', textStart, at);
}

function partAt(sql: string, at: number, lastClosing: number, reading: SqlReading): SqlPart {
  switch (sql.charCodeAt(at)) {
    case quote:
      return 'string';
    case doubleQuote:
      return reading.ansiQuotes ? 'name' : 'string';
    case backtick:
      return 'name';
    case dollar:
      return reading.dollarQuotes && dollarTagAt(sql, at) !== null ? 'string' : 'text';
    case hash:
      return 'comment';
    case dash:
      return sql.charCodeAt(at + 1) === dash && isBlankOrEnd(sql, at + 2) ? 'comment' : 'text';
    case slash:
      if (sql.charCodeAt(at + 1) !== star || lastClosing < at + 2) return 'text';
      if (!reading.executes) return 'comment';
      return sql.startsWith('!', at + 2) || sql.startsWith('M!', at + 2) ? 'text' : 'comment';
    default:
      return 'text';
  }
}

function endOf(
  sql: string,
  start: number,
  part: Exclude<SqlPart, 'text'>,
  { noBackslashEscapes }: SqlReading,
): number {
  switch (part) {
    case 'string':
      if (sql.charCodeAt(start) === dollar) return dollarEnd(sql, start);
      return quotedEnd(sql, start, !noBackslashEscapes);
    case 'name':
      return quotedEnd(sql, start, false);
    case 'comment': {
      if (sql.charCodeAt(start) === slash) return sql.indexOf('*/', start + 2) + 2;
      const lineEnd = sql.indexOf('\n', start);
      return lineEnd < 0 ? sql.length : lineEnd;
    }
  }
}

function dollarTagAt(sql: string, at: number): string | null {
  dollarTag.lastIndex = at;
  return dollarTag.exec(sql)?.[0] ?? null;
}

function dollarEnd(sql: string, start: number): number {
  const tag = dollarTagAt(sql, start) ?? '';
  const at = sql.indexOf(tag, start + tag.length);
  return at < 0 ? sql.length : at + tag.length;
}

/** The index after the closing quotation mark. A doubled one is part of the text, and so is one after a backslash. */
function quotedEnd(sql: string, start: number, escapes: boolean): number {
  const mark = sql.charAt(start);
  for (let from = start + 1; ;) {
    const at = sql.indexOf(mark, from);
    if (at < 0) return sql.length;
    if (escapes && isEscaped(sql, from, at)) from = at + 1;
    else if (sql.startsWith(mark, at + 1)) from = at + 2;
    else return at + 1;
  }
}

/** Whether there is an odd number of backslashes before `at`, back to `from`. */
function isEscaped(sql: string, from: number, at: number): boolean {
  let first = at;
  while (first > from && sql.charCodeAt(first - 1) === backslash) first -= 1;
  return (at - first) % 2 === 1;
}

function isBlankOrEnd(sql: string, at: number): boolean {
  return at >= sql.length || isBlank(sql, at);
}

/** Whether there is white space at an index. */
export function isBlank(sql: string, at: number): boolean {
  const code = sql.charCodeAt(at);
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  return code >= 0xa0 && /\s/.test(sql.charAt(at));
}

/**
 * How much of a statement is searched for comments. Servers add comments to statements of their own, which are short,
 * and to the end.
 */
const longestCommented = 256 * 1024;

/**
 * A statement without comments and outer white space. Executed comments stay, and so does everything in quotes. After
 * the first 256 KiB, only comments at the very end are removed. Comments are removed because servers add their own
 * when they replicate and list statements.
 */
export function withoutComments(sql: string, quoting: SqlQuoting = usualQuoting): string {
  if (!sql.includes('/*') && !sql.includes('--') && !sql.includes('#')) return sql.trim();
  const kept: string[] = [];
  let keptLength = 0;
  let keptStart = 0;
  scanSql(
    sql,
    (part, start, end) => {
      if (part !== 'comment') return keptLength + end - keptStart < longestCommented;
      kept.push(sql.slice(keptStart, start), ' ');
      keptLength += start - keptStart + 1;
      keptStart = end;
      return keptLength < longestCommented;
    },
    { ...quoting, executes: true, dollarQuotes: false },
  );
  kept.push(sql.slice(keptStart));
  const text = kept.join('').trim();
  return text.length < longestCommented ? text : withoutLastComments(text);
}

/** No server's own comment is longer. */
const longestLastComment = 100;
const mostLastComments = 100;

function withoutLastComments(sql: string): string {
  let text = sql;
  for (let count = 0; count < mostLastComments && text.endsWith('*/'); count += 1) {
    const start = text.lastIndexOf('/*', text.length - 4);
    const executed = text.startsWith('!', start + 2) || text.startsWith('M!', start + 2);
    if (start < text.length - longestLastComment || executed) break;
    text = text.slice(0, start).trimEnd();
  }
  return text;
}

/**
 * The first `length` characters of a statement without comments, with single blanks for white space outside of
 * quotes. Reads no further than needed.
 */
export function beginningOf(sql: string, length: number): string {
  let text = '';
  let blank = false;
  const add = (more: string): void => {
    text += blank && text !== '' ? ` ${more}` : more;
    blank = false;
  };
  scanSql(sql, (part, start, end) => {
    if (part === 'comment') blank = true;
    else if (part !== 'text') add(sql.slice(start, Math.min(end, start + length)));
    else {
      for (let at = start; at < end && text.length < length; at += 1) {
        if (isBlank(sql, at)) blank = true;
        else add(sql.charAt(at));
      }
    }
    return text.length < length;
  });
  return text.slice(0, length);
}

/** The beginning of a statement without the marks of comments that servers execute. */
export function withoutExecutionMarks(beginning: string): string {
  return beginning.replaceAll(/ *(?:(?:\/\*M?!\d*|\*\/) *)+/g, ' ').trimStart();
}

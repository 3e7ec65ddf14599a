import { executionMarkEnd, isBlank, type SqlQuoting, unescaped } from '../sql/text.js';
import { isWordPart } from '../sql/tokens.js';

/** A statement can't be read for certain. The caller must assume that it may do anything. */
export class NotUnderstood extends Error {
  override readonly name = 'NotUnderstood';
}

/**
 * A piece of a statement. `word`: a keyword, or a name without quotation marks; `name`: in backticks; `quoted`: in double
 * quotation marks, a text or (with ANSI_QUOTES) a name; `mark`: one character.
 */
export type DdlToken = {
  readonly kind: 'word' | 'name' | 'quoted' | 'string' | 'number' | 'mark' | 'end';
  readonly text: string;
};

const end: DdlToken = { kind: 'end', text: '' };

/**
 * Splits a statement into tokens on demand. Comments are left out. `executes` says whether version comments
 * count as code or as comments.
 */
export class DdlTokens {
  /** Whether there was a comment that servers execute. */
  hasExecutedComments = false;
  readonly #sql: string;
  readonly #executes: boolean;
  readonly #quoting: SqlQuoting | null;
  #at = 0;
  #insideExecuted = false;
  readonly #ahead: DdlToken[] = [];

  /** @param quoting null: not known. */
  constructor(sql: string, executes: boolean, quoting: SqlQuoting | null) {
    this.#sql = sql;
    this.#executes = executes;
    this.#quoting = quoting;
  }

  /** The next token, or the one `ahead` tokens after it. */
  peek(ahead = 0): DdlToken {
    while (this.#ahead.length <= ahead) this.#ahead.push(this.#read());
    return this.#ahead[ahead] ?? end;
  }

  next(): DdlToken {
    const token = this.peek();
    this.#ahead.shift();
    return token;
  }

  /** Whether the next tokens are these words. */
  isAt(...words: readonly string[]): boolean {
    return words.every((word, index) => isWord(this.peek(index), word));
  }

  /** Takes these words if they come next, and says whether they did. */
  take(...words: readonly string[]): boolean {
    if (!this.isAt(...words)) return false;
    for (let left = words.length; left > 0; left -= 1) this.next();
    return true;
  }

  /** Takes this mark if it comes next, and says whether it did. */
  takeMark(mark: string): boolean {
    if (!this.isAtMark(mark)) return false;
    this.next();
    return true;
  }

  isAtMark(mark: string): boolean {
    const { kind, text } = this.peek();
    return kind === 'mark' && text === mark;
  }

  isAtEnd(): boolean {
    return this.peek().kind === 'end';
  }

  /** A name, in quotation marks or not. */
  name(): string {
    const { kind, text } = this.next();
    if (kind === 'word' || kind === 'name' || kind === 'quoted') return text;
    throw new NotUnderstood(`a name was expected, and there is "${text}"`);
  }

  /** Skips a group in parentheses, if one comes next. */
  skipParentheses(): void {
    if (!this.isAtMark('(')) return;
    let depth = 0;
    do {
      const { kind, text } = this.next();
      if (kind === 'end') throw new NotUnderstood('a parenthesis has no end');
      if (kind === 'mark' && text === '(') depth += 1;
      if (kind === 'mark' && text === ')') depth -= 1;
    } while (depth > 0);
  }

  #read(): DdlToken {
    const sql = this.#sql;
    this.#passOver();
    if (this.#at >= sql.length) return end;
    const mark = sql.charAt(this.#at);
    if (mark === '`' || mark === '"' || mark === "'") return this.#quoted(mark);
    const word = this.#word();
    if (word === '') {
      this.#at += 1;
      return { kind: 'mark', text: mark };
    }
    // Bytes that were no text of the set by which the statement was read.
    if (word.includes('\ufffd')) throw new NotUnderstood('it has characters that can not be read');
    this.#at += word.length;
    return { kind: /^\d+$/.test(word) ? 'number' : 'word', text: word };
  }

  #word(): string {
    const start = this.#at;
    let at = start;
    while (at < this.#sql.length && isWordPart(this.#sql.charCodeAt(at))) at += 1;
    return this.#sql.slice(start, at);
  }

  /**
   * A doubled quotation mark is one in the text. What a backslash does depends on sql_mode (NO_BACKSLASH_ESCAPES),
   * and with ANSI_QUOTES on the kind of quotation mark.
   */
  #quoted(mark: string): DdlToken {
    const sql = this.#sql;
    const escapes = this.#escapes(mark);
    let text = '';
    for (let at = this.#at + 1; ; at += 1) {
      const character = sql.charAt(at);
      if (character === '') throw new NotUnderstood('a quotation mark has no end');
      if (character === '\ufffd') throw new NotUnderstood('it has characters that can not be read');
      if (character === mark) {
        if (sql.charAt(at + 1) !== mark) {
          this.#at = at + 1;
          break;
        }
        at += 1;
      }
      if (character === '\\' && escapes !== false) {
        if (escapes === null) throw new NotUnderstood('a text has a backslash in it');
        at += 1;
        text += unescaped(sql.charAt(at));
      } else text += character;
    }
    const isName = mark === '`' || (mark === '"' && this.#quoting?.ansiQuotes === true);
    return { kind: isName ? 'name' : mark === '"' ? 'quoted' : 'string', text };
  }

  /** Whether a backslash escapes. Null: not known. */
  #escapes(mark: string): boolean | null {
    if (mark === '`') return false;
    if (this.#quoting === null) return null;
    return !this.#quoting.noBackslashEscapes && !(mark === '"' && this.#quoting.ansiQuotes);
  }

  /** White space and comments. */
  #passOver(): void {
    const sql = this.#sql;
    for (;;) {
      const at = this.#at;
      if (at >= sql.length) return;
      if (isBlank(sql, at)) this.#at += 1;
      else if (sql.startsWith('/*', at)) this.#comment();
      else if (this.#insideExecuted && sql.startsWith('*/', at)) {
        this.#insideExecuted = false;
        this.#at += 2;
      } else if (sql.charAt(at) === '#') this.#line();
      else if (sql.startsWith('--', at) && (at + 2 >= sql.length || isBlank(sql, at + 2))) this.#line();
      else return;
    }
  }

  #comment(): void {
    const sql = this.#sql;
    const behindMark = executionMarkEnd(sql, this.#at);
    if (behindMark > this.#at) {
      if (this.#insideExecuted) throw new NotUnderstood('a comment stands in a comment');
      this.hasExecutedComments = true;
      if (this.#executes) {
        this.#insideExecuted = true;
        this.#at = behindMark;
        return;
      }
    }
    const close = sql.indexOf('*/', this.#at + 2);
    if (close < 0) throw new NotUnderstood('a comment has no end');
    this.#at = close + 2;
  }

  #line(): void {
    const close = this.#sql.indexOf('\n', this.#at);
    this.#at = close < 0 ? this.#sql.length : close;
  }
}

function isWord({ kind, text }: DdlToken, word: string): boolean {
  return kind === 'word' && text.toUpperCase() === word;
}

/** Whether a token is one of these words. */
export function isOneOf({ kind, text }: DdlToken, words: ReadonlySet<string>): boolean {
  return kind === 'word' && words.has(text.toUpperCase());
}

import { markDocument, maximumDepth } from './json-document.js';
import type { JsonWriter } from './json-writer.js';
import { endOf, type LengthBytes, type ValueReader } from './value-reader.js';

/**
 * MariaDB's JSON in the form of MySQL's. MariaDB stores the text that it was given. Here it loses the white
 * space between tokens and unneeded escapes in strings. Keys keep their order, and numbers keep every digit.
 *
 * Text that JSON parsers read differently stays text, as `{"$text":"…"}`: an object with two members of the
 * same name (RFC 8259, section 4, leaves open which one counts), nesting beyond what MySQL and others accept,
 * and text that isn't JSON. Such text gets in with check_constraint_checks=OFF, and because MariaDB's
 * `JSON_VALID` accepts `1.` and `"\x"`. Invalid bytes become `{"$base64":"…"}`, as in any text column.
 */
export function writeJsonText(bytes: Buffer, from: number, to: number, out: JsonWriter): void {
  const { at: start, inexact } = out;
  if (new DocumentText(bytes, from, to, out).write()) return;
  out.at = start;
  out.inexact = inexact;
  out.reserve(textHead.length);
  out.copy(textHead);
  if (out.utf8Text(bytes, from, to)) {
    out.reserve(1);
    out.byte(0x7d);
    return;
  }
  out.at = start;
  out.base64(bytes, from, to);
}

const textHead = Buffer.from('{"$text":');

/** The reader of such a column: a length and the text. */
export function jsonTextReader(prefix: LengthBytes): ValueReader {
  return (bytes, at, out) => {
    const end = endOf(bytes, at, prefix);
    writeJsonText(bytes, at + prefix, end, out);
    return end;
  };
}

const [quote, comma, colon, backslash] = [0x22, 0x2c, 0x3a, 0x5c];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];

const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/;
const literals = [Buffer.from('null'), Buffer.from('true'), Buffer.from('false')] as const;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads and writes a JSON text (RFC 8259) in one pass. The output is valid only if the whole text is one
 * value.
 */
class DocumentText {
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #out: JsonWriter;
  #at: number;

  constructor(bytes: Buffer, from: number, to: number, out: JsonWriter) {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = to;
    this.#out = out;
  }

  /** Returns whether it is one value. */
  write(): boolean {
    const { at: start } = this.#out;
    this.#passBlanks();
    const first = this.#peek();
    const lone = this.#value(maximumDepth);
    if (lone === null) return false;
    this.#passBlanks();
    if (this.#at !== this.#end) return false;
    const isNull = first === 0x6e;
    if (isNull || lone.startsWith('$')) markDocument(this.#out, start);
    return true;
  }

  #peek(): number {
    return this.#at < this.#end ? (this.#bytes[this.#at] ?? 0) : 0;
  }

  #passBlanks(): void {
    for (;;) {
      const byte = this.#peek();
      if (byte !== 0x20 && (byte < 0x09 || byte > 0x0d || byte === 0x0b || byte === 0x0c)) return;
      this.#at += 1;
    }
  }

  /** Takes a byte, and the blanks before it, if it comes next. */
  #take(byte: number): boolean {
    this.#passBlanks();
    if (this.#peek() !== byte) return false;
    this.#at += 1;
    return true;
  }

  #put(byte: number): void {
    this.#out.reserve(1);
    this.#out.byte(byte);
  }

  /**
   * Reads a value. Returns the name if it is an object with one member, else an empty string. Null if there
   * is no value.
   */
  #value(depth: number): string | null {
    this.#passBlanks();
    const byte = this.#peek();
    switch (byte) {
      case openBrace:
        return depth === 0 ? null : this.#object(depth);
      case openBracket:
        return depth > 0 && this.#array(depth) ? '' : null;
      case quote:
        return this.#string(false) === null ? null : '';
      default:
        return this.#literal() || this.#number() ? '' : null;
    }
  }

  #object(depth: number): string | null {
    this.#at += 1;
    this.#put(openBrace);
    let lone = '';
    let names: Set<string> | null = null;
    for (let count = 0; !this.#take(closeBrace); count += 1) {
      if (count > 0) {
        if (!this.#take(comma)) return null;
        this.#put(comma);
      }
      this.#passBlanks();
      if (this.#peek() !== quote) return null;
      const name = this.#string(true);
      if (name === null || !this.#take(colon)) return null;
      if (count === 0) lone = name;
      else {
        names ??= new Set([lone]);
        if (names.has(name)) return null;
        names.add(name);
      }
      this.#put(colon);
      if (this.#value(depth - 1) === null) return null;
    }
    this.#put(closeBrace);
    return names === null ? lone : '';
  }

  #array(depth: number): boolean {
    this.#at += 1;
    this.#put(openBracket);
    for (let count = 0; !this.#take(closeBracket); count += 1) {
      if (count > 0) {
        if (!this.#take(comma)) return false;
        this.#put(comma);
      }
      if (this.#value(depth - 1) === null) return false;
    }
    this.#put(closeBracket);
    return true;
  }

  #literal(): boolean {
    for (const literal of literals) {
      const end = this.#at + literal.length;
      if (end > this.#end || literal.compare(this.#bytes, this.#at, end) !== 0) continue;
      this.#out.copy(literal);
      this.#at = end;
      return true;
    }
    return false;
  }

  #number(): boolean {
    const start = this.#at;
    for (let byte = this.#peek(); isOfNumber(byte); byte = this.#peek()) this.#at += 1;
    const text = this.#bytes.toString('latin1', start, this.#at);
    if (!number.test(text)) return false;
    const out = this.#out;
    out.reserve(text.length);
    out.ascii(text);
    out.inexact ||= text !== String(Number(text));
    return true;
  }

  /** Returns the string's content if asked for. Null if it isn't a string. */
  #string(isAsked: boolean): string | null {
    const start = this.#at + 1;
    let hasEscapes = false;
    let at = start;
    for (; ; at += 1) {
      const byte = at < this.#end ? (this.#bytes[at] ?? 0) : 0;
      if (byte === quote) break;
      // The end as well.
      if (byte < 0x20) return null;
      if (byte !== backslash) continue;
      hasEscapes = true;
      at += 1;
    }
    this.#at = at + 1;
    if (hasEscapes) return this.#escaped(start, at);
    if (!this.#out.utf8Text(this.#bytes, start, at)) return null;
    return isAsked ? this.#bytes.toString('utf8', start, at) : '';
  }

  #escaped(start: number, end: number): string | null {
    try {
      const text: unknown = JSON.parse(utf8.decode(this.#bytes.subarray(start - 1, end + 1)));
      if (typeof text !== 'string') return null;
      const json = Buffer.from(JSON.stringify(text));
      this.#out.copy(json);
      return text;
    } catch {
      // No UTF-8, or an escape that JSON hasn't.
      return null;
    }
  }
}

/** Digits and `+ - . e E`. */
function isOfNumber(byte: number): boolean {
  if (byte >= 0x30 && byte <= 0x39) return true;
  return byte === 0x2b || byte === 0x2d || byte === 0x2e || byte === 0x65 || byte === 0x45;
}

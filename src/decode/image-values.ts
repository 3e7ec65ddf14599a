import { WaymarkError } from '../util/errors.js';
import { ExactNumber } from './exact-number.js';
import { JsonTokens } from './json-tokens.js';

/**
 * A column's value as JSON: text, number, null, a document, or binary as `{"$base64": "…"}`. Numbers in documents of
 * MySQL that a JavaScript number can't hold are {@link ExactNumber}s.
 */
export type ColumnValue =
  | string
  | number
  | boolean
  | null
  | ExactNumber
  | { readonly [key: string]: ColumnValue }
  | readonly ColumnValue[];

/** A row image: column name to value. */
export type RowImage = Readonly<Record<string, ColumnValue>>;

/**
 * The values of an image that a RowReader has written, parsed from its bytes.
 * @param inexact JsonWriter's: whether JSON.stringify would give another text.
 */
export function imageValues(json: Buffer, inexact: boolean): RowImage {
  const text = json.toString('utf8');
  const value: unknown = inexact ? parseExactly(text) : JSON.parse(text);
  if (!isImage(value)) throw new WaymarkError('protocol', 'A row could not be decoded');
  return value;
}

/** Parses JSON that JsonWriter wrote, and keeps every digit ({@link ExactNumber}). */
export function parseExactly(json: string): unknown {
  return new ExactParser(json).value();
}

function isImage(value: unknown): value is RowImage {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads JSON that JsonWriter wrote, and keeps every digit. */
class ExactParser {
  readonly #tokens: JsonTokens;

  constructor(text: string) {
    this.#tokens = new JsonTokens(text);
  }

  #next(): string {
    const token = this.#tokens.next();
    if (token === null) throw new SyntaxError('not JSON');
    return token;
  }

  value(first = this.#next()): unknown {
    if (first === '{') return this.#object();
    if (first === '[') return this.#array();
    return /^[-\d]/.test(first) ? exactNumber(first) : JSON.parse(first);
  }

  #object(): unknown {
    const entries: [string, unknown][] = [];
    for (let next = this.#next(); next !== '}'; next = this.#next()) {
      const key = next === ',' ? this.#next() : next;
      this.#next();
      entries.push([String(JSON.parse(key)), this.value()]);
    }
    // Makes `__proto__` a property like any other.
    return Object.fromEntries(entries);
  }

  #array(): unknown {
    const items: unknown[] = [];
    for (let next = this.#next(); next !== ']'; next = this.#next()) {
      items.push(next === ',' ? this.value() : this.value(next));
    }
    return items;
  }
}

function exactNumber(text: string): number | ExactNumber {
  const value = Number(text);
  // -0 is 0 for String.
  return sameDigits(text.replace(/^-/, ''), String(Math.abs(value))) ? value : new ExactNumber(text);
}

/** Whether two decimals are the same number. */
function sameDigits(one: string, other: string): boolean {
  return normal(one) === normal(other);
}

/** A decimal as its digits without surrounding zeros, and the power of ten. */
function normal(decimal: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(decimal) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const short = digits.replace(/0+$/, '');
  const power = Number(exponent) - fraction.length + digits.length - short.length;
  return `${sign}${short}e${short === '' ? 0 : power}`;
}

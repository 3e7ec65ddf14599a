import { ExactNumber } from '../../src/decode/exact-number.js';

/** Whether values are what a JSON text says: the same members, every digit, every character. */
export function saysTheSame(json: string, value: unknown): boolean {
  // That is most of them; what the value alone can't say again (-0, 2.50, …) is looked at piece by piece.
  if (JSON.stringify(value) === json) return true;
  const walk = new Walk(json);
  return walk.matches(value) && walk.ended;
}

const token = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[[\]{},:]/y;

/** Goes through a JSON text and a value at the same time. */
class Walk {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get ended(): boolean {
    return this.#at === this.#text.length;
  }

  #next(): string {
    token.lastIndex = this.#at;
    const [found = ''] = token.exec(this.#text) ?? [];
    this.#at += found.length;
    return found;
  }

  matches(value: unknown, first = this.#next()): boolean {
    if (first === '{') return this.#object(value);
    if (first === '[') return this.#array(value);
    if (first.startsWith('"')) return JSON.parse(first) === value;
    if (!/^[-\d]/.test(first)) return first !== '' && String(value) === first && typeof value !== 'string';
    if (value instanceof ExactNumber) return String(value) === first;
    if (typeof value !== 'number' || !Object.is(Number(first), value)) return false;
    // String has no sign for -0.
    return value === 0 || digitsOf(first) === digitsOf(String(value));
  }

  #object(value: unknown): boolean {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    let count = 0;
    for (let next = this.#next(); next !== '}'; next = this.#next()) {
      const name = String(JSON.parse(next === ',' ? this.#next() : next));
      if (this.#next() !== ':' || !Object.hasOwn(value, name)) return false;
      if (!this.matches((value as Record<string, unknown>)[name])) return false;
      count += 1;
    }
    return count === Object.keys(value).length;
  }

  #array(value: unknown): boolean {
    if (!Array.isArray(value)) return false;
    let count = 0;
    for (let next = this.#next(); next !== ']'; next = this.#next()) {
      if (!(next === ',' ? this.matches(value[count]) : this.matches(value[count], next))) return false;
      count += 1;
    }
    return count === value.length;
  }
}

/** A decimal's digits without zeros around them, and the power of ten of the last one. */
function digitsOf(decimal: string): string {
  const [mantissa = '', exponent = '0'] = decimal.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const short = digits.replace(/0+$/, '');
  return `${short}e${Number(exponent) - fraction.length + digits.length - short.length}`;
}

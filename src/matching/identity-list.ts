import type { Identity } from '../transactions/identity.js';

/** An origin whose end is no number has this one. */
const noNumber = -1;

/**
 * Identities in order. There may be a million, with a hundred thousand new ones each second. So an identity takes
 * some thirty bytes in arrays, and no object. The garbage collector is slowest with objects that live for a few
 * seconds.
 */
export class IdentityList {
  #digests = new BigUint64Array(1024);
  #seconds = new Float64Array(1024);
  /** An origin is the index of a shared prefix (`g:0-1-`), and the number after it. */
  #prefixes = new Uint32Array(1024);
  #numbers = new Float64Array(1024);
  #texts: string[] = [];
  #indexes = new Map<string, number>();
  /** Of the origin before: the next one most likely has it, too. */
  #lastText = '';
  #lastIndex = -1;
  /** The array indexes of the first identity, and of the end. */
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  push({ digest, second, origin }: Identity): void {
    if (this.#end === this.#digests.length) this.#makeRoom();
    const at = this.#end;
    this.#digests[at] = digest;
    this.#seconds[at] = second;
    const digits = numberStart(origin);
    const hasNumber = digits < origin.length;
    this.#prefixes[at] = this.#indexOf(origin, digits);
    this.#numbers[at] = hasNumber ? numberAt(origin, digits) : noNumber;
    this.#end += 1;
  }

  /** @throws RangeError if the list has no such index. */
  at(index: number): Identity {
    const at = this.#start + index;
    const digest = this.#digests[at];
    if (index < 0 || at >= this.#end || digest === undefined) throw new RangeError(`no identity ${index}`);
    const text = this.#texts[this.#prefixes[at] ?? 0] ?? '';
    const number = this.#numbers[at] ?? noNumber;
    return {
      digest,
      second: this.#seconds[at] ?? 0,
      origin: number === noNumber ? text : `${text}${number}`,
    };
  }

  /** Takes out the first `count`. */
  drop(count: number): void {
    this.#start += count;
    if (this.#start < this.#end) return;
    this.clear();
  }

  clear(): void {
    this.#start = this.#end = 0;
    this.#texts = [];
    this.#indexes = new Map();
    this.#lastIndex = -1;
  }

  #indexOf(origin: string, digits: number): number {
    if (this.#lastIndex >= 0 && digits === this.#lastText.length && origin.startsWith(this.#lastText)) {
      return this.#lastIndex;
    }
    const text = origin.slice(0, digits);
    let index = this.#indexes.get(text);
    if (index === undefined) {
      index = this.#texts.push(text) - 1;
      this.#indexes.set(text, index);
    }
    this.#lastText = text;
    this.#lastIndex = index;
    return index;
  }

  /** Moves the rest to the beginning of the arrays, or into larger arrays if that frees too little. */
  #makeRoom(): void {
    const { length } = this;
    const capacity = length > this.#digests.length / 2 ? this.#digests.length * 2 : this.#digests.length;
    const of = <T extends { set(from: T): void; subarray(from: number, to: number): T }>(
      from: T,
      to: T,
    ): T => {
      to.set(from.subarray(this.#start, this.#end));
      return to;
    };
    this.#digests = of(this.#digests, new BigUint64Array(capacity));
    this.#seconds = of(this.#seconds, new Float64Array(capacity));
    this.#prefixes = of(this.#prefixes, new Uint32Array(capacity));
    this.#numbers = of(this.#numbers, new Float64Array(capacity));
    this.#start = 0;
    this.#end = length;
  }
}

const zero = 0x30;

/** More digits may be more than a JavaScript number has. */
const mostDigits = 15;

/** Where the number at the end of a text begins, written as JavaScript writes it; the text's end where there is none. */
function numberStart(text: string): number {
  let start = text.length;
  while (start > 0 && isDigit(text.charCodeAt(start - 1))) start -= 1;
  if (text.length - start > mostDigits) return text.length;
  return text.length - start > 1 && text.charCodeAt(start) === zero ? text.length : start;
}

function isDigit(code: number): boolean {
  return code >= zero && code <= zero + 9;
}

function numberAt(text: string, start: number): number {
  let number = 0;
  for (let at = start; at < text.length; at += 1) number = number * 10 + (text.charCodeAt(at) - zero);
  return number;
}

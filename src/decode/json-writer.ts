import { isUtf8 } from 'node:buffer';

/** The two digits of each number below 100, as a 16-bit number whose lower byte comes first. */
const digitPairs = Uint16Array.from(
  { length: 100 },
  (_, number) => (0x30 + Math.floor(number / 10)) | ((0x30 + (number % 10)) << 8),
);

/**
 * How a byte is written in a JSON string: 0 for as it is, 1 for the beginning of a longer character, else its
 * escape.
 */
const escapes: readonly (0 | 1 | Uint8Array)[] = Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 0x80) return 1;
  return byte < 0x20 || byte === 0x22 || byte === 0x5c
    ? Buffer.from(JSON.stringify(String.fromCharCode(byte)).slice(1, -1))
    : 0;
});
const isPlain = new Uint8Array(escapes.map((escape) => (escape === 0 ? 1 : 0)));

/**
 * Bytes that are written again and again, such as a column's name. They are kept in a form that copies four
 * at a time. Copying a name byte by byte would cost more than writing the number after it.
 */
export class Literal {
  readonly length: number;
  /** The bytes, the first one lowest; zeros at the end. */
  readonly words: Int32Array;

  constructor(source: string | Uint8Array) {
    const bytes = Buffer.from(source);
    this.length = bytes.length;
    const padded = Buffer.concat([bytes, Buffer.alloc(3)]);
    this.words = Int32Array.from({ length: (bytes.length + 3) >> 2 }, (_, word) =>
      padded.readInt32LE(4 * word),
    );
  }
}

const hexDigits = Buffer.from('0123456789abcdef');
const words = new DataView(new ArrayBuffer(8));

const base64Digits = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const base64Head = new Literal('{"$base64":"');

/** Text is written in pieces of this many bytes, so that the buffer grows by need and not by the worst case. */
const pieceBytes = 16 * 1024;
/** From here on text is checked as a whole, and copied in runs. */
const longBytes = 512;
/** The longest escape of a byte: `\u0000`. */
const escapeBytes = 6;

/** From here on the engine's own copying is faster than a loop. */
const longCopyBytes = 32;

/** What a number, a date or a name's punctuation takes at most; {@link JsonWriter.reserve} makes room for it. */
export const shortValueBytes = 128;

/**
 * JSON text as bytes, in a buffer that grows and is reused. Before writing a short value (a number, a date),
 * call {@link reserve}. Text and base64 make room themselves.
 */
export class JsonWriter {
  bytes: Buffer;
  /** The same bytes. */
  #view: DataView;
  /** Where the next byte goes. */
  at = 0;
  /**
   * Whether a number was written, since this was last set to false, that doesn't survive JSON.parse and
   * JSON.stringify: -0, 2.50, or one with more digits than a JavaScript number.
   */
  inexact = false;

  constructor(initialBytes = 64 * 1024) {
    this.bytes = Buffer.allocUnsafeSlow(initialBytes);
    this.#view = new DataView(this.bytes.buffer);
  }

  /** Makes room for `count` bytes. */
  reserve(count: number): void {
    if (this.at + count > this.bytes.length) this.#grow(count);
  }

  #grow(count: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.at + count));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
    this.#view = new DataView(larger.buffer);
  }

  /** One byte, into reserved room. */
  byte(value: number): void {
    this.bytes[this.at++] = value;
  }

  /** Bytes as they are. Makes room for them, and for a short value after them. */
  literal({ words, length }: Literal): void {
    this.reserve(length + shortValueBytes);
    const view = this.#view;
    let at = this.at;
    for (let word = 0; word < words.length; word += 1, at += 4) view.setInt32(at, words[word] ?? 0, true);
    this.at += length;
  }

  /** Bytes as they are. Makes room for them, and for a short value after them. */
  copy(source: Uint8Array): void {
    this.reserve(source.length + shortValueBytes);
    this.bytes.set(source, this.at);
    this.at += source.length;
  }

  /** Copies bytes that were written before. Makes room for them, and for a short value after them. */
  again(from: number, count: number): void {
    this.reserve(count + shortValueBytes);
    if (count > longCopyBytes) this.bytes.copyWithin(this.at, from, from + count);
    else {
      const view = this.#view;
      // Surplus bytes at the end are overwritten, or lie after the end.
      for (let offset = 0; offset < count; offset += 4) {
        view.setInt32(this.at + offset, view.getInt32(from + offset, true), true);
      }
    }
    this.at += count;
  }

  /** Text of ASCII characters that need no escape, into reserved room. */
  ascii(text: string): void {
    const { bytes } = this;
    let at = this.at;
    for (let index = 0; index < text.length; index += 1) bytes[at++] = text.charCodeAt(index);
    this.at = at;
  }

  /** Text as it is, whatever its characters, in UTF-8. */
  anyText(text: string): void {
    // A character of one or two UTF-16 units takes three bytes a unit at most.
    this.reserve(text.length * 3);
    this.at += this.bytes.write(text, this.at);
  }

  /** The 16 digits of a 64-bit number, into reserved room. */
  hexadecimal64(value: bigint): void {
    words.setBigUint64(0, value);
    for (let at = 0; at < 8; at += 1) {
      const byte = words.getUint8(at);
      this.bytes[this.at++] = hexDigits[byte >> 4] ?? 0;
      this.bytes[this.at++] = hexDigits[byte & 0x0f] ?? 0;
    }
  }

  /** Inserts the first `count` of some bytes at a place. The bytes after it move. */
  insert(place: number, source: Uint8Array, count: number): void {
    this.reserve(count);
    const { bytes } = this;
    bytes.copyWithin(place + count, place, this.at);
    for (let index = 0; index < count; index += 1) bytes[place + index] = source[index] ?? 0;
    this.at += count;
  }

  /** `null`, into reserved room. */
  null(): void {
    const { bytes, at } = this;
    bytes[at] = 0x6e;
    bytes[at + 1] = 0x75;
    bytes[at + 2] = 0x6c;
    bytes[at + 3] = 0x6c;
    this.at = at + 4;
  }

  /** A whole number from 0 to 2^53, into reserved room. */
  unsigned(value: number): void {
    if (value > 0x7fff_ffff) {
      const high = Math.floor(value / 1e8);
      this.unsigned(high);
      this.padded(value - high * 1e8, 8);
      return;
    }
    if (value < 10) {
      this.bytes[this.at++] = 0x30 + value;
      return;
    }
    this.padded(value, decimalDigits(value));
  }

  /** A whole number between -2^53 and 2^53, into reserved room. */
  integer(value: number): void {
    if (value < 0) {
      this.bytes[this.at++] = 0x2d;
      this.unsigned(-value);
    } else this.unsigned(value);
  }

  /** A whole number below 2^31 with leading zeros, into reserved room. */
  padded(value: number, digits: number): void {
    const view = this.#view;
    let at = this.at + digits;
    this.at = at;
    let rest = value | 0;
    let left = digits;
    for (; left >= 2; left -= 2) {
      const next = (rest / 100) | 0;
      at -= 2;
      view.setUint16(at, digitPairs[rest - next * 100] ?? 0, true);
      rest = next;
    }
    if (left > 0) this.bytes[at - 1] = 0x30 + (rest % 10);
  }

  /** A number below 100, as two digits, into reserved room. */
  twoDigits(value: number): void {
    this.#view.setUint16(this.at, digitPairs[value] ?? 0, true);
    this.at += 2;
  }

  /**
   * A 64-bit number of two halves: as a number where JavaScript can hold it, else, unless `bare`, as text. Into reserved
   * room.
   */
  integer64(high: number, low: number, signed: boolean, bare = false): void {
    // The halves as they are: high as a signed number, low as an unsigned one.
    if (high >= 0 && high < 0x20_0000) {
      this.unsigned(high * 0x1_0000_0000 + low);
      return;
    }
    if (signed && high < 0 && (high > -0x20_0000 || (high === -0x20_0000 && low > 0))) {
      this.integer(high * 0x1_0000_0000 + low);
      return;
    }
    const bits = (BigInt(high >>> 0) << 32n) | BigInt(low);
    this.inexact ||= bare;
    if (!bare) this.bytes[this.at++] = 0x22;
    this.ascii((signed ? BigInt.asIntN(64, bits) : bits).toString());
    if (!bare) this.bytes[this.at++] = 0x22;
  }

  /** Any finite number in its shortest form, -0 as `-0`, into reserved room. */
  number(value: number): void {
    if (Object.is(value, -0)) {
      this.inexact = true;
      this.ascii('-0');
    } else if (Number.isInteger(value) && Math.abs(value) < 0x7fff_ffff) this.integer(value);
    else this.ascii(String(value));
  }

  /**
   * Writes UTF-8 as a quoted string. Returns false and writes nothing if the bytes aren't UTF-8, or if a
   * character takes more than `longest` bytes.
   */
  utf8Text(source: Uint8Array, from: number, to: number, longest: 3 | 4 = 4): boolean {
    const start = this.at;
    this.reserve(2);
    this.bytes[this.at++] = 0x22;
    let at = from;
    if (to - from >= longBytes && longest === 4 && isUtf8(source.subarray(from, to))) {
      this.#checkedText(source, from, to);
      at = to;
    }
    while (at < to) {
      at = this.#utf8Piece(source, at, Math.min(at + pieceBytes, to), to, longest);
      if (at < 0) {
        this.at = start;
        return false;
      }
    }
    this.reserve(1);
    this.bytes[this.at++] = 0x22;
    return true;
  }

  /** Writes text that is known to be UTF-8. Runs without escapes are copied whole. */
  #checkedText(source: Uint8Array, from: number, to: number): void {
    const view = new DataView(source.buffer, source.byteOffset, source.byteLength);
    let at = from;
    while (at < to) {
      const plain = endOfPlain(view, at, to);
      this.reserve(plain - at + escapeBytes);
      if (plain - at > 48) {
        this.bytes.set(source.subarray(at, plain), this.at);
        this.at += plain - at;
        at = plain;
      } else while (at < plain) this.bytes[this.at++] = source[at++] ?? 0;
      if (at === to) return;
      const escape = escapes[source[at] ?? 0] ?? 1;
      if (typeof escape === 'object') for (const part of escape) this.bytes[this.at++] = part;
      at += 1;
    }
  }

  /** Writes characters that begin before `stop`. Returns where the next one begins, or -1. */
  #utf8Piece(source: Uint8Array, from: number, stop: number, to: number, longest: number): number {
    this.reserve((stop - from) * escapeBytes + 4);
    const { bytes } = this;
    const view = this.#view;
    let out = this.at;
    let at = from;
    while (at < stop) {
      if (at + 4 <= stop) {
        const word = wordAt(source, at);
        if (((toEscape(word) | word) & 0x80808080) === 0) {
          view.setInt32(out, word, true);
          out += 4;
          at += 4;
          continue;
        }
      }
      const byte = source[at] ?? 0;
      if (isPlain[byte] === 1) {
        bytes[out++] = byte;
        at += 1;
        continue;
      }
      const escape = escapes[byte] ?? 1;
      if (typeof escape === 'object') {
        for (const part of escape) bytes[out++] = part;
        at += 1;
        continue;
      }
      const length = utf8Length(source, at, to);
      if (length === 0 || length > longest) return -1;
      for (let index = 0; index < length; index += 1) bytes[out++] = source[at + index] ?? 0;
      at += length;
    }
    this.at = out;
    return at;
  }

  /** One character in a quoted string, by its code point, which is none of a surrogate; into reserved room. */
  character(point: number): void {
    const { bytes } = this;
    let at = this.at;
    if (point < 0x80) {
      const escape = escapes[point] ?? 0;
      if (typeof escape === 'object') for (const part of escape) bytes[at++] = part;
      else bytes[at++] = point;
    } else if (point < 0x800) {
      bytes[at++] = 0xc0 | (point >> 6);
      bytes[at++] = 0x80 | (point & 0x3f);
    } else if (point < 0x1_0000) {
      bytes[at++] = 0xe0 | (point >> 12);
      bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[at++] = 0x80 | (point & 0x3f);
    } else {
      bytes[at++] = 0xf0 | (point >> 18);
      bytes[at++] = 0x80 | ((point >> 12) & 0x3f);
      bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[at++] = 0x80 | (point & 0x3f);
    }
    this.at = at;
  }

  /** A quoted string out of a JavaScript string. */
  text(value: string): void {
    const bytes = Buffer.from(value);
    this.utf8Text(bytes, 0, bytes.length);
  }

  /** `{"$base64":"…"}`. `zeros` zero bytes are added to those of the source. */
  base64(source: Uint8Array, from: number, to: number, zeros = 0): void {
    this.literal(base64Head);
    this.base64Digits(source, from, to, zeros);
    this.reserve(2);
    this.byte(0x22);
    this.byte(0x7d);
  }

  /** The digits of base64 alone. */
  base64Digits(source: Uint8Array, from: number, to: number, zeros = 0): void {
    const end = to + zeros;
    this.reserve(Math.ceil((end - from) / 3) * 4);
    const { bytes } = this;
    const valueAt = (at: number): number => (at < to ? (source[at] ?? 0) : 0);
    let out = this.at;
    let at = from;
    for (; at + 2 < to; at += 3) {
      const bits = ((source[at] ?? 0) << 16) | ((source[at + 1] ?? 0) << 8) | (source[at + 2] ?? 0);
      out = fourDigits(bytes, out, bits);
    }
    for (; at + 2 < end; at += 3) {
      out = fourDigits(bytes, out, (valueAt(at) << 16) | (valueAt(at + 1) << 8) | valueAt(at + 2));
    }
    if (at < end) {
      const second = at + 1 < end;
      out = fourDigits(bytes, out, (valueAt(at) << 16) | (second ? valueAt(at + 1) << 8 : 0));
      bytes[out - 1] = 0x3d;
      if (!second) bytes[out - 2] = 0x3d;
    }
    this.at = out;
  }
}

function fourDigits(bytes: Uint8Array, at: number, bits: number): number {
  bytes[at] = base64Digits[bits >> 18] ?? 0;
  bytes[at + 1] = base64Digits[(bits >> 12) & 0x3f] ?? 0;
  bytes[at + 2] = base64Digits[(bits >> 6) & 0x3f] ?? 0;
  bytes[at + 3] = base64Digits[bits & 0x3f] ?? 0;
  return at + 4;
}

/** Index of the first byte that a JSON string must escape, or `to` if there is none. */
function endOfPlain(view: DataView, from: number, to: number): number {
  let at = from;
  for (; at + 4 <= to; at += 4) {
    if ((toEscape(view.getInt32(at, true)) & 0x80808080) !== 0) break;
  }
  while (at < to && typeof escapes[view.getUint8(at)] !== 'object') at += 1;
  return at;
}

/** Four bytes; the upper bit of at least one is set where one is a control character, a quotation mark or a backslash. */
function toEscape(word: number): number {
  const quote = word ^ 0x22222222;
  const backslash = word ^ 0x5c5c5c5c;
  return (
    ((word - 0x20202020) & ~word) | ((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash)
  );
}

/** Four bytes as a number, the first one lowest. */
function wordAt(source: Uint8Array, at: number): number {
  return (
    (source[at] ?? 0) |
    ((source[at + 1] ?? 0) << 8) |
    ((source[at + 2] ?? 0) << 16) |
    ((source[at + 3] ?? 0) << 24)
  );
}

function decimalDigits(value: number): number {
  if (value < 10_000) return value < 100 ? 2 : value < 1000 ? 3 : 4;
  if (value < 100_000_000) {
    return value < 1_000_000 ? (value < 100_000 ? 5 : 6) : value < 10_000_000 ? 7 : 8;
  }
  return value < 1_000_000_000 ? 9 : 10;
}

/** Bytes of the character beyond ASCII at a place (RFC 3629, section 4). 0 if there is none. */
function utf8Length(source: Uint8Array, at: number, to: number): number {
  const first = source[at] ?? 0;
  const second = at + 1 < to ? (source[at + 1] ?? 0) : 0;
  if (first < 0xc2 || first > 0xf4 || (second & 0xc0) !== 0x80) return 0;
  if (first < 0xe0) return 2;
  const third = at + 2 < to ? (source[at + 2] ?? 0) : 0;
  if ((third & 0xc0) !== 0x80) return 0;
  if (first < 0xf0) {
    if (first === 0xe0 && second < 0xa0) return 0;
    return first === 0xed && second > 0x9f ? 0 : 3;
  }
  const fourth = at + 3 < to ? (source[at + 3] ?? 0) : 0;
  if ((fourth & 0xc0) !== 0x80) return 0;
  if (first === 0xf0 && second < 0x90) return 0;
  return first === 0xf4 && second > 0x8f ? 0 : 4;
}

import type { JsonWriter } from './json-writer.js';
import type { WriteText } from './unicode-text.js';
import { type CharacterRun, unpackRuns } from './character-runs.js';

/** No character. */
const none = 0xffff_ffff;
/** Four bytes 81–FE, 30–39, 81–FE, 30–39, counted through. */
const fourByteCount = 126 * 10 * 126 * 10;

/** The characters of a set, by the number of bytes that they take. */
class CharacterTable {
  readonly one = new Uint32Array(256).fill(none);
  /** By both bytes. */
  readonly two: Uint32Array | null;
  /** Behind the byte 8F, by the two others. */
  readonly three: Uint32Array | null;
  readonly four: Uint32Array | null;

  constructor(runs: readonly CharacterRun[]) {
    const largest = runs.at(-1)?.code ?? 0;
    const table = (needed: boolean, length: number): Uint32Array | null =>
      needed ? new Uint32Array(length).fill(none) : null;
    this.two = table(largest > 0xff, 0x1_0000);
    this.three = table(largest > 0xffff && largest < 0x100_0000, 0x1_0000);
    this.four = table(largest >= 0x100_0000, fourByteCount);
    for (const { code, point, length } of runs) {
      for (let index = 0; index < length; index += 1) this.#set(code + index, point + index);
    }
  }

  #set(code: number, point: number): void {
    if (code < 0x100) this.one[code] = point;
    else if (code < 0x1_0000 && this.two) this.two[code] = point;
    else if (code < 0x100_0000 && this.three) this.three[code & 0xffff] = point;
    else if (this.four) {
      this.four[fourByteIndex(Math.floor(code / 0x100_0000), code >> 16, code >> 8, code)] = point;
    }
  }
}

function fourByteIndex(first: number, second: number, third: number, fourth: number): number {
  const pair = (lead: number, digit: number): number => ((lead & 0xff) - 0x81) * 10 + (digit & 0xff) - 0x30;
  return pair(first, second) * 1260 + pair(third, fourth);
}

const isFourByteDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

/** The text of a set that is a table. Unpacked when the first text comes. */
export function tableText(packed: string): WriteText {
  let unpacked: CharacterTable | null = null;
  return (bytes, from, to, out) => {
    unpacked ??= new CharacterTable(unpackRuns(packed));
    return write(unpacked, bytes, from, to, out);
  };
}

function write(table: CharacterTable, bytes: Uint8Array, from: number, to: number, out: JsonWriter): boolean {
  const start = out.at;
  out.reserve(2);
  out.byte(0x22);
  for (let at = from; at < to;) {
    const first = bytes[at] ?? 0;
    let point = table.one[first] ?? none;
    let length = 1;
    if (point === none) {
      [point, length] = longer(table, bytes, at, to);
      if (point === none) {
        out.at = start;
        return false;
      }
    }
    at += length;
    out.reserve(8);
    out.character(point);
  }
  out.byte(0x22);
  return true;
}

/** A character of several bytes, and how many. */
function longer(
  { two, three, four }: CharacterTable,
  bytes: Uint8Array,
  at: number,
  to: number,
): [point: number, length: number] {
  const rest = to - at;
  const [first, second, third, fourth] = [
    bytes[at] ?? 0,
    bytes[at + 1] ?? 0,
    bytes[at + 2] ?? 0,
    bytes[at + 3] ?? 0,
  ];
  if (two === null || rest < 2) return [none, 1];
  if (three !== null && first === 0x8f) return [rest < 3 ? none : (three[(second << 8) | third] ?? none), 3];
  if (four === null || !isFourByteDigit(second)) return [two[(first << 8) | second] ?? none, 2];
  const inRange = rest >= 4 && first >= 0x81 && third >= 0x81 && third <= 0xfe && isFourByteDigit(fourth);
  return [inRange ? (four[fourByteIndex(first, second, third, fourth)] ?? none) : none, 4];
}

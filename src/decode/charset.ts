import { collationIds, packedTables } from './charset-data.js';
import { tableText } from './table-text.js';
import {
  type WriteText,
  writeUcs2,
  writeUtf16,
  writeUtf16le,
  writeUtf32,
  writeUtf8mb3,
  writeUtf8mb4,
} from './unicode-text.js';

/** A column's character set: either bytes, or text in a set. */
export type Charset =
  { readonly name: 'binary'; readonly write: null } | { readonly name: string; readonly write: WriteText };

/** Bytes, not text. */
const binary: Charset = { name: 'binary', write: null };

/** All sets of both vendors. Sets with the same name have the same characters. */
const charsets = new Map<string, Charset>([
  ['binary', binary],
  ...Object.entries(packedTables).map(([name, packed]): [string, Charset] => [
    name,
    { name, write: tableText(packed) },
  ]),
  ...(
    [
      ['utf8mb3', writeUtf8mb3],
      ['utf8mb4', writeUtf8mb4],
      ['ucs2', writeUcs2],
      ['utf16', writeUtf16],
      ['utf16le', writeUtf16le],
      ['utf32', writeUtf32],
    ] as const
  ).map(([name, write]): [string, Charset] => [name, { name, write }]),
]);
// The old name, used by MariaDB before 10.6 and MySQL before 8.0.30.
charsets.set('utf8', charsets.get('utf8mb3') ?? binary);

const byCollation = new Map<number, Charset>();
for (const [name, ids] of Object.entries(collationIds)) {
  const charset = charsets.get(name);
  if (charset === undefined) continue;
  for (const range of ids.split(',')) {
    const [first = '', last = first] = range.split('-');
    for (let id = Number(first); id <= Number(last); id += 1) byCollation.set(id, charset);
  }
}

/** The set of a collation number in a table map. Undefined if neither vendor has that number. */
export function charsetOfCollation(id: number): Charset | undefined {
  return byCollation.get(id);
}

/** The set with this name in INFORMATION_SCHEMA. Undefined if neither vendor has one. */
export function charsetByName(name: string): Charset | undefined {
  return charsets.get(name);
}

/** The multi-byte sets, with the bytes of their longest character (SHOW CHARACTER SET, Maxlen). */
const maximumBytes: Readonly<Record<string, number>> = {
  ...{ utf8mb4: 4, utf16: 4, utf16le: 4, utf32: 4, gb18030: 4 },
  ...{ utf8mb3: 3, ujis: 3, eucjpms: 3 },
  ...{ ucs2: 2, big5: 2, gbk: 2, gb2312: 2, sjis: 2, cp932: 2, euckr: 2 },
};

/** The most bytes that a character of a set takes. */
export function maximumBytesOf(charset: string): number {
  return maximumBytes[charset] ?? 1;
}

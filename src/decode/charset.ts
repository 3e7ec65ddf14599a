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

/** A character set of a column: bytes that are no text, or text of a set. */
export type Charset =
  { readonly name: 'binary'; readonly write: null } | { readonly name: string; readonly write: WriteText };

/** Bytes, not text. */
const binary: Charset = { name: 'binary', write: null };

/** All sets of both vendors; those with a name in common have the same characters. */
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
// The old name, which MariaDB before 10.6 and MySQL before 8.0.30 give.
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

/** The set that a collation's number in a table map stands for; undefined when neither vendor has that number. */
export function charsetOfCollation(id: number): Charset | undefined {
  return byCollation.get(id);
}

/** A set by its name in INFORMATION_SCHEMA; undefined when neither vendor has one of that name. */
export function charsetByName(name: string): Charset | undefined {
  return charsets.get(name);
}

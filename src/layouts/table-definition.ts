import { charsetByName, maximumBytesOf } from '../decode/charset.js';
import type { DictionaryColumn } from '../decode/described-table.js';

/**
 * Placeholder for a character set that is the default of the table's schema, which the statement didn't
 * state, or that is unknown. No character set has this name.
 */
export const unsaidCharset = { ofSchema: '@schema', unknown: '@unknown' } as const;

/** Whether it is known which character set, or that there is none. */
export function isSaid(charset: string | null): boolean {
  return charset !== unsaidCharset.ofSchema && charset !== unsaidCharset.unknown;
}

/** A table's columns in their order, as the dictionary has them or a statement has made them. */
export type TableDefinition = {
  /** Character sets may be unsaid, see {@link unsaidCharset}. */
  readonly columns: readonly DictionaryColumn[];
  /** The character set of a new text column that doesn't state its own. */
  readonly defaultCharset: string;
  /**
   * Names of the primary key's columns, in its order; Empty if it has none, null if unknown. A UNIQUE key
   * that servers use in place of a missing primary key isn't here.
   */
  readonly key: readonly string[] | null;
  /** Columns that the server has created for itself. The log may have them after these. */
  readonly hidden?: readonly DictionaryColumn[];
};

/** Whether something of a table is its schema's default, which isn't known. */
export function leavesToSchema({ columns, defaultCharset }: TableDefinition): boolean {
  const { ofSchema } = unsaidCharset;
  return defaultCharset === ofSchema || columns.some(({ charset }) => charset === ofSchema);
}

/** Names of columns are compared without regard to case (MySQL 8.4 Reference Manual, "Identifier Case Sensitivity"). */
export const sameName = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** A key's columns with the table's spelling of their names. Null if the table lacks one of them. */
export function keyAmong(
  columns: readonly DictionaryColumn[],
  key: readonly string[] | null,
): readonly string[] | null {
  const found = (key ?? []).flatMap((part) => columns.find(({ name }) => sameName(name, part))?.name ?? []);
  return found.length === key?.length ? found : null;
}

/** Whether two keys are the same. An unknown key equals no other. */
export function sameKey(one: readonly string[] | null, other: readonly string[] | null): boolean {
  return one === other || (one?.length === other?.length && JSON.stringify(one) === JSON.stringify(other));
}

/** A column type's name, without length, attributes and comments. */
export function typeName(type: string): string {
  return /^[a-z0-9]+/.exec(type.toLowerCase())?.[0] ?? '';
}

/** Types that are the same in the log, or decode alike. Others map to themselves. */
const sameTypes: Readonly<Record<string, string>> = {
  bool: 'tinyint',
  real: 'double',
  binary: 'char',
  varbinary: 'varchar',
  ...Object.fromEntries(
    ['tiny', 'medium', 'long', ''].flatMap((size) => [
      [`${size}text`, 'blob'],
      [`${size}blob`, 'blob'],
    ]),
  ),
  ...Object.fromEntries(
    [
      ...['point', 'linestring', 'polygon', 'multipoint', 'multilinestring', 'multipolygon'],
      ...['geometrycollection', 'geomcollection'],
    ].map((name) => [name, 'geometry']),
  ),
};

/** The names that UTF-8 has had: what was stored under one reads the same under the other. */
const utf8: ReadonlySet<string> = new Set(['utf8', 'utf8mb3', 'utf8mb4']);

/** Whether what was stored under one of two character sets reads the same under the other. */
export function sameCharset(one: string, other: string): boolean {
  return one === other || (utf8.has(one) && utf8.has(other));
}

/**
 * What of a column decides how its values read, as a text to compare. Lengths don't, nor does a label's character
 * that MariaDB's dictionary can't give (it has a question mark for those beyond the Basic Multilingual Plane).
 */
function meaningOf({ name, type, charset }: DictionaryColumn): string {
  const own = typeName(type);
  const isLabelled = own === 'enum' || own === 'set';
  const labels = isLabelled ? type.slice(own.length).replaceAll(/[\u{10000}-\u{10ffff}]/gu, '?') : '';
  const isUnsigned = /\b(?:unsigned|zerofill)\b/i.test(isLabelled ? '' : type);
  const set = isLabelled || charset === null ? '' : utf8.has(charset) ? 'utf8mb4' : charset;
  return JSON.stringify([name, sameTypes[own] ?? own, isUnsigned, labels, set]);
}

/**
 * Whether two definitions have the same names and decode alike. What one of them doesn't state is no
 * difference.
 */
export function readsAlike(one: readonly DictionaryColumn[], other: readonly DictionaryColumn[]): boolean {
  if (one.length !== other.length) return false;
  return one.every((column, index) => {
    const against = other[index];
    if (against === undefined) return false;
    const said = isSaid(column.charset) && isSaid(against.charset);
    const left = said ? column : { ...column, charset: null };
    const right = said ? against : { ...against, charset: null };
    return meaningOf(left) === meaningOf(right);
  });
}

/** Types whose columns have a character set. */
const textTypes: ReadonlySet<string> = new Set([
  ...['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext', 'enum', 'set'],
]);

/** Whether a type has text in it, in a character set. */
export function isTextType(type: string): boolean {
  return textTypes.has(typeName(type));
}

/** The character set that a collation is of, by its name; unknown where the name doesn't tell (`uca1400_ai_ci`). */
export function charsetOfCollationName(collation: string): string {
  const name = collation.toLowerCase().split('_', 1)[0] ?? '';
  return charsetByName(name) === undefined ? unsaidCharset.unknown : name;
}

/** How many bytes a column of CHAR, VARCHAR and their like has at most. Null if that isn't known. */
export function maximumBytes({ type, charset }: DictionaryColumn): number | null {
  const length = /^(?:var)?(?:char|binary)\((\d+)\)/i.exec(type)?.[1];
  if (length === undefined || (charset !== null && (!isSaid(charset) || charset === 'utf8'))) return null;
  return Number(length) * (charset === null ? 1 : maximumBytesOf(charset));
}

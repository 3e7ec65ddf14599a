import type { Vendor } from '../mysql/version.js';
import { charsetByName } from './charset.js';
import { characterTypes, columnTypes, oldTemporalTypes, signedTypes } from './column-types.js';
import type { Column, Labels, SpecialType, TableLayout } from './table-layout.js';

/** A column as INFORMATION_SCHEMA.COLUMNS has it. */
export type DictionaryColumn = {
  readonly name: string;
  /** COLUMN_TYPE: `int(10) unsigned`, `enum('a','b')`, … */
  readonly type: string;
  /** CHARACTER_SET_NAME */
  readonly charset: string | null;
};

/** What of a table isn't in the log: names (and with them signs, character sets, labels), or what a type really is. */
export type Missing = 'nothing' | 'names' | 'types';

/**
 * What the server's dictionary has to tell of a table before its rows can be read for what they are.
 * @param hasVectors whether the server knows VECTOR: else VARBINARY is what it says.
 */
export function missingIn({ columns, vendor }: TableLayout, hasVectors = true): Missing {
  if (columns.some(({ name }) => name === null)) return 'names';
  return vendor === 'mariadb' && columns.some((column) => mayBeSpecial(column, hasVectors))
    ? 'types'
    : 'nothing';
}

/** Whether MariaDB may have written a column of another type like this (see {@link SpecialType}), or a format of old. */
function mayBeSpecial({ type, metadata, charset, fraction }: Column, hasVectors: boolean): boolean {
  if (fraction === null) return true;
  if (charset?.name !== 'binary') return false;
  // A vector has a multiple of four bytes, and has a length of its own before it.
  if (type === columnTypes.varchar) return hasVectors && metadata > 0 && metadata % 4 === 0;
  return type === columnTypes.string && (metadata === 16 || metadata === 4);
}

/** The types of INFORMATION_SCHEMA that stand in the log as these codes. */
const families: readonly (readonly [codes: readonly number[], types: RegExp])[] = [
  [[columnTypes.tiny], /^(tinyint|bool)/],
  [[columnTypes.short], /^smallint/],
  [[columnTypes.int24], /^mediumint/],
  [[columnTypes.long], /^int/],
  [[columnTypes.longLong], /^bigint/],
  [[columnTypes.float], /^float/],
  [[columnTypes.double], /^(double|real)/],
  [[columnTypes.newDecimal], /^decimal/],
  [[columnTypes.year], /^year/],
  [[columnTypes.date], /^date\b/],
  [[columnTypes.time, columnTypes.time2], /^time\b/],
  [[columnTypes.dateTime, columnTypes.dateTime2], /^datetime\b/],
  [[columnTypes.timestamp, columnTypes.timestamp2], /^timestamp\b/],
  [[columnTypes.bit], /^bit/],
  [[columnTypes.json], /^json/],
  [[columnTypes.geometry], /^(geometry|point|linestring|polygon|multi|geom)/],
  [[columnTypes.vector], /^vector/],
  [[columnTypes.enum], /^enum/],
  [[columnTypes.set], /^set/],
  [[columnTypes.string], /^(char|binary|uuid|inet4|inet6)/],
  [[columnTypes.varString], /^(var)?(char|binary)/],
  [[columnTypes.varchar], /^(varchar|varbinary|vector)/],
  [[columnTypes.varcharCompressed], /^(varchar|varbinary)/],
  [
    [columnTypes.tinyBlob, columnTypes.mediumBlob, columnTypes.longBlob],
    /^(tiny|medium|long)?(blob|text)|^json/,
  ],
  [[columnTypes.blob, columnTypes.blobCompressed], /^(tiny|medium|long)?(blob|text)|^json/],
];

/** Why a table's present definition can't be the one that its rows were written with; null when it can. */
export function misfit(layout: TableLayout, dictionary: readonly DictionaryColumn[]): string | null {
  const { columns } = layout;
  if (dictionary.length === 0)
    return 'the table no longer exists, or the account has no SELECT privilege on it';
  if (dictionary.length !== columns.length) {
    return `the log has ${columns.length} columns, the table has ${dictionary.length} today`;
  }
  for (const [index, column] of columns.entries()) {
    const today = dictionary[index];
    if (today === undefined) continue;
    if (column.name !== null && column.name !== today.name) {
      return `column ${index + 1} is called ${column.name} in the log, and ${today.name} today`;
    }
    const family = families.find(([codes]) => codes.includes(column.type));
    if (family?.[1].test(today.type.toLowerCase()) !== true) {
      return `today's column ${today.name} has another type than column ${index + 1} in the log`;
    }
  }
  return null;
}

/** The layout, completed by a definition that fits: what the log itself says stays. */
export function withDictionary(layout: TableLayout, dictionary: readonly DictionaryColumn[]): TableLayout {
  const columns = layout.columns.map((column, index) => {
    const today = dictionary[index];
    return today === undefined ? column : complete(column, today, layout.vendor);
  });
  return { ...layout, columns };
}

function complete(column: Column, today: DictionaryColumn, vendor: Vendor): Column {
  const { type, unsigned, fraction } = column;
  return {
    ...column,
    ...charsetAndLabels(column, today, vendor),
    name: column.name ?? today.name,
    unsigned: unsigned ?? (signedTypes.has(type) ? /\bunsigned\b/i.test(today.type) : null),
    special: specialType(today.type),
    fraction:
      fraction ?? (oldTemporalTypes.has(type) ? Number(/^\w+\((\d)\)/.exec(today.type)?.[1] ?? 0) : null),
  };
}

function charsetAndLabels(
  column: Column,
  today: DictionaryColumn,
  vendor: Vendor,
): Pick<Column, 'charset' | 'labels'> {
  const { type, charset, labels } = column;
  if (type === columnTypes.enum || type === columnTypes.set) {
    if (labels !== null && charset !== null) return { charset, labels };
    // They come as text, whatever the column's character set.
    return { charset: charsetByName('utf8mb4') ?? null, labels: labelsOf(today.type, vendor) };
  }
  if (charset !== null || !characterTypes.has(type)) return { charset, labels };
  return { charset: charsetByName(today.charset ?? 'binary') ?? null, labels };
}

function specialType(type: string): SpecialType | null {
  const name = /^(uuid|inet4|inet6|vector)\b/i.exec(type)?.[1]?.toLowerCase();
  return name === 'uuid' || name === 'inet4' || name === 'inet6' || name === 'vector' ? name : null;
}

const escapes: Readonly<Record<string, string>> = {
  '0': '\0',
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  Z: '\x1a',
};

/**
 * The labels in `enum('a','it''s')`; quotes are doubled, and some characters stand behind a backslash. MariaDB's dictionary
 * has a question mark for each character beyond the Basic Multilingual Plane: a label with one may be another one.
 */
function labelsOf(type: string, vendor: Vendor): Labels {
  return [...type.matchAll(/'((?:[^'\\]|''|\\.)*)'/gs)].map((match) => {
    const label = (match[1] ?? '').replace(/''|\\(.)/gs, (_, escaped: string | undefined) =>
      escaped === undefined ? "'" : (escapes[escaped] ?? escaped),
    );
    return vendor === 'mariadb' && label.includes('?') ? null : Buffer.from(label);
  });
}

import { unescaped } from '../sql/text.js';
import type { Vendor } from '../mysql/version.js';
import { charsetByName } from './charset.js';
import { characterTypes, columnTypes, oldTemporalTypes, signedTypes } from './column-types.js';
import type { Column, KeyPart, Labels, SpecialType } from './column.js';
import type { TableLayout } from './table-layout.js';

/** A column as INFORMATION_SCHEMA.COLUMNS has it. */
export type DictionaryColumn = {
  readonly name: string;
  /** COLUMN_TYPE: `int(10) unsigned`, `enum('a','b')`, … MariaDB's JSON is `json` here, though it is a LONGTEXT there. */
  readonly type: string;
  /** CHARACTER_SET_NAME */
  readonly charset: string | null;
};

/** A table's columns, and the names of its primary key's columns. Null if the key isn't known. */
export type DescribedTable = {
  readonly columns: readonly DictionaryColumn[];
  readonly key: readonly string[] | null;
};

/** What the log lacks: names (and with them signs, character sets, labels), or only the real types. */
export type Missing = 'nothing' | 'names' | 'types';

/**
 * What waymark must ask the server's dictionary before it can decode a table's rows.
 * @param hasVectors whether the server has VECTOR. If not, VARBINARY is VARBINARY.
 */
export function missingIn({ columns, vendor }: TableLayout, hasVectors = true): Missing {
  if (columns.some(({ name }) => name === null)) return 'names';
  return vendor === 'mariadb' && columns.some((column) => mayBeSpecial(column, hasVectors))
    ? 'types'
    : 'nothing';
}

/** Whether MariaDB may have written a column of another type like this (see {@link SpecialType}), or a format of old. */
function mayBeSpecial(column: Column, hasVectors: boolean): boolean {
  const { type, metadata, charset, collation, fraction } = column;
  if (fraction === null) return true;
  if (collation === utf8mb4Bin) return isLongText(column);
  if (charset?.name !== 'binary') return false;
  // A vector has a multiple of four bytes, and has a length of its own before it.
  if (type === columnTypes.varchar) return hasVectors && metadata > 0 && metadata % 4 === 0;
  return type === columnTypes.string && (metadata === 16 || metadata === 4);
}

/** The collation that MariaDB gives its JSON: `utf8mb4_bin` (sql/sql_type_json.h; INFORMATION_SCHEMA.COLLATIONS). */
const utf8mb4Bin = 46;

/** Whether MariaDB's JSON can be such a column: a LONGTEXT, perhaps a COMPRESSED one. */
function isLongText({ type, metadata }: Column): boolean {
  return (type === columnTypes.blob || type === columnTypes.blobCompressed) && metadata === 4;
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

/** Why the rows can't have been written with the table's present definition. Null if they can. */
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

/** The layout, completed by a definition that fits. What the log says takes precedence. */
export function withDictionary(
  layout: TableLayout,
  { columns: dictionary, key }: DescribedTable,
): TableLayout {
  const columns = layout.columns.map((column, index) => {
    const today = dictionary[index];
    return today === undefined ? column : complete(column, today, layout.vendor);
  });
  return { ...layout, columns, primaryKey: layout.primaryKey ?? keyParts(columns, key) };
}

function keyParts(columns: readonly Column[], key: readonly string[] | null): readonly KeyPart[] | null {
  const indexes = key?.map((part) => columns.findIndex(({ name }) => name === part)) ?? null;
  return indexes?.every((index) => index >= 0) === true
    ? indexes.map((column) => ({ column, prefix: null }))
    : null;
}

function complete(column: Column, today: DictionaryColumn, vendor: Vendor): Column {
  const { type, unsigned, fraction } = column;
  return {
    ...column,
    ...charsetAndLabels(column, today, vendor),
    name: column.name ?? today.name,
    unsigned: unsigned ?? (signedTypes.has(type) ? /\bunsigned\b/i.test(today.type) : null),
    special: specialType(column, today.type, vendor),
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

function specialType(column: Column, type: string, vendor: Vendor): SpecialType | null {
  if (/^json\b/i.test(type)) return vendor === 'mariadb' && isLongText(column) ? 'json' : null;
  const name = /^(uuid|inet4|inet6|vector)\b/i.exec(type)?.[1]?.toLowerCase();
  return name === 'uuid' || name === 'inet4' || name === 'inet6' || name === 'vector' ? name : null;
}

/**
 * The labels in `enum('a','it''s')`; quotes are doubled, and some characters follow a backslash. MariaDB's dictionary
 * has a question mark for each character beyond the Basic Multilingual Plane. So a label with a question mark isn't
 * certain.
 */
function labelsOf(type: string, vendor: Vendor): Labels {
  return [...type.matchAll(/'((?:[^'\\]|''|\\.)*)'/gs)].map((match) => {
    const label = (match[1] ?? '').replace(/''|\\(.)/gs, (_, escaped: string | undefined) =>
      escaped === undefined ? "'" : unescaped(escaped),
    );
    return vendor === 'mariadb' && label.includes('?') ? null : Buffer.from(label);
  });
}

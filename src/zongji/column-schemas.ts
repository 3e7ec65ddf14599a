import { maximumBytesOf } from '../decode/charset.js';
import { JsonWriter } from '../decode/json-writer.js';
import { bitsOf, columnTypes, signedTypes } from '../decode/column-types.js';
import type { TableColumn } from '../layouts/table-columns.js';
import { type Column, nameOfColumn } from '../decode/column.js';
import type { TableLayout } from '../decode/table-layout.js';

/** A column as INFORMATION_SCHEMA.COLUMNS has it; where the log told all, its type is put together from that. */
export type ColumnSchema = {
  readonly COLUMN_NAME: string;
  /** Null where the log told all: it names no collation. */
  readonly COLLATION_NAME: string | null;
  readonly CHARACTER_SET_NAME: string | null;
  readonly COLUMN_COMMENT: string;
  readonly COLUMN_TYPE: string;
  /** Of columns that are numbers. */
  readonly UNSIGNED?: boolean;
  readonly ENUM_VALUES?: readonly string[];
  readonly SET_VALUES?: readonly string[];
};

/** A column as a table map has it. */
export type ColumnInfo = {
  readonly name: string;
  readonly charset: string | null;
  /** The type's code; ENUM's and SET's own ones. */
  readonly type: number;
  readonly metadata: ColumnMetadata | undefined;
};

/** What a table map says of a type: lengths, digits. */
export type ColumnMetadata = Readonly<Record<string, number>>;

/** The columns of a table; `known` is what the server's dictionary has told of them, if it was asked. */
export function columnSchemas(
  { columns }: TableLayout,
  known: readonly TableColumn[] | null,
): ColumnSchema[] {
  return columns.map((column, index) => {
    const told = known?.[index];
    const { unsigned } = column;
    return {
      COLUMN_NAME: nameOfColumn(column, index),
      COLLATION_NAME: told?.collation ?? null,
      CHARACTER_SET_NAME: told === undefined ? charsetOf(column) : told.charset,
      COLUMN_COMMENT: told?.comment ?? '',
      COLUMN_TYPE: told?.type ?? typeText(column),
      ...(signedTypes.has(column.type) && unsigned !== null ? { UNSIGNED: unsigned } : {}),
      ...(column.type === columnTypes.enum ? { ENUM_VALUES: labelsOf(column) } : {}),
      ...(column.type === columnTypes.set ? { SET_VALUES: labelsOf(column) } : {}),
    };
  });
}

/** The columns as the table map has them. */
export function columnInfos({ columns }: TableLayout): ColumnInfo[] {
  return columns.map((column, index) => ({
    name: nameOfColumn(column, index),
    charset: charsetOf(column),
    type: column.type,
    metadata: metadataOf(column),
  }));
}

function charsetOf({ charset }: Column): string | null {
  return charset === null || charset.name === 'binary' ? null : charset.name;
}

/** Labels as text of their character set. */
function labelsOf({ labels, charset }: Column): string[] {
  return (labels ?? []).map((label) => (label === null ? '' : textOf(label, charset)));
}

function textOf(label: Buffer, charset: Column['charset']): string {
  const out = new JsonWriter(label.length * 6 + 64);
  if (charset?.write?.(label, 0, label.length, out) !== true) return label.toString('latin1');
  return String(JSON.parse(out.bytes.toString('utf8', 0, out.at)));
}

const t = columnTypes;

function metadataOf({ type, metadata }: Column): ColumnMetadata | undefined {
  switch (type) {
    case t.float:
    case t.double:
    case t.enum:
    case t.set:
      return { size: metadata };
    case t.varchar:
    case t.varcharCompressed:
    case t.string:
    case t.varString:
      return { max_length: metadata };
    case t.bit:
      return { bits: bitsOf(metadata) };
    case t.newDecimal:
      return { precision: metadata & 0xff, decimals: metadata >> 8 };
    case t.blob:
    case t.blobCompressed:
    case t.geometry:
    case t.json:
    case t.vector:
      return { length_size: metadata };
    case t.timestamp2:
    case t.dateTime2:
    case t.time2:
      return { decimals: metadata };
    default:
      return undefined;
  }
}

const plainTypes = new Map<number, string>([
  [t.tiny, 'tinyint'],
  [t.short, 'smallint'],
  [t.int24, 'mediumint'],
  [t.long, 'int'],
  [t.longLong, 'bigint'],
  [t.float, 'float'],
  [t.double, 'double'],
  [t.year, 'year'],
  [t.date, 'date'],
  [t.json, 'json'],
  [t.vector, 'vector'],
]);

const temporalTypes = new Map<number, string>([
  [t.time, 'time'],
  [t.time2, 'time'],
  [t.dateTime, 'datetime'],
  [t.dateTime2, 'datetime'],
  [t.timestamp, 'timestamp'],
  [t.timestamp2, 'timestamp'],
]);

/** By the number in GEOMETRY_TYPE of the table map. */
const geometryTypes = [
  ...['geometry', 'point', 'linestring', 'polygon', 'multipoint', 'multilinestring', 'multipolygon'],
  'geomcollection',
] as const;

/** BLOBs by the bytes that their length takes. */
const blobSizes = ['', 'tiny', '', 'medium', 'long'] as const;

function typeText(column: Column): string {
  const { type, metadata, unsigned, special, fraction, geometryType } = column;
  if (special !== null) return special;
  const sign = unsigned === true && type !== t.year ? ' unsigned' : '';
  const plain = plainTypes.get(type);
  if (plain !== undefined) return plain + sign;
  const temporal = temporalTypes.get(type);
  if (temporal !== undefined)
    return fraction === null || fraction === 0 ? temporal : `${temporal}(${fraction})`;
  switch (type) {
    case t.newDecimal:
      return `decimal(${metadata & 0xff},${metadata >> 8})${sign}`;
    case t.bit:
      return `bit(${bitsOf(metadata)})`;
    case t.geometry:
      return geometryTypes[geometryType ?? 0] ?? geometryTypes[0];
    case t.enum:
    case t.set: {
      const labels = labelsOf(column).map((label) => `'${label.replaceAll("'", "''")}'`);
      return `${type === t.enum ? 'enum' : 'set'}(${labels.join(',')})`;
    }
    default:
      return characterType(column);
  }
}

/** MariaDB marks COMPRESSED columns like this in INFORMATION_SCHEMA. */
const compressed = ' /*M!100301 COMPRESSED*/';

function characterType({ type, metadata, charset }: Column): string {
  const isBinary = charset?.name === 'binary';
  const length = (bytes: number): number =>
    Math.floor(bytes / (isBinary ? 1 : maximumBytesOf(charset?.name ?? '')));
  switch (type) {
    case t.string:
      return `${isBinary ? 'binary' : 'char'}(${length(metadata)})`;
    case t.varchar:
    case t.varString:
      return `${isBinary ? 'varbinary' : 'varchar'}(${length(metadata)})`;
    case t.varcharCompressed:
      // A byte of the length says how the value is compressed.
      return `${isBinary ? 'varbinary' : 'varchar'}(${length(metadata - 1)})${compressed}`;
    default: {
      const blob = `${blobSizes[metadata] ?? ''}${isBinary ? 'blob' : 'text'}`;
      return type === t.blobCompressed ? blob + compressed : blob;
    }
  }
}

import type { Vendor } from '../mysql/version.js';
import { ByteReader } from './byte-reader.js';
import { charsetOfCollation } from './charset.js';
import { characterTypes, columnTypes, signedTypes } from './column-types.js';
import { Malformed } from './malformed.js';
import type { Column, KeyPart } from './column.js';

/** Fields of the optional metadata (MySQL: libs/mysql/binlog/event/rows_event.h; MariaDB: sql/log_event.h). */
const fields = {
  signedness: 1,
  defaultCharset: 2,
  columnCharset: 3,
  columnName: 4,
  setLabels: 5,
  enumLabels: 6,
  geometryType: 7,
  simplePrimaryKey: 8,
  primaryKeyWithPrefix: 9,
  labelDefaultCharset: 10,
  labelColumnCharset: 11,
  visibility: 12,
} as const;

type Draft = { -readonly [Key in keyof Column]: Column[Key] };

/** Completes the columns of a table map by its optional metadata: fields of type (1), length, value, to the end. */
export function readOptionalMetadata(
  reader: ByteReader,
  columns: readonly Column[],
  vendor: Vendor,
): { readonly columns: readonly Column[]; readonly primaryKey: readonly KeyPart[] | null } {
  const drafts = columns.map((column): Draft => ({ ...column }));
  const seen = new Set<number>();
  const keyParts: KeyPart[] = [];
  while (!reader.ended) {
    const field = reader.uint(1);
    const part = reader.part(reader.packed());
    if (seen.has(field)) throw new Malformed(`metadata field ${field} comes twice`);
    seen.add(field);
    if (field === fields.simplePrimaryKey || field === fields.primaryKeyWithPrefix) {
      keyParts.push(...readKey(part, field === fields.primaryKeyWithPrefix, drafts.length));
    } else readField(field, part, drafts, vendor);
  }
  // A table without a primary key has no field for it, nor has one in a log without names.
  const told = keyParts.length > 0 || seen.has(fields.columnName);
  return { columns: drafts, primaryKey: told ? keyParts : null };
}

function readField(field: number, part: ByteReader, columns: Draft[], vendor: Vendor): void {
  const ofTypes = (types: ReadonlySet<number>): Draft[] => columns.filter(({ type }) => types.has(type));
  switch (field) {
    case fields.signedness:
      readBits(part, ofTypes(signedTypes), (column, bit) => {
        column.unsigned = bit;
      });
      return;
    case fields.defaultCharset:
      readDefaultCharset(part, ofTypes(textTypes[vendor]));
      return;
    case fields.columnCharset:
      readCharsets(part, ofTypes(textTypes[vendor]));
      return;
    case fields.labelDefaultCharset:
      readDefaultCharset(part, ofTypes(labelTypes));
      return;
    case fields.labelColumnCharset:
      readCharsets(part, ofTypes(labelTypes));
      return;
    case fields.columnName:
      for (const column of columns) column.name = part.string().toString('utf8');
      break;
    case fields.setLabels:
      readLabels(part, ofTypes(new Set([columnTypes.set])));
      break;
    case fields.enumLabels:
      readLabels(part, ofTypes(new Set([columnTypes.enum])));
      break;
    case fields.geometryType:
      for (const column of ofTypes(geometryTypes)) column.geometryType = part.packed();
      break;
    case fields.visibility:
      readBits(part, columns, (column, bit) => {
        column.visible = bit;
      });
      return;
    default:
      // Fields of later versions describe columns further. They don't change the rows.
      return;
  }
  if (!part.ended) throw new Malformed(`metadata field ${field} is too long`);
}

const geometryTypes: ReadonlySet<number> = new Set([columnTypes.geometry]);
const labelTypes: ReadonlySet<number> = new Set<number>([columnTypes.enum, columnTypes.set]);

/**
 * Types whose character sets are in the table map. MySQL includes VECTOR, MariaDB includes GEOMETRY. Both are
 * binary.
 */
const textTypes: Readonly<Record<Vendor, ReadonlySet<number>>> = {
  mysql: new Set([...characterTypes, columnTypes.vector]),
  mariadb: new Set([...characterTypes, columnTypes.geometry]),
};

/** A bit for each column, the first one highest. */
function readBits(part: ByteReader, columns: Draft[], take: (column: Draft, bit: boolean) => void): void {
  let byte = 0;
  columns.forEach((column, index) => {
    if ((index & 7) === 0) byte = part.uint(1);
    take(column, (byte & (0x80 >> (index & 7))) !== 0);
  });
  if (!part.ended) throw new Malformed('a field of bits is too long');
}

function charsetOf(collation: number): Pick<Column, 'charset' | 'collation'> {
  const charset = charsetOfCollation(collation);
  if (charset === undefined) throw new Malformed(`collation ${collation} is not known`);
  return { charset, collation };
}

/** A collation for each column. */
function readCharsets(part: ByteReader, columns: Draft[]): void {
  for (const column of columns) Object.assign(column, charsetOf(part.packed()));
  if (!part.ended) throw new Malformed('it has more collations than columns with text');
}

/**
 * The collation of most columns. Then for each exception: its index among text columns, and its collation.
 */
function readDefaultCharset(part: ByteReader, columns: Draft[]): void {
  const common = charsetOf(part.packed());
  for (const column of columns) Object.assign(column, common);
  while (!part.ended) {
    const column = columns[part.packed()];
    if (column === undefined) throw new Malformed('it has a collation for a column that is not there');
    Object.assign(column, charsetOf(part.packed()));
  }
}

/** For each column how many labels it has, and these. */
function readLabels(part: ByteReader, columns: Draft[]): void {
  for (const column of columns) {
    const labels: Buffer[] = [];
    // The layout outlives the event.
    for (let left = part.packed(); left > 0; left -= 1) labels.push(Buffer.from(part.string()));
    column.labels = labels;
  }
}

function readKey(part: ByteReader, prefixed: boolean, columns: number): KeyPart[] {
  const parts: KeyPart[] = [];
  while (!part.ended) {
    const column = part.packed();
    if (column >= columns) throw new Malformed(`its primary key has a column ${column + 1}`);
    const prefix = prefixed ? part.packed() : 0;
    parts.push({ column, prefix: prefix === 0 ? null : prefix });
  }
  return parts;
}

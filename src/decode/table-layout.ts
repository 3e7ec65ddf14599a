import { headerBytes } from '../binlog/event.js';
import type { Vendor } from '../mysql/version.js';
import { ByteReader } from './byte-reader.js';
import type { Column, KeyPart } from './column.js';
import { Malformed, undecodable } from './malformed.js';
import { readOptionalMetadata } from './optional-metadata.js';
import { columnTypes, metadataBytes, oldTemporalTypes } from './column-types.js';

/** A TABLE_MAP_EVENT, taken apart. */
export type TableLayout = {
  readonly tableId: number;
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly Column[];
  /** Null if the log doesn't tell. Empty if the table has none. */
  readonly primaryKey: readonly KeyPart[] | null;
  /**
   * Whether MySQL generated the primary key (`sql_generate_invisible_primary_key`). It is the first column.
   */
  readonly generatedKey: boolean;
  /** The vendor of the server whose log it is in. */
  readonly vendor: Vendor;
};

/** TM_GENERATED_INVISIBLE_PK_F (MySQL: sql/log_event.h) */
const generatedKeyFlag = 0x04;
/** No table has more (MySQL: MAX_FIELDS in sql/sql_const.h). */
const maximumColumns = 4096;

/**
 * Reads a TABLE_MAP_EVENT: table id (6), flags (2), schema and table (each: length, text, zero byte), the number of
 * columns, a type for each, the types' metadata with its length, a bit for each column that may be NULL, and optional
 * metadata (MySQL: libs/mysql/binlog/event/rows_event.h, class Table_map_event).
 * @throws WaymarkError `unsupported-event` if that is not what the bytes are.
 */
export function readTableLayout(buffer: Buffer, start: number, end: number, vendor: Vendor): TableLayout {
  const reader = new ByteReader(buffer, start + headerBytes, end);
  const place = { schema: '?', table: '?' };
  try {
    const tableId = reader.uint(6);
    const flags = reader.uint(2);
    place.schema = nameOf(reader);
    place.table = nameOf(reader);
    const count = reader.packed();
    if (count > maximumColumns) throw new Malformed(`it has ${count} columns`);
    const columns = readColumns(reader, count, vendor);
    const { primaryKey, columns: complete } = readOptionalMetadata(reader, columns, vendor);
    const generatedKey = (flags & generatedKeyFlag) !== 0;
    return { tableId, ...place, columns: complete, primaryKey, generatedKey, vendor };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw undecodable(new Malformed(`its table map: ${error.message}`, { cause: error }), {
      ...place,
      offset: reader.at - start,
    });
  }
}

/** Length, text, zero byte. The length is an integer of one byte; MySQL reads it as a length-encoded one. */
function nameOf(reader: ByteReader): string {
  const name = reader.string().toString('utf8');
  if (reader.uint(1) !== 0) throw new Malformed('a name has no end');
  return name;
}

function readColumns(reader: ByteReader, count: number, vendor: Vendor): Column[] {
  const types = reader.bytes(count);
  const metadata = reader.part(reader.packed());
  const nullBits = reader.bytes((count + 7) >> 3);
  const columns = Array.from(types, (type, index): Column => {
    const bytes = metadataBytes(type);
    if (bytes === null) throw new Malformed(`column ${index + 1} has type ${type}, which is not known`);
    const nullable = ((nullBits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
    const told = typeAndMetadata(type, bytes === 0 ? 0 : metadata.uint(bytes));
    return { ...blank, ...told, nullable, fraction: fractionOf(told, vendor) };
  });
  if (!metadata.ended) throw new Malformed("its types' metadata are too long");
  return columns;
}

function fractionOf({ type, metadata }: Pick<Column, 'type' | 'metadata'>, vendor: Vendor): number | null {
  return oldTemporalTypes.has(type) ? (vendor === 'mariadb' ? null : 0) : metadata;
}

const blank = {
  name: null,
  unsigned: null,
  charset: null,
  collation: null,
  labels: null,
  geometryType: null,
  visible: true,
  special: null,
};

/**
 * The type and its metadata as one number. STRING has the real type (ENUM, SET, STRING) in the first byte and
 * the length in the second. For STRING, bits 4 and 5 of the first byte are two more bits of the length,
 * inverted (MySQL: sql/field.cc, Field_string::do_save_field_metadata). NEWDECIMAL: precision, then scale.
 */
function typeAndMetadata(type: number, metadata: number): Pick<Column, 'type' | 'metadata'> {
  const [first, second] = [metadata & 0xff, metadata >> 8];
  if (type !== columnTypes.string) return { type, metadata };
  if (first === columnTypes.enum || first === columnTypes.set) return { type: first, metadata: second };
  if ((first | 0x30) !== columnTypes.string) {
    throw new Malformed(`a string column has the real type ${first}, which is not known`);
  }
  return { type, metadata: (((first & 0x30) ^ 0x30) << 4) | second };
}

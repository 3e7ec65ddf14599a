/** Types of columns in a table map (MySQL: include/field_types.h; MariaDB: include/mysql_com.h). */
export const columnTypes = {
  tiny: 1,
  short: 2,
  long: 3,
  float: 4,
  double: 5,
  timestamp: 7,
  longLong: 8,
  int24: 9,
  date: 10,
  time: 11,
  dateTime: 12,
  year: 13,
  varchar: 15,
  bit: 16,
  timestamp2: 17,
  dateTime2: 18,
  time2: 19,
  blobCompressed: 140,
  varcharCompressed: 141,
  vector: 242,
  json: 245,
  newDecimal: 246,
  enum: 247,
  set: 248,
  tinyBlob: 249,
  mediumBlob: 250,
  longBlob: 251,
  blob: 252,
  varString: 253,
  string: 254,
  geometry: 255,
} as const;

const { tiny, short, int24, long, longLong, newDecimal, float, double, year } = columnTypes;
const { varchar, varcharCompressed, blobCompressed, varString, string } = columnTypes;
const { tinyBlob, mediumBlob, longBlob, blob } = columnTypes;

/** Types whose sign a table map may contain. Both vendors include YEAR, although it has no sign. */
export const signedTypes: ReadonlySet<number> = new Set<number>([
  ...[tiny, short, int24, long, longLong, newDecimal, float, double, year],
]);

/** Types whose bytes are text of a character set, or binary. */
export const characterTypes: ReadonlySet<number> = new Set<number>([
  ...[varchar, varcharCompressed, varString, string, blobCompressed],
  ...[tinyBlob, mediumBlob, longBlob, blob],
]);

/** The TIME, DATETIME and TIMESTAMP formats from before MySQL 5.6 and MariaDB 10.1.2. */
export const oldTemporalTypes: ReadonlySet<number> = new Set<number>([
  ...[columnTypes.time, columnTypes.dateTime, columnTypes.timestamp],
]);

/** Bits of a BIT column by its metadata: those beyond whole bytes, then whole bytes. */
export function bitsOf(metadata: number): number {
  return (metadata >> 8) * 8 + (metadata & 0xff);
}

/** Bytes of a BIT column's value. */
export function bitBytesOf(metadata: number): number {
  return (metadata >> 8) + ((metadata & 0xff) > 0 ? 1 : 0);
}

const metadataOf = new Map<number, 0 | 1 | 2>([
  ...[tiny, short, int24, long, longLong, year].map((type) => [type, 0] as const),
  ...[columnTypes.date, columnTypes.time, columnTypes.dateTime].map((type) => [type, 0] as const),
  [columnTypes.timestamp, 0],
  ...[columnTypes.timestamp2, columnTypes.dateTime2, columnTypes.time2].map((type) => [type, 1] as const),
  ...[float, double, columnTypes.json, columnTypes.vector, columnTypes.geometry].map(
    (type) => [type, 1] as const,
  ),
  ...[tinyBlob, mediumBlob, longBlob, blob, blobCompressed].map((type) => [type, 1] as const),
  ...[varchar, varcharCompressed, varString, string, newDecimal].map((type) => [type, 2] as const),
  ...[columnTypes.bit, columnTypes.enum, columnTypes.set].map((type) => [type, 2] as const),
]);

/** Bytes of metadata that a type has in a table map; null for a type that isn't known. */
export function metadataBytes(type: number): 0 | 1 | 2 | null {
  return metadataOf.get(type) ?? null;
}

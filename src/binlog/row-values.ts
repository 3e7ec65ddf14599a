import { WaymarkError } from '../util/errors.js';

/** A column's value as JSON: text, number, null, a document, or binary as `{"$base64": "…"}`. */
export type ColumnValue =
  string | number | boolean | null | { readonly [key: string]: ColumnValue } | readonly ColumnValue[];

/** A row image: column name to value. */
export type RowImage = Readonly<Record<string, ColumnValue>>;

/** A column whose decoded value is not yet what stands in records. */
export type SpecialColumn = { readonly name: string; readonly kind: 'float' | 'year' | 'bit' | 'timestamp' };

/** MySQL type codes (include/field_types.h; MariaDB has the same). */
const typeCodes = { float: 4, timestamp: 7, year: 13, bit: 16, timestamp2: 17 } as const;

/** The columns of a table that need a second look. */
export function specialColumns(columns: readonly { name: string; type: number }[]): SpecialColumn[] {
  return columns.flatMap(({ name, type }): SpecialColumn[] => {
    switch (type) {
      case typeCodes.float:
        return [{ name, kind: 'float' }];
      case typeCodes.year:
        return [{ name, kind: 'year' }];
      case typeCodes.bit:
        return [{ name, kind: 'bit' }];
      case typeCodes.timestamp:
      case typeCodes.timestamp2:
        return [{ name, kind: 'timestamp' }];
      default:
        return [];
    }
  });
}

/**
 * Takes a row as zongji decodes it to what stands in records. Changes the object it is given: rows come by the
 * hundred thousand, and nobody else has them.
 */
export function toRowImage(row: unknown, special: readonly SpecialColumn[]): RowImage {
  if (!isColumns(row)) throw new WaymarkError('protocol', 'A row could not be decoded');
  for (const { name, kind } of special) {
    const value = row[name];
    if (value !== null) row[name] = specialValue(value, kind);
  }
  for (const name in row) {
    const value = row[name];
    // The empty string that an invalid ENUM value is stored as has the number 0, for which there is no name.
    if (value === undefined) row[name] = '';
    else if (Buffer.isBuffer(value)) row[name] = { $base64: value.toString('base64') };
  }
  return row as RowImage;
}

function isColumns(row: unknown): row is Record<string, unknown> {
  return typeof row === 'object' && row !== null;
}

function specialValue(value: unknown, kind: SpecialColumn['kind']): unknown {
  switch (kind) {
    case 'float':
      return typeof value === 'number' ? shortestFloat(value) : value;
    case 'year':
      // YEAR goes from 1901 to 2155, and 0000 comes as 1900.
      return value === 1900 ? 0 : value;
    case 'bit':
      return Buffer.isBuffer(value) ? bitNumber(value) : value;
    case 'timestamp':
      return typeof value === 'string' ? unsignedTimestamp(value) : value;
  }
}

/** The shortest decimal that is the same single-precision number: 0.1, not 0.10000000149011612. */
function shortestFloat(value: number): number {
  for (let digits = 6; digits <= 9; digits += 1) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return shorter;
  }
  return value;
}

/** BIT columns are numbers; beyond 2^53 decimal text, like BIGINT. */
function bitNumber(bytes: Buffer): number | string {
  const value = bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString();
}

/**
 * TIMESTAMP is read as signed seconds; nothing before 1970 can be stored, so an earlier date is a later one:
 * MariaDB 11.5 and later go on to 2106.
 */
function unsignedTimestamp(text: string): string {
  const year = Number(text.slice(0, 4));
  if (year === 0 || year >= 1970) return text;
  const [seconds = '', fraction] = text.split('.');
  const moved = new Date(Date.parse(`${seconds.replace(' ', 'T')}Z`) + 2 ** 32 * 1000);
  const whole = moved.toISOString().slice(0, 19).replace('T', ' ');
  return fraction === undefined ? whole : `${whole}.${fraction}`;
}

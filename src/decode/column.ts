import type { Charset } from './charset.js';

/** A column in a table map. Members that need certain settings of `binlog_row_metadata` may be null. */
export type Column = {
  readonly name: string | null;
  /** The type's code. ENUM and SET have their own codes, not STRING's. */
  readonly type: number;
  /** The type's metadata: a length, a precision, or a number of digits. */
  readonly metadata: number;
  readonly nullable: boolean;
  readonly unsigned: boolean | null;
  readonly charset: Charset | null;
  /** The number of the collation. Null if the log doesn't say. */
  readonly collation: number | null;
  /** Labels of an ENUM or SET, in the column's character set; null for one that isn't known. */
  readonly labels: Labels | null;
  /** The kind that a GEOMETRY column is for, as in WKB; 0: any. */
  readonly geometryType: number | null;
  readonly visible: boolean;
  /** The real type, if MariaDB logs it as another one. Only the server's dictionary has it. */
  readonly special: SpecialType | null;
  /**
   * Fractional digits of a temporal column. Null for MariaDB's formats from before 10.1.2
   * (`mysql56_temporal_format`): their length isn't in the log, only in the server's dictionary.
   */
  readonly fraction: number | null;
};

/** A column's name, or `@1`, `@2`, … if the log doesn't have it. */
export function nameOfColumn({ name }: Pick<Column, 'name'>, index: number): string {
  return name ?? `@${index + 1}`;
}

/** Null: not known. */
export type Labels = readonly (Buffer | null)[];

/** UUID and INET6 are BINARY(16) in the log, INET4 is BINARY(4), VECTOR is VARBINARY, JSON is LONGTEXT in utf8mb4_bin. */
export type SpecialType = 'uuid' | 'inet4' | 'inet6' | 'vector' | 'json';

/** A column of the primary key, by its index in the layout, and how much of it belongs to the key. Null: all of it. */
export type KeyPart = { readonly column: number; readonly prefix: number | null };

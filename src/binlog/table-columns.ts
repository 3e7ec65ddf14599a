import type { ServerConnection } from '../mysql/connection.js';
import { text } from '../mysql/server.js';

/** A column as INFORMATION_SCHEMA.COLUMNS has it, with the values of an ENUM or SET taken apart. Names are zongji's. */
export type ColumnDefinition = {
  readonly COLUMN_NAME: string;
  readonly COLLATION_NAME: string | null;
  readonly CHARACTER_SET_NAME: string | null;
  readonly COLUMN_COMMENT: string;
  readonly COLUMN_TYPE: string;
  UNSIGNED?: boolean;
  readonly ENUM_VALUES?: string[];
  readonly SET_VALUES?: string[];
};

/** Whether today's definition of a table can be the one that rows in the log were written with, and what to use. */
export type ColumnLookup =
  | { readonly known: true; readonly columns: readonly ColumnDefinition[] }
  | { readonly known: false; readonly reason: string; readonly columns: readonly ColumnDefinition[] };

/**
 * Finds the columns of a table whose rows stand in a log that doesn't name them (`binlog_row_metadata` other than
 * FULL). The server only has today's definition. Where that doesn't fit the log, columns are called `@1`, `@2`, … as
 * mysqlbinlog does, which is visible, instead of getting names that may be wrong.
 */
export async function lookUpColumns(
  connection: ServerConnection,
  schema: string,
  table: string,
  columnTypes: readonly number[],
): Promise<ColumnLookup> {
  const rows = await connection.query(
    'SELECT COLUMN_NAME, COLLATION_NAME, CHARACTER_SET_NAME, COLUMN_TYPE, DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS ' +
      'WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION',
    [schema, table],
  );
  if (rows.length === 0) {
    return unknown(columnTypes, 'the table no longer exists, or the account has no SELECT privilege on it');
  }
  if (rows.length !== columnTypes.length) {
    return unknown(
      columnTypes,
      `the log has ${columnTypes.length} columns, the table has ${rows.length} today`,
    );
  }
  const misfit = rows.findIndex((row, index) => !fits(text(row['DATA_TYPE']), columnTypes[index] ?? -1));
  if (misfit >= 0) {
    const name = text(rows[misfit]?.['COLUMN_NAME']);
    return unknown(
      columnTypes,
      `today's column ${name} has another type than column ${misfit + 1} in the log`,
    );
  }
  return {
    known: true,
    columns: rows.map((row) => {
      const type = text(row['COLUMN_TYPE']);
      const charset = row['CHARACTER_SET_NAME'] === null ? null : text(row['CHARACTER_SET_NAME']);
      return { ...definition(text(row['COLUMN_NAME']), type, charset), ...choices(type) };
    }),
  };
}

function definition(name: string, type: string, charset: string | null): ColumnDefinition {
  return {
    COLUMN_NAME: name,
    COLLATION_NAME: null,
    CHARACTER_SET_NAME: charset,
    COLUMN_COMMENT: '',
    COLUMN_TYPE: type,
  };
}

/** MySQL type codes of ENUM and SET come as STRING (254) and are told apart in the metadata. */
const typeFamilies: readonly { readonly codes: readonly number[]; readonly types: RegExp }[] = [
  { codes: [1], types: /^(tinyint|bool)/ },
  { codes: [2], types: /^smallint/ },
  { codes: [9], types: /^mediumint/ },
  { codes: [3], types: /^int/ },
  { codes: [8], types: /^bigint/ },
  { codes: [4], types: /^float/ },
  { codes: [5], types: /^double/ },
  { codes: [246], types: /^decimal/ },
  { codes: [13], types: /^year/ },
  { codes: [10], types: /^date$/ },
  { codes: [11, 19], types: /^time$/ },
  { codes: [12, 18], types: /^datetime/ },
  { codes: [7, 17], types: /^timestamp/ },
  { codes: [16], types: /^bit/ },
  { codes: [245], types: /^json/ },
  { codes: [255], types: /^(geometry|point|linestring|polygon|multi|geomcollection)/ },
  { codes: [252, 249, 250, 251, 140], types: /(blob|text|json)$/ },
  { codes: [15, 141], types: /^(varchar|varbinary|vector)/ },
  { codes: [254, 253, 247, 248], types: /^(char|binary|enum|set|uuid|inet4|inet6)/ },
];

function fits(dataType: string, code: number): boolean {
  const family = typeFamilies.find(({ codes }) => codes.includes(code));
  return family === undefined || family.types.test(dataType.toLowerCase());
}

function choices(columnType: string): Pick<ColumnDefinition, 'ENUM_VALUES' | 'SET_VALUES'> {
  const kind = /^(enum|set)\(/i.exec(columnType)?.[1]?.toLowerCase();
  if (kind === undefined) return {};
  const values = [...columnType.matchAll(/'((?:[^']|'')*)'/g)].map((match) =>
    (match[1] ?? '').replaceAll("''", "'"),
  );
  return kind === 'enum' ? { ENUM_VALUES: values } : { SET_VALUES: values };
}

/** Bits in a SET at most, and values in an ENUM whose numbers are shown instead of names. */
const setBits = 64;
const enumValues = 65_535;

function unknown(columnTypes: readonly number[], reason: string): ColumnLookup {
  const numbers = Array.from({ length: enumValues }, (_, index) => String(index + 1));
  return {
    known: false,
    reason,
    columns: columnTypes.map((_code, index) => ({
      ...definition(`@${index + 1}`, 'unknown', null),
      ENUM_VALUES: numbers,
      SET_VALUES: numbers.slice(0, setBits),
    })),
  };
}

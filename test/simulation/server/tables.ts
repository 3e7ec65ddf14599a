import type { Vendor } from '../../../src/mysql/version.js';

/** A column of a table of the model. */
export type Column = {
  readonly name: string;
  readonly nullable: boolean;
} & (
  | { readonly type: 'int' | 'bigint' }
  /** Of utf8mb4. */
  | { readonly type: 'varchar'; readonly characters: number }
);

/** A value of a column: text for VARCHAR, a number for the others; beyond 2^53 a bigint. */
type Value = number | bigint | string | null;

/** The values of a row, in the order of the columns. */
export type Row = readonly Value[];

/** What a table is: its first column is its primary key. */
export type TableDefinition = {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly Column[];
};

/** `schema.table`, by which tables are told apart. */
export function nameOf({ schema, name }: TableDefinition): string {
  return `${schema}.${name}`;
}

/** What tells a row from all others of its table. */
export function keyOf(row: Row): string {
  return String(row[0]);
}

/** Bytes that a character of utf8mb4 takes at most. */
const characterBytes = 4;

/** Bytes that a VARCHAR may take: what a table map says of it. */
export function varcharBytes(characters: number): number {
  return characters * characterBytes;
}

/** Bytes that a row image takes. */
export function imageBytes({ columns }: TableDefinition, row: Row): number {
  return columns.reduce((sum, column, index) => sum + sizeOf(column, row[index]), (columns.length + 7) >> 3);
}

/**
 * Writes a row image: a bit for each column that is NULL, then the others' values. MySQL leaves the bits beyond the last
 * column 0, MariaDB sets them (see src/binlog/null-bits.ts). Gives where it ends.
 */
export function writeImage(
  into: Buffer,
  start: number,
  { columns }: TableDefinition,
  row: Row,
  vendor: Vendor,
): number {
  let at = start + ((columns.length + 7) >> 3);
  into.fill(vendor === 'mariadb' ? 0xff : 0, start, at);
  columns.forEach((column, index) => {
    const value = row[index] ?? null;
    const [byte, bit] = [start + (index >> 3), 1 << (index & 7)];
    const others = into.readUInt8(byte) & ~bit;
    into.writeUInt8(value === null ? others | bit : others, byte);
    if (value !== null) at = writeValue(into, at, column, value);
  });
  return at;
}

/** Bytes of the length before a VARCHAR. */
function lengthBytes(characters: number): 1 | 2 {
  return varcharBytes(characters) > 255 ? 2 : 1;
}

function sizeOf(column: Column, value: Value | undefined): number {
  if (value === null || value === undefined) return 0;
  switch (column.type) {
    case 'int':
      return 4;
    case 'bigint':
      return 8;
    case 'varchar':
      return lengthBytes(column.characters) + Buffer.byteLength(String(value));
  }
}

/** Gives where the value ends. */
function writeValue(image: Buffer, at: number, column: Column, value: number | bigint | string): number {
  switch (column.type) {
    case 'int':
      return image.writeInt32LE(Number(value), at);
    case 'bigint':
      return image.writeBigInt64LE(BigInt(value), at);
    case 'varchar': {
      const text = String(value);
      const start = image.writeUIntLE(Buffer.byteLength(text), at, lengthBytes(column.characters));
      return start + image.write(text, start);
    }
  }
}

/** A column's type as INFORMATION_SCHEMA and SHOW CREATE TABLE have it: MySQL shows no widths of numbers. */
export function shownType(column: Column, vendor: Vendor): string {
  switch (column.type) {
    case 'int':
      return vendor === 'mariadb' ? 'int(11)' : 'int';
    case 'bigint':
      return vendor === 'mariadb' ? 'bigint(20)' : 'bigint';
    case 'varchar':
      return `varchar(${column.characters})`;
  }
}

/** The collation that the vendor's servers give to utf8mb4, by name and number. */
export const collations = {
  mysql: { name: 'utf8mb4_0900_ai_ci', number: 255 },
  mariadb: { name: 'utf8mb4_general_ci', number: 45 },
} as const satisfies Record<Vendor, { readonly name: string; readonly number: number }>;

/** What SHOW CREATE TABLE shows. */
export function shownTable({ name, columns }: TableDefinition, vendor: Vendor): string {
  const lines = columns.map(
    (column) =>
      `  \`${column.name}\` ${shownType(column, vendor)}${column.nullable ? ' DEFAULT NULL' : ' NOT NULL'}`,
  );
  const key = `  PRIMARY KEY (\`${columns[0]?.name ?? ''}\`)`;
  const tail = `) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=${collations[vendor].name}`;
  return `CREATE TABLE \`${name}\` (\n${[...lines, key].join(',\n')}\n${tail}`;
}

/** The statement that makes a table, as a client writes it. */
export function createStatement(table: TableDefinition): string {
  const columns = table.columns.map(
    (column, index) => columnText(column) + (index === 0 ? ' PRIMARY KEY' : ''),
  );
  return `CREATE TABLE ${nameOf(table)} (${columns.join(', ')}) CHARACTER SET utf8mb4`;
}

/** The statement that adds a column at a table's end, as a client writes it. */
export function addColumnStatement(table: TableDefinition, column: Column): string {
  return `ALTER TABLE ${nameOf(table)} ADD COLUMN ${columnText(column)}`;
}

function columnText(column: Column): string {
  const type = column.type === 'varchar' ? `VARCHAR(${column.characters})` : column.type.toUpperCase();
  return `${column.name} ${type}${column.nullable ? '' : ' NOT NULL'}`;
}

import type { DictionaryColumn } from '../decode/described-table.js';
import { charsetOfTable, type ColumnPlace, type DefinedColumn } from './column-definition.js';
import {
  isTextType,
  keyAmong,
  sameName as same,
  type TableDefinition,
  typeName,
  unsaidCharset,
} from './table-definition.js';

/** One part of an ALTER TABLE that concerns columns or the primary key. Other parts are dropped. */
export type ColumnChange =
  | { readonly kind: 'add'; readonly defined: DefinedColumn; readonly unlessExists: boolean }
  | { readonly kind: 'drop'; readonly column: string; readonly ifExists: boolean }
  /** CHANGE and MODIFY */
  | {
      readonly kind: 'change';
      readonly from: string;
      readonly defined: DefinedColumn;
      readonly ifExists: boolean;
    }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string; readonly ifExists: boolean }
  /** The columns of the new primary key. Empty if the key is dropped, null if unknown. */
  | { readonly kind: 'key'; readonly columns: readonly string[] | null }
  | { readonly kind: 'default-charset'; readonly charset: string }
  | { readonly kind: 'convert'; readonly charset: string };

/** A column with the character set that it has in a table with this default. */
export function inTable(column: DictionaryColumn, defaultCharset: string): DictionaryColumn {
  if (column.charset !== charsetOfTable) return column;
  return { ...column, charset: defaultCharset === 'binary' ? null : defaultCharset };
}

type Placed = { readonly column: DictionaryColumn; readonly place: ColumnPlace | null };

/**
 * The table after an ALTER TABLE. Null if the statement doesn't fit the table. Changes don't apply one after
 * the other. First existing columns are dropped, changed and renamed, by their old names. Then new columns
 * are added, and columns with a position are moved there, by the new names (MySQL: sql/sql_table.cc,
 * prepare_fields_and_keys; MariaDB: mysql_prepare_alter_table).
 */
export function altered(table: TableDefinition, changes: readonly ColumnChange[]): TableDefinition | null {
  const there = (name: string): boolean => table.columns.some((column) => same(column.name, name));
  // MariaDB's IF EXISTS is looked at before anything else (sql/sql_table.cc, handle_if_exists_options).
  const left = changes.filter((change) => {
    switch (change.kind) {
      case 'add':
        return !change.unlessExists || !there(change.defined.column.name);
      case 'drop':
        return !change.ifExists || there(change.column);
      case 'change':
      case 'rename':
        return !change.ifExists || there(change.from);
      case 'key':
      case 'default-charset':
      case 'convert':
        return true;
    }
  });
  const defaultCharset = left.reduce(
    (charset, change) =>
      change.kind === 'default-charset' || change.kind === 'convert' ? change.charset : charset,
    table.defaultCharset,
  );
  const columns = rearranged(table.columns, left, defaultCharset);
  if (columns === null) return null;
  const names = new Set(columns.map(({ name }) => name.toLowerCase()));
  // Hidden columns stay after them. If one goes, the log has fewer columns.
  if (names.size !== columns.length) return null;
  return { ...table, columns, defaultCharset, key: keyBehind(table.key, left, columns) };
}

/**
 * The primary key after the changes. An unknown key stays unknown, because the table may be versioned, which
 * extends each key.
 */
function keyBehind(
  before: readonly string[] | null,
  changes: readonly ColumnChange[],
  columns: readonly DictionaryColumn[],
): readonly string[] | null {
  if (before === null) return null;
  let key = before;
  let made: readonly string[] | null | undefined;
  for (const change of changes) {
    if (change.kind === 'key') {
      if (change.columns?.length === 0) key = [];
      else made = change.columns;
    } else if ((change.kind === 'add' || change.kind === 'change') && change.defined.isPrimary) {
      made = [change.defined.column.name];
    }
  }
  if (made !== undefined) return keyAmong(columns, made);
  return keyAmong(
    columns,
    key.map((part) => nameBehind(part, changes)),
  );
}

function nameBehind(column: string, changes: readonly ColumnChange[]): string {
  for (const change of changes) {
    if (change.kind === 'rename' && same(change.from, column)) return change.to;
    if (change.kind === 'change' && same(change.from, column)) return change.defined.column.name;
    // Servers differ in what is left of the key.
    if (change.kind === 'drop' && same(change.column, column)) return '';
  }
  return column;
}

function rearranged(
  before: readonly DictionaryColumn[],
  changes: readonly ColumnChange[],
  defaultCharset: string,
): DictionaryColumn[] | null {
  const isConverted = changes.some(({ kind }) => kind === 'convert');
  const unused = new Set(
    changes.filter(({ kind }) => kind === 'drop' || kind === 'rename' || kind === 'change'),
  );
  const columns: DictionaryColumn[] = [];
  const toPlace = new Map<ColumnChange, Placed>();
  for (const column of before) {
    const change = changes.find(
      (candidate) =>
        (candidate.kind === 'drop' && same(candidate.column, column.name)) ||
        ((candidate.kind === 'rename' || candidate.kind === 'change') && same(candidate.from, column.name)),
    );
    if (change !== undefined) unused.delete(change);
    if (change?.kind === 'drop') continue;
    if (change?.kind === 'change') {
      const made = inTable(change.defined.column, defaultCharset);
      if (change.defined.place !== null) toPlace.set(change, { column: made, place: change.defined.place });
      columns.push(made);
    } else {
      const renamed = change?.kind === 'rename' ? { ...column, name: change.to } : column;
      columns.push(isConverted ? converted(renamed, defaultCharset) : renamed);
    }
  }
  // What is to be changed must be there.
  if (unused.size > 0) return null;
  for (const change of changes) {
    if (change.kind === 'add') {
      const { column, place } = change.defined;
      if (!put(columns, { column: inTable(column, defaultCharset), place })) return null;
    }
    const moved = toPlace.get(change);
    if (moved === undefined) continue;
    columns.splice(columns.indexOf(moved.column), 1);
    if (!put(columns, moved)) return null;
  }
  return columns;
}

/** Whether the column named after AFTER exists. */
function put(columns: DictionaryColumn[], { column, place }: Placed): boolean {
  if (place === null) columns.push(column);
  else if (place.at === 'first') columns.unshift(column);
  else {
    const before = columns.findIndex(({ name }) => same(name, place.column));
    if (before < 0) return false;
    columns.splice(before + 1, 0, column);
  }
  return true;
}

/**
 * CONVERT TO CHARACTER SET. It also converts MariaDB's JSON, which is a LONGTEXT. Afterwards the column may
 * be JSON or not.
 */
function converted(column: DictionaryColumn, charset: string): DictionaryColumn {
  if (typeName(column.type) === 'json' && column.charset !== null) {
    return { ...column, type: 'longtext', charset: unsaidCharset.unknown };
  }
  if (!isTextType(column.type) || column.charset === null) return column;
  if (typeName(column.type) === 'longtext') return { ...column, charset: unsaidCharset.unknown };
  return { ...column, charset: charset === 'binary' ? null : charset };
}

import type { DictionaryColumn } from '../decode/dictionary.js';
import { charsetOfTable, type ColumnPlace, type DefinedColumn } from './column-definition.js';
import { isTextType, type TableDefinition, typeName, unsaidCharset } from './table-definition.js';

/** One part of an ALTER TABLE that is about columns. Parts about anything else leave nothing behind. */
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
  | { readonly kind: 'default-charset'; readonly charset: string }
  | { readonly kind: 'convert'; readonly charset: string };

/** Names of columns are compared without regard to case (MySQL 8.4 Reference Manual, "Identifier Case Sensitivity"). */
const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** A column with the character set that it has in a table with this default. */
export function inTable(column: DictionaryColumn, defaultCharset: string): DictionaryColumn {
  if (column.charset !== charsetOfTable) return column;
  return { ...column, charset: defaultCharset === 'binary' ? null : defaultCharset };
}

type Placed = { readonly column: DictionaryColumn; readonly place: ColumnPlace | null };

/**
 * What an ALTER TABLE makes of a table; null where it doesn't fit that table. Not one change after the other: first what
 * is there is dropped, changed and renamed, all by the old names, then new columns come, and those that have a place named
 * are put there, by the new names (MySQL: sql/sql_table.cc, prepare_fields_and_keys; MariaDB: mysql_prepare_alter_table).
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
  // What is hidden stays behind them; if it goes, there are fewer columns in the log.
  return names.size === columns.length ? { ...table, columns, defaultCharset } : null;
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

/** Whether there is the column that it is to stand behind. */
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

/** CONVERT TO CHARACTER SET. What it does to MariaDB's JSON, a LONGTEXT with a set of its own, isn't said. */
function converted(column: DictionaryColumn, charset: string): DictionaryColumn {
  if (!isTextType(column.type) || column.charset === null) return column;
  if (typeName(column.type) === 'longtext') return { ...column, charset: unsaidCharset.unknown };
  return { ...column, charset: charset === 'binary' ? null : charset };
}

import { bitsOf, characterTypes, columnTypes, signedTypes } from '../decode/column-types.js';
import { type DescribedTable, type DictionaryColumn, misfit } from '../decode/described-table.js';
import type { Column } from '../decode/column.js';
import type { TableLayout } from '../decode/table-layout.js';
import { isSaid, maximumBytes, sameCharset, type TableDefinition, typeName } from './table-definition.js';

/** The result of comparing a definition with a table map: the table, or why it can't be this one. */
export type Fitting =
  { readonly fits: true; readonly table: DescribedTable } | { readonly fits: false; readonly reason: string };

/** MySQL's generated primary key, which comes before the columns that a statement names. */
const generatedKey: DictionaryColumn = { name: 'my_row_id', type: 'bigint unsigned', charset: null };

/**
 * Compares a definition with a table map: count, types, lengths, and signs and character sets if the log has
 * them.
 */
export function fit(layout: TableLayout, { columns: defined, hidden = [], key }: TableDefinition): Fitting {
  const more = layout.columns.length - defined.length;
  const columns = [
    ...(layout.generatedKey && more === 1 ? [generatedKey] : []),
    ...defined,
    ...(hidden.length === more ? hidden : []),
  ];
  const reason = misfit(layout, columns) ?? misfitOfColumns(layout.columns, columns);
  if (reason !== null) return { fits: false, reason };
  // What was stored as utf8mb3 reads the same as utf8mb4, and MariaDB's `utf8` may be either (old_mode).
  const complete = columns.map((column) =>
    column.charset === 'utf8' ? { ...column, charset: 'utf8mb4' } : column,
  );
  return { fits: true, table: { columns: complete, key } };
}

function misfitOfColumns(logged: readonly Column[], defined: readonly DictionaryColumn[]): string | null {
  for (const [index, column] of logged.entries()) {
    const definition = defined[index];
    const what = definition === undefined ? null : difference(column, definition);
    if (what !== null) return `column ${definition?.name ?? ''} has another ${what} in the log`;
    if (definition !== undefined && lacksCharset(column, definition)) {
      return `the character set of column ${definition.name} is not known`;
    }
  }
  return null;
}

/** A text column whose character set is neither in the log nor in the definition. */
function lacksCharset({ type, charset }: Column, definition: DictionaryColumn): boolean {
  return charset === null && characterTypes.has(type) && !isSaid(definition.charset);
}

function difference(column: Column, definition: DictionaryColumn): string | null {
  const { type, unsigned, charset } = column;
  if (lengthOf(column) !== (definedLength(column, definition) ?? lengthOf(column))) return 'length';
  const isUnsigned = /\b(?:unsigned|zerofill)\b/i.test(definition.type);
  const hasSign = signedTypes.has(type) && type !== columnTypes.year;
  if (hasSign && unsigned !== null && unsigned !== isUnsigned) return 'sign';
  const isText = characterTypes.has(type) && charset !== null && isSaid(definition.charset);
  return isText && !sameCharset(charset.name, definition.charset ?? 'binary') ? 'character set' : null;
}

/** What the log has of a type's length, in the type's own terms. */
function lengthOf({ type, metadata }: Column): number {
  // Whole bytes, and bits beside them.
  return type === columnTypes.bit ? bitsOf(metadata) : metadata;
}

/** The same of a definition. Null if the definition or the log doesn't have it. */
function definedLength({ type }: Column, definition: DictionaryColumn): number | null {
  const text = definition.type;
  const [, digits, scale] = /^\w+\((\d+)(?:,(\d+))?\)/.exec(text) ?? [];
  const first = digits === undefined ? null : Number(digits);
  switch (type) {
    case columnTypes.varchar:
    case columnTypes.string:
      return maximumBytes(definition);
    case columnTypes.newDecimal:
      return (first ?? 10) | (Number(scale ?? 0) << 8);
    case columnTypes.bit:
      return first ?? 1;
    case columnTypes.time2:
    case columnTypes.dateTime2:
    case columnTypes.timestamp2:
      return first ?? 0;
    case columnTypes.enum:
      return labelCount(text) < 256 ? 1 : 2;
    case columnTypes.set: {
      const bytes = (labelCount(text) + 7) >> 3;
      return bytes > 4 ? 8 : bytes;
    }
    default:
      return null;
  }
}

function labelCount(type: string): number {
  return typeName(type).length === type.length ? 0 : [...type.matchAll(/'(?:[^'\\]|''|\\.)*'/gs)].length;
}

import type { Secret } from './secret.js';
import { wildcard } from './table-filter.js';

/** `columns` of the configuration: patterns `schema.table.column` with `*` for any number of characters. Case counts. */
export type ColumnsConfig = {
  readonly exclude: readonly string[];
  readonly hash?: { readonly columns: readonly string[]; readonly key: Secret } | undefined;
};

/** How a column's values are treated. */
export type ColumnRule = 'show' | 'exclude' | 'hash';

/** Says which columns are kept out of the records. */
export type ColumnRules = {
  /** The key of the hashes. */
  readonly key: Buffer;
  of(schema: string, table: string, column: string): ColumnRule;
  /** Whether some columns of the table may be kept out. */
  concerns(schema: string, table: string): boolean;
  /** Whether a statement's text must be hidden: it contains the name of such a table, or a word that may be one. */
  withholds(sql: string): boolean;
};

type Pattern = {
  readonly schema: RegExp;
  readonly table: RegExp;
  readonly column: RegExp;
  /** In statements, case sensitivity depends on the server (`lower_case_table_names`). */
  readonly tableInAnyCase: RegExp;
};

/** Whether `text` has the form of a pattern: a schema, a table and a column, with dots between them. */
export function isColumnPattern(text: string): boolean {
  return /^[^.\s]+\.[^.\s]+\.[^.\s]+$/.test(text);
}

/** A name that needs no quotation marks. */
const bareName = /[\w$\u0080-\uffff]+/g;
/** Quotation marks around other names. Opening and closing ones aren't distinguished. In doubt a text is withheld. */
const quotationMarks = /[`"]/;

/** Makes the rules of patterns that `isColumnPattern` accepts. Null if there are none. */
export function columnRules({ exclude, hash }: ColumnsConfig): ColumnRules | null {
  if (exclude.length === 0 && hash === undefined) return null;
  const excluded = exclude.map(compile);
  const hashed = hash?.columns.map(compile) ?? [];
  const all = [...excluded, ...hashed];
  const covers = ({ schema, table }: Pattern, name: { schema: string; table: string }): boolean =>
    schema.test(name.schema) && table.test(name.table);
  return {
    key: Buffer.from(hash?.key.reveal() ?? ''),
    of: (schema, table, column) => {
      const has = (patterns: readonly Pattern[]): boolean =>
        patterns.some((pattern) => covers(pattern, { schema, table }) && pattern.column.test(column));
      return has(excluded) ? 'exclude' : has(hashed) ? 'hash' : 'show';
    },
    concerns: (schema, table) => all.some((pattern) => covers(pattern, { schema, table })),
    withholds: (sql) => {
      // A character that could not be decoded may belong to a name.
      if (sql.includes('\ufffd')) return true;
      const isTable = (name: string): boolean => all.some(({ tableInAnyCase }) => tableInAnyCase.test(name));
      return (sql.match(bareName) ?? []).some(isTable) || sql.split(quotationMarks).some(isTable);
    },
  };
}

function compile(pattern: string): Pattern {
  const [schema = '', table = '', column = ''] = pattern.split('.');
  const tablePattern = wildcard(table);
  return {
    schema: wildcard(schema),
    table: tablePattern,
    column: wildcard(column),
    tableInAnyCase: new RegExp(tablePattern, 'sui'),
  };
}

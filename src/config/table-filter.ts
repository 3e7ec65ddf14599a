import { isAccountTable } from './account-tables.js';

/** Which tables are delivered; patterns `schema.table` with `*` for any number of characters. Case counts. */
export type FilterPatterns = { readonly include: readonly string[]; readonly exclude: readonly string[] };

/** Says what is delivered. */
export type TableFilter = {
  /**
   * Whether changes of this table are delivered: a pattern includes it and none excludes it. A table with accounts
   * ({@link isAccountTable}) is included only by its full name.
   */
  table(schema: string, table: string): boolean;
  /**
   * Whether statements (DDL) of this default schema are delivered: a table in it may be included, and not all are
   * excluded.
   */
  schema(schema: string): boolean;
};

type Pattern = { readonly schema: RegExp; readonly table: RegExp; readonly everyTable: boolean };

/** Whether `text` has the form of a pattern: a schema and a table, with one dot between them. */
export function isTablePattern(text: string): boolean {
  return /^[^.\s]+\.[^.\s]+$/.test(text);
}

/** Makes the filter of patterns that `isTablePattern` accepts. */
export function tableFilter(patterns: FilterPatterns): TableFilter {
  const include = patterns.include.map(compile);
  const exclude = patterns.exclude.map(compile);
  return {
    table(schema, table) {
      const covers = (pattern: Pattern) => pattern.schema.test(schema) && pattern.table.test(table);
      if (isAccountTable(schema, table) && !patterns.include.includes(`${schema}.${table}`)) return false;
      return include.some(covers) && !exclude.some(covers);
    },
    schema(schema) {
      return (
        include.some((pattern) => pattern.schema.test(schema)) &&
        !exclude.some((pattern) => pattern.everyTable && pattern.schema.test(schema))
      );
    },
  };
}

function compile(pattern: string): Pattern {
  const dot = pattern.indexOf('.');
  const table = pattern.slice(dot + 1);
  return { schema: wildcard(pattern.slice(0, dot)), table: wildcard(table), everyTable: /^\*+$/.test(table) };
}

/** A name with `*` for any number of characters. Runs of `*` are merged, so that no pattern makes matching slow. */
export function wildcard(text: string): RegExp {
  const parts = text.split(/\*+/).map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 'su');
}

import { isDeepStrictEqual } from 'node:util';
import type { ColumnValue, RowImage } from '../decode/image-values.js';
import type { ShownChange } from './transaction-content.js';

/** The first change in which two servers differ, as it is shown. Values other than the key's are in the logs alone. */
export type ShownDifference = {
  /** `schema.table`. Null for a statement. */
  readonly table: string | null;
  /** The values of the primary key's columns. Null if there is no key, or it isn't known. */
  readonly key: Readonly<Record<string, ColumnValue>> | null;
  /** The columns that differ. Empty if one server has nothing in the change's place. */
  readonly columns: readonly string[];
  /** The statement, in place of a row. */
  readonly statement: string | null;
  /** The number of the change in its transaction, from 0. */
  readonly row: number;
};

const statementLength = 200;

/**
 * The first change in which two contents differ. Pure.
 * @param delivered what was delivered. Null if nothing was.
 * @param beside what the shadow has. Null if it has nothing.
 * @returns null if they are alike in all that can be shown.
 */
export function firstDifference(
  delivered: readonly ShownChange[] | null,
  beside: readonly ShownChange[] | null,
): ShownDifference | null {
  const length = Math.max(delivered?.length ?? 0, beside?.length ?? 0);
  for (let row = 0; row < length; row += 1) {
    const [one, other] = [delivered?.[row], beside?.[row]];
    if (one !== undefined && other !== undefined && isDeepStrictEqual(one, other)) continue;
    const change = one ?? other;
    return change === undefined ? null : shown(change, other, row);
  }
  return null;
}

/** @param other what the shadow has in the change's place. */
function shown(change: ShownChange, other: ShownChange | undefined, row: number): ShownDifference {
  if (change.kind === 'statement') {
    const statement = change.sql?.slice(0, statementLength) ?? null;
    return { table: null, key: null, columns: [], statement, row };
  }
  const { schema, table, key } = change;
  const image = change.before ?? change.after ?? {};
  const values = key.length > 0 && key.every((name) => name in image) ? pick(image, key) : null;
  const columns = other?.kind === 'row' && other !== change ? columnsThatDiffer(change, other) : [];
  return { table: `${schema}.${table}`, key: values, columns, statement: null, row };
}

function pick(image: RowImage, names: readonly string[]): Record<string, ColumnValue> {
  return Object.fromEntries(names.map((name) => [name, image[name] ?? null]));
}

type ShownRow = Extract<ShownChange, { readonly kind: 'row' }>;

function columnsThatDiffer(one: ShownRow, other: ShownRow): string[] {
  if (one.schema !== other.schema || one.table !== other.table) return [];
  const names = new Set<string>();
  for (const [a, b] of [
    [one.before, other.before],
    [one.after, other.after],
  ] as const) {
    for (const name of Object.keys({ ...a, ...b })) {
      if (!isDeepStrictEqual(a?.[name], b?.[name])) names.add(name);
    }
  }
  return [...names];
}

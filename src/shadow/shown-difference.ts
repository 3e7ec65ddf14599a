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
    if (one !== undefined && other !== undefined && isAlike(one, other)) continue;
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
  const { schema, table, isDelivered } = change;
  const place = { table: `${schema}.${table}`, statement: null, row };
  if (!isDelivered) return { ...place, key: null, columns: [] };
  const like = other?.kind === 'row' && isSameTable(change, other) ? other : null;
  // One of the two may not know the names.
  const named = change.isNamed || like === null ? change : like;
  return {
    ...place,
    key: keyOf(named),
    columns: like === null ? [] : columnsThatDiffer(change, like, named),
  };
}

type ShownRow = Extract<ShownChange, { readonly kind: 'row' }>;

function keyOf({ key, before, after }: ShownRow): Record<string, ColumnValue> | null {
  const image = before ?? after ?? {};
  if (key.length === 0 || !key.every((name) => name in image)) return null;
  return Object.fromEntries(key.map((name) => [name, image[name] ?? null]));
}

function isSameTable(one: ShownRow, other: ShownRow): boolean {
  return one.schema === other.schema && one.table === other.table;
}

/** Whether two changes are the same, by values: one of the two logs may lack the names of the columns. */
function isAlike(one: ShownChange, other: ShownChange): boolean {
  if (one.kind !== 'row' || other.kind !== 'row') return isDeepStrictEqual(one, other);
  if (!isSameTable(one, other)) return false;
  return sameValues(one.before, other.before) && sameValues(one.after, other.after);
}

function sameValues(one: RowImage | null, other: RowImage | null): boolean {
  if (one === null || other === null) return one === other;
  return isDeepStrictEqual(Object.values(one), Object.values(other));
}

/** By the places of the columns, with the names that `named` has for them. */
function columnsThatDiffer(one: ShownRow, other: ShownRow, named: ShownRow): string[] {
  const names = Object.keys(named.before ?? named.after ?? {});
  const differs = (a: RowImage | null, b: RowImage | null, at: number): boolean =>
    a !== null && b !== null && !isDeepStrictEqual(Object.values(a)[at], Object.values(b)[at]);
  return names.filter(
    (_name, at) => differs(one.before, other.before, at) || differs(one.after, other.after, at),
  );
}

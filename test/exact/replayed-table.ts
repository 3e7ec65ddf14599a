import type { AuditedRow } from './audit-run.js';
import { type ComparisonName, comparisons } from './comparison.js';
import { jsonCells } from './json-cells.js';

/** A column's name, what it is compared as, and what to call it in a difference. */
export type ComparedColumn = { readonly name: string; readonly as: ComparisonName; readonly type: string };

/** A row as the server tells it: the text of each column, null for NULL. */
export type ToldRow = { readonly id: number; readonly [column: string]: string | number | null };

/** What of a table is asked of the server, so that {@link ReplayedTable} can be held against it. */
export function askOf(columns: readonly ComparedColumn[]): string {
  return [
    'id',
    ...columns.map(({ name, as }) => `${comparisons[as].ask(`\`${name}\``)} AS \`${name}\``),
  ].join();
}

/** A table that is made of an audit's records alone, applied in their order by the primary key `id`. */
export class ReplayedTable {
  /** What can't be: a row that isn't there or is there already, or isn't what it was before. */
  readonly problems: string[] = [];
  /** Cells that were held against the server. */
  compared = 0;
  readonly #rows = new Map<string, ReadonlyMap<string, string>>();
  readonly #texts = new Map<string, string>();

  apply({ operation, before, after, partial, proved }: AuditedRow): void {
    if (partial || !proved) this.problems.push(`${operation}: a row that isn't whole, or isn't proved`);
    if (before !== null) {
      const id = idOf(before);
      if (this.#texts.get(id) !== before) {
        this.problems.push(
          `${operation}: ${before.slice(0, 300)}, was ${this.#texts.get(id)?.slice(0, 300) ?? 'absent'}`,
        );
      }
      this.#rows.delete(id);
      this.#texts.delete(id);
    }
    if (after !== null) {
      const id = idOf(after);
      if (this.#rows.has(id)) this.problems.push(`${operation}: ${id} is there already`);
      this.#rows.set(id, jsonCells(after));
      this.#texts.set(id, after);
    }
  }

  /** How it differs from what the server tells now, cell by cell. */
  differences(columns: readonly ComparedColumn[], told: readonly ToldRow[]): string[] {
    const wrong: string[] = [];
    if (told.length !== this.#rows.size) wrong.push(`${this.#rows.size} rows, told ${told.length}`);
    for (const row of told) {
      const cells = this.#rows.get(String(row.id));
      if (cells === undefined) {
        wrong.push(`row ${row.id} is missing`);
        continue;
      }
      if (cells.size !== columns.length + 1)
        wrong.push(`row ${row.id} has the columns ${[...cells.keys()].join()}`);
      for (const { name, as, type } of columns) {
        this.compared += 1;
        const json = cells.get(name);
        const value = textOf(row[name]);
        const same =
          json !== undefined && (value === null ? json === 'null' : comparisons[as].same(json, value));
        if (!same)
          wrong.push(
            `${name} ${type}, row ${row.id}: ${json?.slice(0, 200) ?? 'absent'}, told ${value?.slice(0, 200) ?? 'NULL'}`,
          );
      }
    }
    return wrong;
  }
}

function idOf(image: string): string {
  return jsonCells(image).get('id') ?? '';
}

function textOf(value: string | number | null | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}

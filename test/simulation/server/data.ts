import { keyOf, nameOf, type Row, type TableDefinition } from './tables.js';
import { type Content, effectOf, type RowChange } from './transaction.js';

type Table = { readonly definition: TableDefinition; readonly rows: ReadonlyMap<string, Row> };

/** A change of one row of one table, by the table's name and the row's keys. */
type Change = RowChange & {
  readonly table: string;
  readonly from: string | null;
  readonly to: string | null;
};

/** The tables of a server and their rows. */
export class Data {
  readonly #tables: Map<string, { definition: TableDefinition; rows: Map<string, Row> }>;

  constructor(tables: ReadonlyMap<string, Table> = new Map()) {
    this.#tables = new Map(
      [...tables].map(([name, { definition, rows }]) => [name, { definition, rows: new Map(rows) }]),
    );
  }

  /** `schema.table` of all tables. */
  get names(): readonly string[] {
    return [...this.#tables.keys()];
  }

  definition(name: string): TableDefinition | null {
    return this.#tables.get(name)?.definition ?? null;
  }

  /** A table's rows by their keys. */
  rows(name: string): ReadonlyMap<string, Row> {
    return this.#tables.get(name)?.rows ?? new Map<string, Row>();
  }

  /** Carries out what is committed, all of it or nothing; whether it could be. */
  apply(content: Content): boolean {
    if (content.kind === 'statement') return content.alters === null || this.#alter(content.alters);
    const changes = changesOf(content);
    const applied: Change[] = [];
    for (const change of changes) {
      if (!this.#change(change)) {
        this.#undo(applied);
        return false;
      }
      applied.push(change);
    }
    return true;
  }

  /** Takes back what was carried out last. */
  revert(content: Content): void {
    if (content.kind === 'group') this.#undo(changesOf(content));
    else if (content.alters !== null) {
      const { before, after } = content.alters;
      if (before === null) this.#tables.delete(nameOf(after));
      else this.#redefine(before);
    }
  }

  copy(): Data {
    return new Data(this.#tables);
  }

  #undo(changes: readonly Change[]): void {
    for (const { table, before, after, from, to } of changes.toReversed()) {
      this.#change({ table, before: after, after: before, from: to, to: from });
    }
  }

  #change({ table, after, from, to }: Change): boolean {
    const rows = this.#tables.get(table)?.rows;
    if (rows === undefined) return false;
    if (from !== null && !rows.has(from)) return false;
    if (to !== null && to !== from && rows.has(to)) return false;
    if (from !== null && from !== to) rows.delete(from);
    if (to !== null && after !== null) rows.set(to, after);
    return true;
  }

  #alter({ before, after }: NonNullable<Extract<Content, { kind: 'statement' }>['alters']>): boolean {
    const name = nameOf(after);
    if (this.#tables.has(name) === (before === null)) return false;
    if (before === null) this.#tables.set(name, { definition: after, rows: new Map() });
    else this.#redefine(after);
    return true;
  }

  /** A column that comes is NULL in all rows; one that goes is the last. */
  #redefine(definition: TableDefinition): void {
    const name = nameOf(definition);
    const rows = new Map(
      [...this.rows(name)].map(([key, row]) => [
        key,
        definition.columns.map((_, index) => row[index] ?? null),
      ]),
    );
    this.#tables.set(name, { definition, rows });
  }
}

/** Every server carries out the same. */
const known = new WeakMap<Content, readonly Change[]>();

function changesOf(content: Content): readonly Change[] {
  let changes = known.get(content);
  if (changes === undefined) {
    changes = effectOf(content).flatMap(({ table: definition, rows }) => {
      const table = nameOf(definition);
      return rows.map(({ before, after }) => ({
        ...{ table, before, after, from: before && keyOf(before), to: after && keyOf(after) },
      }));
    });
    known.set(content, changes);
  }
  return changes;
}

import type { AuditRecord } from './audit.js';
import { type Row, rowKey, statementText } from './change.js';

type Entry = { row: Row; count: number };

const named = '(?:`?\\w+`?\\.)?`?(\\w+)`?';
const createTable = new RegExp(`^CREATE TABLE (?:IF NOT EXISTS )?${named}`, 'i');
const dropTable = new RegExp(`^DROP TABLE (?:IF EXISTS )?${named}`, 'i');
const truncateTable = new RegExp(`^TRUNCATE (?:TABLE )?${named}`, 'i');
const addColumn = new RegExp(
  `^ALTER TABLE ${named} ADD COLUMN (?:IF NOT EXISTS )?\`?(\\w+)\`? INT NOT NULL DEFAULT (\\d+)$`,
  'i',
);

const dropColumn = new RegExp(`^ALTER TABLE ${named} DROP COLUMN (?:IF EXISTS )?\`?(\\w+)\`?$`, 'i');

/** Makes the tables again from the records alone: what a consumer of the audit would have. */
export class Replay {
  /** What could not be applied, e.g. a row that is deleted and isn't there. */
  readonly problems: string[] = [];
  readonly #tables = new Map<string, Map<string, Entry>>();
  /** What was prepared, by its XID, until its outcome comes. */
  readonly #prepared = new Map<string, AuditRecord[]>();

  apply(record: AuditRecord): void {
    const { type, tx } = record;
    if (type === 'ddl') this.#define(statementText(record.sql ?? ''));
    else if (type === 'xa') this.#settle(record);
    else if (type === 'gap') this.problems.push(`${record.id}: a gap`);
    else if (tx.xa === undefined) this.#change(record);
    else this.#prepared.set(tx.xa, [...(this.#prepared.get(tx.xa) ?? []), record]);
  }

  /** An outcome whose XID never came belongs to tables that are filtered out. */
  #settle({ xid = '', outcome }: AuditRecord): void {
    const records = this.#prepared.get(xid) ?? [];
    this.#prepared.delete(xid);
    if (outcome === 'commit') for (const record of records) this.#change(record);
  }

  #change(record: AuditRecord): void {
    const table = this.#table(record.table ?? '', record.id);
    if (record.before) this.#remove(table, record.before, record);
    if (record.after) add(table, record.after, 1);
  }

  /** How the tables differ from these; empty when they don't. */
  differences(tables: ReadonlyMap<string, readonly Row[]>): string[] {
    const found: string[] = [];
    for (const name of new Set([...tables.keys(), ...this.#tables.keys()])) {
      const mine = this.#tables.get(name);
      const theirs = tables.get(name);
      if (!mine || !theirs) {
        found.push(`table ${name} exists only ${mine ? 'in the audit' : 'on the source'}`);
        continue;
      }
      const counts = new Map([...mine].map(([key, { count }]) => [key, count]));
      for (const row of theirs) counts.set(rowKey(row), (counts.get(rowKey(row)) ?? 0) - 1);
      const wrong = [...counts].filter(([, count]) => count !== 0);
      if (wrong.length === 0) continue;
      const shown = wrong
        .slice(0, 4)
        .map(([key, count]) => `  ${count > 0 ? 'audit only' : 'source only'}: ${key}`);
      found.push(`table ${name}: ${wrong.length} rows differ\n${shown.join('\n')}`);
    }
    return found;
  }

  #define(sql: string): void {
    const created = createTable.exec(sql)?.[1];
    if (created !== undefined) this.#tables.set(created, new Map());
    const dropped = dropTable.exec(sql)?.[1];
    if (dropped !== undefined && !this.#tables.delete(dropped)) this.problems.push(`${sql}: no such table`);
    const truncated = truncateTable.exec(sql)?.[1];
    if (truncated !== undefined) this.#table(truncated, sql).clear();
    const [, longer, column, value] = addColumn.exec(sql) ?? [];
    if (column !== undefined) this.#alter(longer, sql, (row) => ({ ...row, [column]: Number(value) }));
    const [, shorter, gone] = dropColumn.exec(sql) ?? [];
    if (gone !== undefined) {
      this.#alter(shorter, sql, (row) =>
        Object.fromEntries(Object.entries(row).filter(([name]) => name !== gone)),
      );
    }
  }

  #alter(name = '', sql: string, change: (row: Row) => Row): void {
    const table = new Map<string, Entry>();
    for (const { row, count } of this.#table(name, sql).values()) add(table, change(row), count);
    this.#tables.set(name, table);
  }

  #table(name: string, where: string): Map<string, Entry> {
    let table = this.#tables.get(name);
    if (!table) {
      this.problems.push(`${where}: table ${name} does not exist`);
      this.#tables.set(name, (table = new Map<string, Entry>()));
    }
    return table;
  }

  #remove(table: Map<string, Entry>, row: Row, { id }: AuditRecord): void {
    const key = rowKey(row);
    const entry = table.get(key);
    if (!entry) {
      if (this.problems.length < 10) this.problems.push(`${id}: the row is not there: ${key.slice(0, 300)}`);
      return;
    }
    entry.count -= 1;
    if (entry.count === 0) table.delete(key);
  }
}

function add(table: Map<string, Entry>, row: Row, count: number): void {
  const key = rowKey(row);
  const entry = table.get(key);
  if (entry) entry.count += count;
  else table.set(key, { row, count });
}

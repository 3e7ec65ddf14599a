import { hintStatement, type Hint, type HintFormat, defaultHintFormat } from '../../../src/hints/hint.js';
import { nextHint } from '../../../src/hints/next-hint.js';
import type { SimulatedServer } from './server.js';
import {
  addColumnStatement,
  type Column,
  createStatement,
  nameOf,
  type Row,
  type TableDefinition,
} from './tables.js';
import type { Content, RowChange, RowsStep, Step, Transaction } from './transaction.js';

/** A seeded source of random choices. */
export type Choices = {
  /** A whole number from 0 up to but not including n. */
  int(n: number): number;
  pick<T>(list: readonly T[]): T;
};

export type WorkloadOptions = {
  /** Sessions that write, in any order. */
  readonly writers: number;
  /** Transactions from one hint to the next; 0: no hints. */
  readonly hintEvery: number;
  /** MariaDB's domains, among which the writers are divided; 1 unless given. */
  readonly domains?: number;
  /** Rows of the largest transactions; 500 unless given. */
  readonly mostRows?: number;
};

/** What a step may come to. */
type Kind =
  | 'insert'
  | 'update'
  | 'delete'
  | 'several'
  | 'savepoint'
  | 'rolled-back'
  | 'without-transactions'
  | 'huge'
  | 'alter'
  | 'create';

/** How often of a hundred. */
const shares: readonly (readonly [Kind, number])[] = [
  ['insert', 32],
  ['update', 22],
  ['delete', 10],
  ['several', 18],
  ['savepoint', 5],
  ['rolled-back', 4],
  ['without-transactions', 2],
  ['huge', 2],
  ['alter', 3],
  ['create', 2],
];
const kinds = shares.flatMap(([kind, share]) => Array<Kind>(share).fill(kind));

const schema = 'shop';
const columns: readonly Column[] = [
  { name: 'id', type: 'bigint', nullable: false },
  { name: 'writer', type: 'int', nullable: false },
  { name: 'note', type: 'varchar', characters: 80, nullable: true },
];

/** So many rows stay in a table at least. */
const fewRows = 4;
const mostColumns = 7;
const mostTables = 5;

/** Several sessions that change rows on a source, a transaction at a time, and a hint every so often. */
export class Workload {
  /** What was committed, in order: what must be delivered. Hints and what was rolled back are among it. */
  readonly history: Transaction[] = [];
  readonly #choices: Choices;
  readonly #options: WorkloadOptions;
  #source: SimulatedServer;
  #hint: Hint | null = null;
  #sinceHint = 0;
  #lastRow = 0;
  #tables = 0;

  constructor(source: SimulatedServer, choices: Choices, options: WorkloadOptions) {
    this.#source = source;
    this.#choices = choices;
    this.#options = options;
  }

  /** Where it is written. */
  get source(): SimulatedServer {
    return this.#source;
  }

  /**
   * Writes to a server that was promoted. Where there are no GTIDs, a hint comes first: nothing else tells who was the
   * source (docs/limits.md).
   */
  moveTo(source: SimulatedServer): void {
    this.#source = source;
    if (!source.gtidMode) this.#sinceHint = Infinity;
  }

  /** Commits one transaction on the source. */
  step(): Transaction {
    const connection = this.#connection;
    const domain = connection % (this.#options.domains ?? 1);
    const transaction = this.source.commit(this.#next(), connection, domain);
    this.history.push(transaction);
    return transaction;
  }

  /** Commits a hint. */
  hint(): Transaction {
    const transaction = this.source.commit(this.#nextHint(), this.#connection);
    this.history.push(transaction);
    return transaction;
  }

  /** The source has lost these: they are no part of the history any more. */
  lost(transactions: readonly Transaction[]): void {
    const gone = new Set(transactions);
    const kept = this.history.filter((transaction) => !gone.has(transaction));
    this.history.splice(0, this.history.length, ...kept);
  }

  get #connection(): number {
    return 20 + this.#choices.int(this.#options.writers);
  }

  #next(): Content {
    const { hintEvery } = this.#options;
    this.#sinceHint += 1;
    if (hintEvery > 0 && (this.#hint === null || this.#sinceHint > hintEvery)) return this.#nextHint();
    if (this.#definitions.length === 0) return this.#create();
    return this.#contentOf(this.#choices.pick(kinds));
  }

  #contentOf(kind: Kind): Content {
    const table = this.#choices.pick(this.#definitions);
    switch (kind) {
      case 'insert':
        return group([this.#insert(table, 1 + this.#choices.int(4))]);
      case 'update':
        return group([this.#update(table)]);
      case 'delete':
        return group([this.#delete(table)]);
      case 'several':
        return group(this.#several());
      case 'savepoint':
        return group(this.#withSavepoint(table));
      case 'rolled-back': {
        const loggedByReplicas = this.#choices.int(2) === 0;
        return { kind: 'group', steps: [this.#insert(table, 2)], end: 'rollback', loggedByReplicas };
      }
      case 'huge':
        return group([this.#insert(table, this.#hugeRows())]);
      case 'without-transactions':
        return { kind: 'group', steps: [this.#insert(table, 1)], end: 'commit' };
      case 'alter':
        return this.#alter(table);
      case 'create':
        return this.#create();
    }
  }

  get #definitions(): TableDefinition[] {
    const { data } = this.source;
    return data.names
      .flatMap((name) => data.definition(name) ?? [])
      .filter((table) => table.schema === schema);
  }

  #row(table: TableDefinition, id: number): Row {
    return table.columns.map((column, index) => {
      if (index === 0) return id;
      if (column.nullable && this.#choices.int(4) === 0) return null;
      return column.type === 'varchar' ? this.#text(column.characters) : this.#choices.int(2 ** 31);
    });
  }

  #text(characters: number): string {
    const word = this.#choices.pick(['note', 'größer', '日本', 'x', "it's", '']);
    return word.repeat(1 + this.#choices.int(8)).slice(0, characters);
  }

  #hugeRows(): number {
    const most = this.#options.mostRows ?? 500;
    return Math.ceil(most / 2) + this.#choices.int(Math.ceil(most / 2));
  }

  #insert(table: TableDefinition, count: number): RowsStep {
    const rows = Array.from({ length: count }, (): RowChange => {
      this.#lastRow += 1;
      return { before: null, after: this.#row(table, this.#lastRow) };
    });
    return { kind: 'rows', table, operation: 'insert', rows };
  }

  #update(table: TableDefinition): RowsStep {
    const found = this.#some(table, 3);
    if (found.length === 0) return this.#insert(table, 1);
    const rows = found.map((before): RowChange => ({ before, after: this.#row(table, Number(before[0])) }));
    return { kind: 'rows', table, operation: 'update', rows };
  }

  #delete(table: TableDefinition): RowsStep {
    const count = this.source.data.rows(nameOf(table)).size;
    const found = count > fewRows ? this.#some(table, 2) : [];
    if (found.length === 0) return this.#insert(table, 1);
    return {
      kind: 'rows',
      table,
      operation: 'delete',
      rows: found.map((before) => ({ before, after: null })),
    };
  }

  /** Different rows of a table, as many as given at most. */
  #some(table: TableDefinition, most: number): Row[] {
    const rows = [...this.source.data.rows(nameOf(table)).values()];
    const found = new Set<Row>();
    for (let left = 1 + this.#choices.int(most); left > 0 && rows.length > 0; left -= 1) {
      found.add(this.#choices.pick(rows));
    }
    return [...found];
  }

  /** Statements on several tables; those that change rows that are there come first, each on a table of its own. */
  #several(): Step[] {
    const tables = this.#definitions;
    const changing = tables.flatMap((table) => (this.#choices.int(2) === 0 ? [this.#update(table)] : []));
    return [...changing, this.#insert(this.#choices.pick(tables), 1 + this.#choices.int(3))];
  }

  #withSavepoint(table: TableDefinition): Step[] {
    const name = this.#choices.pick(['a', 'here', 'S1']);
    return [
      this.#insert(table, 1),
      { kind: 'savepoint', name },
      this.#insert(table, 2),
      ...(this.#choices.int(2) === 0 ? [{ kind: 'rollback-to', name } as const] : []),
      this.#insert(table, 1),
    ];
  }

  #create(): Content {
    if (this.#definitions.length >= mostTables) return this.#contentOf('insert');
    let after: TableDefinition;
    do {
      this.#tables += 1;
      after = { schema, name: `orders_${this.#tables}`, columns };
    } while (this.source.data.definition(nameOf(after)) !== null);
    return {
      kind: 'statement',
      schema: '',
      sql: createStatement(after),
      alters: { before: null, after },
      isHint: false,
    };
  }

  #alter(before: TableDefinition): Content {
    if (before.columns.length >= mostColumns) return group([this.#insert(before, 1)]);
    const name = `extra_${before.columns.length}`;
    const column: Column =
      this.#choices.int(2) === 0
        ? { name, type: 'int', nullable: true }
        : { name, type: 'varchar', characters: 40, nullable: true };
    const after = { ...before, columns: [...before.columns, column] };
    const sql = addColumnStatement(before, column);
    return { kind: 'statement', schema: '', sql, alters: { before, after }, isHint: false };
  }

  #nextHint(): Content {
    this.#sinceHint = 0;
    this.#hint = nextHint(this.#hint, this.source.nowMs(), this.#choices.int(2 ** 31) / 2 ** 31);
    return hintContent(this.#hint, defaultHintFormat);
  }
}

/** A hint as it is committed. */
export function hintContent(hint: Hint, format: HintFormat): Content {
  return { kind: 'statement', schema: '', sql: hintStatement(hint, format), alters: null, isHint: true };
}

function group(steps: readonly Step[]): Content {
  return { kind: 'group', steps, end: 'xid' };
}

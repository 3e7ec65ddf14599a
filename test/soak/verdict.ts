import type { AuditRecord } from '../support/audit.js';
import type { Row } from '../support/change.js';
import { Form } from '../support/form.js';
import { schema } from '../support/load-schema.js';
import { Replay } from '../support/replay.js';
import { type Entry, entryKey, type Ledger } from './ledger.js';

/** The judgement over an audit. */
export type Verdict = {
  readonly records: number;
  readonly rows: number;
  readonly transactions: number;
  readonly tables: number;
  /** Everything that is wrong, for a person to debug. */
  readonly problems: readonly string[];
};

/** The `writer` of rows that are written on replicas, and never on the source: no record has it. */
export const errantWriter = 99;

/** Shown of each kind: one mistake makes many problems. */
const shownProblems = 5;

/**
 * Holds an audit against the source's tables and the writers' books, and against nothing that reads a log:
 * - the tables that the records make are the source's, row by row, and every row that is changed was there before;
 * - ids are unique, rows are counted without a gap, transactions follow each other;
 * - each transaction that a writer committed is there once, with as many rows as the server told the writer, in the
 *   writer's order; none that was rolled back is there;
 * - no errant transaction is there.
 *
 * @param tables the source's, by name
 */
export async function judgeSoak(
  audit: AsyncIterable<AuditRecord>,
  tables: ReadonlyMap<string, readonly Row[]>,
  ledger: Ledger,
): Promise<Verdict> {
  const problems: string[] = [];
  const reporter = (): ((problem: string) => void) => {
    let shown = 0;
    return (problem) => {
      shown += 1;
      if (shown <= shownProblems) problems.push(problem);
      if (shown === shownProblems + 1) problems.push('… and more of this kind');
    };
  };
  const form = new Form(reporter());
  const replay = new Replay();
  const books = new Books(ledger, reporter());
  const reportErrant = reporter();
  let [records, rows, transactions] = [0, 0, 0];
  for await (const record of audit) {
    records += 1;
    if (record.type === 'row') rows += 1;
    if (record.tx.last === true) transactions += 1;
    form.check(record, null);
    if (isErrant(record)) reportErrant(`${record.id}: an errant transaction was delivered`);
    replay.apply(record);
    books.take(record);
  }
  replay.problems.forEach(reporter());
  replay.differences(tables).forEach(reporter());
  books.compare((tables.get('ledger') ?? []) as readonly LedgerRow[]);
  return { records, rows, transactions, tables: tables.size, problems };
}

/** Whether a record tells of a row that was written on a replica. */
function isErrant({ table, before, after }: AuditRecord): boolean {
  return table === 'journal' && (before ?? after)?.['writer'] === errantWriter;
}

type LedgerRow = { readonly writer: number; readonly number: number; readonly changes: number | null };

/** A transaction of the audit: its row in the books, how many other rows it has, and how many it says. */
type Delivered = {
  readonly entry: LedgerRow | null;
  readonly rows: number;
  readonly changes: number | null;
};

const nothing: Delivered = { entry: null, rows: 0, changes: null };

/** The transactions of the audit, held against the writers' books. */
class Books {
  readonly #ledger: Ledger;
  readonly #report: (problem: string) => void;
  /** Those met, and how often. */
  readonly #met = new Map<string, number>();
  /** The newest of each writer. */
  readonly #newest = new Map<number, number>();
  /** Those that were prepared, by their XID, until their outcome comes. */
  readonly #prepared = new Map<string, Delivered>();
  /** The one that is being read. */
  #delivered = nothing;

  constructor(ledger: Ledger, report: (problem: string) => void) {
    this.#ledger = ledger;
    this.#report = report;
  }

  take(record: AuditRecord): void {
    const { type, tx, id, xid = '' } = record;
    if (type === 'row') this.#add(record);
    if (type === 'xa') {
      const prepared = this.#prepared.get(xid);
      this.#prepared.delete(xid);
      if (prepared !== undefined && record.outcome === 'commit') this.#settle(prepared, id);
    }
    if (tx.last !== true) return;
    const delivered = this.#delivered;
    this.#delivered = nothing;
    if (tx.xa === undefined) this.#settle(delivered, id);
    else this.#prepared.set(tx.xa, delivered);
  }

  #add({ table, op, after }: AuditRecord): void {
    const { entry, rows, changes } = this.#delivered;
    if (table !== 'ledger') this.#delivered = { entry, rows: rows + 1, changes };
    else if (op === 'insert') this.#delivered = { entry: after as LedgerRow, rows, changes };
    else this.#delivered = { entry, rows, changes: Number(after?.['changes']) };
  }

  /** What the source's table says of those whose end the writer doesn't know, and of all others, too. */
  compare(table: readonly LedgerRow[]): void {
    const committed = new Set(table.map(({ writer, number }) => entryKey(writer, number)));
    for (const entry of this.#ledger.entries()) {
      const key = entryKey(entry.writer, entry.number);
      const there = committed.has(key);
      const met = this.#met.get(key) ?? 0;
      if (entry.outcome === 'committed' && !there) this.#report(`${told(entry)}: the source doesn't have it`);
      if (entry.outcome === 'rolled back' && there) this.#report(`${told(entry)}: the source has it`);
      if (met !== (there ? 1 : 0)) {
        this.#report(
          `${told(entry)}: the source has it ${there ? 'once' : 'not at all'}, the audit ${met} times`,
        );
      }
    }
  }

  /** @param id where it ends */
  #settle({ entry: row, rows, changes }: Delivered, id: string): void {
    // A single statement, or a definition, keeps no books.
    if (row === null) return;
    const key = entryKey(row.writer, row.number);
    this.#met.set(key, (this.#met.get(key) ?? 0) + 1);
    const entry = this.#ledger.find(row.writer, row.number);
    if (entry === undefined) {
      this.#report(`${id}: a transaction that nobody wrote (${key})`);
      return;
    }
    if (entry.outcome === 'rolled back') this.#report(`${id}: was rolled back: ${told(entry)}`);
    if (changes !== rows) {
      this.#report(`${id}: ${told(entry)} has ${rows} rows, and ${changes ?? 'no number'} were written`);
    }
    if ((this.#newest.get(row.writer) ?? 0) >= row.number) this.#report(`${id}: ${told(entry)} comes late`);
    this.#newest.set(row.writer, row.number);
  }
}

function told({ writer, number, kind, outcome }: Entry): string {
  return `transaction ${entryKey(writer, number)} of ${schema} (${kind}, ${outcome})`;
}

/**
 * What a writer knows of the end of one of its transactions. `unknown`: the connection was lost before the answer to
 * COMMIT came; the source's tables know.
 */
export type Outcome = 'open' | 'committed' | 'rolled back' | 'unknown';

/** A transaction of a writer's, as the writer itself tells it. */
export type Entry = {
  readonly writer: number;
  readonly number: number;
  readonly kind: string;
  outcome: Outcome;
};

/** The writers' own books: what they did, told by nothing that is under test. */
export class Ledger {
  readonly #entries = new Map<string, Entry>();

  /** To be called before the transaction's first statement. */
  open(writer: number, number: number, kind: string): Entry {
    const entry: Entry = { writer, number, kind, outcome: 'open' };
    this.#entries.set(entryKey(writer, number), entry);
    return entry;
  }

  find(writer: number, number: number): Entry | undefined {
    return this.#entries.get(entryKey(writer, number));
  }

  entries(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  /** How many transactions of each kind ended how. */
  counts(): Map<string, Record<Outcome, number>> {
    const counts = new Map<string, Record<Outcome, number>>();
    for (const { kind, outcome } of this.#entries.values()) {
      const count = counts.get(kind) ?? { open: 0, committed: 0, 'rolled back': 0, unknown: 0 };
      count[outcome] += 1;
      counts.set(kind, count);
    }
    return counts;
  }
}

/** What names a transaction in messages and maps. */
export function entryKey(writer: number, number: number): string {
  return `${writer}/${number}`;
}

/**
 * The table that each transaction stands in: a row is inserted before its first change, and told the number of all its
 * other changes behind its last.
 */
export const ledgerTable =
  'CREATE TABLE ledger (writer INT NOT NULL, number INT NOT NULL, kind VARCHAR(60) NOT NULL, changes INT NULL, PRIMARY KEY (writer, number)) ENGINE=InnoDB';

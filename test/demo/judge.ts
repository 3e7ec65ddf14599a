/** A transaction as its writer remembers it. */
export type CommittedTransaction = {
  readonly writer: number;
  /** Counted by each writer. */
  readonly seq: number;
  /** Rows inserted, updated and deleted. */
  readonly changes: number;
};

type Columns = Readonly<Record<string, unknown>>;

/** What is needed of a row record in the audit file. */
export type AuditedRow = {
  readonly id: string;
  readonly op: 'insert' | 'update' | 'delete';
  readonly before?: Columns;
  readonly after?: Columns;
  readonly tx: { readonly gtid?: string; readonly last?: boolean };
};

/** The two sides that are held against each other. */
export type Evidence = {
  readonly committed: readonly CommittedTransaction[];
  /** The audit file's row records, in its order. */
  readonly audited: readonly AuditedRow[];
  /** The source's table. */
  readonly table: readonly Columns[];
};

/** What came of it, in numbers. */
export type Judgement = {
  readonly transactions: { readonly committed: number; readonly audited: number };
  readonly changes: { readonly committed: number; readonly audited: number };
  /** Row changes that the writers made and the audit file lacks. */
  readonly missing: number;
  /** Row changes that stand in the audit file again. */
  readonly doubled: number;
  /** Row changes of transactions that nobody has committed. */
  readonly unknown: number;
  /** Transactions that stand behind a later one, of the same writer or by their GTIDs. */
  readonly outOfOrder: number;
  /** Records that don't fit the state of the table before them. */
  readonly unfitting: number;
  /** The source's table, and what replaying the audit file gives. */
  readonly rows: { readonly source: number; readonly replayed: number; readonly same: number };
  readonly perfect: boolean;
};

/** A transaction as the audit file has it. */
type AuditedTransaction = {
  readonly key: string;
  readonly writer: number;
  readonly seq: number;
  rows: number;
};

/** Holds the audit file against what was written. Pure. */
export function judge({ committed, audited, table }: Evidence): Judgement {
  const ids = new Set(audited.map(({ id }) => id));
  const found = transactionsOf(audited);
  const counts = countChanges(committed, found);
  const replay = replayed(audited);
  const same = table.filter((row) => canonical(replay.rows.get(keyOf(row))) === canonical(row)).length;
  const result = {
    transactions: { committed: committed.length, audited: found.length },
    changes: {
      committed: committed.reduce((sum, { changes }) => sum + changes, 0),
      audited: audited.length,
    },
    ...counts,
    doubled: Math.max(counts.doubled, audited.length - ids.size),
    outOfOrder: outOfOrder(found) + outOfCommitOrder(audited),
    unfitting: replay.unfitting,
    rows: { source: table.length, replayed: replay.rows.size, same },
  };
  const wrong = result.missing + result.doubled + result.unknown + result.outOfOrder + result.unfitting;
  const alike = same === table.length && replay.rows.size === table.length;
  return { ...result, perfect: wrong === 0 && alike && committed.length > 0 };
}

/** Records of one transaction stand together and the last one says so; its insert tells whose it is. */
function transactionsOf(audited: readonly AuditedRow[]): AuditedTransaction[] {
  const transactions: AuditedTransaction[] = [];
  let rows = 0;
  let insert: Columns | undefined;
  for (const { op, after, tx } of audited) {
    rows += 1;
    if (op === 'insert') insert ??= after;
    if (tx.last !== true) continue;
    const [writer, seq] = [Number(insert?.['writer']), Number(insert?.['seq'])];
    transactions.push({ key: `${writer}/${seq}`, writer, seq, rows });
    rows = 0;
    insert = undefined;
  }
  return transactions;
}

function countChanges(
  committed: readonly CommittedTransaction[],
  found: readonly AuditedTransaction[],
): Pick<Judgement, 'missing' | 'doubled' | 'unknown'> {
  const expected = new Map(committed.map(({ writer, seq, changes }) => [`${writer}/${seq}`, changes]));
  const met = new Map<string, number>();
  let unknown = 0;
  for (const { key, rows } of found) {
    if (expected.has(key)) met.set(key, (met.get(key) ?? 0) + rows);
    else unknown += rows;
  }
  let missing = 0;
  let doubled = 0;
  for (const [key, changes] of expected) {
    const surplus = (met.get(key) ?? 0) - changes;
    if (surplus < 0) missing -= surplus;
    else doubled += surplus;
  }
  return { missing, doubled, unknown };
}

function outOfOrder(found: readonly AuditedTransaction[]): number {
  const latest = new Map<number, number>();
  let count = 0;
  for (const { writer, seq } of found) {
    if (seq < (latest.get(writer) ?? 0)) count += 1;
    else latest.set(writer, seq);
  }
  return count;
}

/** MariaDB numbers transactions in the order in which they commit. */
function outOfCommitOrder(audited: readonly AuditedRow[]): number {
  let latest = 0;
  let count = 0;
  for (const { tx } of audited) {
    const number = Number(/^\d+-\d+-(\d+)$/.exec(tx.gtid ?? '')?.[1] ?? latest);
    if (number < latest) count += 1;
    latest = Math.max(latest, number);
  }
  return count;
}

/** Does to an empty table what the records say; each must fit what is there. */
function replayed(audited: readonly AuditedRow[]): { rows: Map<string, Columns>; unfitting: number } {
  const rows = new Map<string, Columns>();
  let unfitting = 0;
  for (const { before, after } of audited) {
    if (before !== undefined) {
      if (canonical(rows.get(keyOf(before))) !== canonical(before)) unfitting += 1;
      rows.delete(keyOf(before));
    }
    if (after !== undefined) {
      if (rows.has(keyOf(after))) unfitting += 1;
      rows.set(keyOf(after), after);
    }
  }
  return { rows, unfitting };
}

function keyOf(row: Columns): string {
  return String(row['id']);
}

/** The client and the audit file may differ in what is a number and what is text. */
function canonical(row: Columns | undefined): string {
  if (row === undefined) return '';
  const entries = Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(entries, (_, value: unknown) =>
    typeof value === 'number' ? value.toString() : value,
  );
}

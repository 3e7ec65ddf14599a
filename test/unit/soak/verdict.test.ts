import { describe, expect, test } from 'vitest';
import { Ledger, type Outcome } from '../../soak/ledger.js';
import { errantWriter, judgeSoak } from '../../soak/verdict.js';
import type { AuditRecord } from '../../support/audit.js';
import type { Row } from '../../support/change.js';

type Part = Pick<AuditRecord, 'type' | 'op' | 'table' | 'before' | 'after' | 'sql'>;

/** What one writer did: books, audit and tables, each of which a test may falsify. */
class History {
  readonly ledger = new Ledger();
  readonly tables = new Map<string, Row[]>([
    ['ledger', []],
    ['items', []],
  ]);
  /** One list for each transaction. */
  readonly audit: AuditRecord[][] = [];

  constructor() {
    this.add([{ type: 'ddl', sql: 'CREATE TABLE ledger (id INT)' }]);
    this.add([{ type: 'ddl', sql: 'CREATE TABLE items (id INT)' }]);
  }

  /** A transaction of the writer's that inserts a row. */
  write(number: number, outcome: Outcome, { onSource = outcome === 'committed' } = {}): void {
    this.ledger.open(1, number, 'a kind').outcome = outcome;
    const open = { writer: 1, number, kind: 'a kind', changes: null };
    const closed = { ...open, changes: 1 };
    if (onSource) {
      this.tables.get('ledger')?.push(closed);
      this.tables.get('items')?.push({ id: number });
    }
    if (!onSource) return;
    this.add([
      { type: 'row', op: 'insert', table: 'ledger', after: open },
      { type: 'row', op: 'insert', table: 'items', after: { id: number } },
      { type: 'row', op: 'update', table: 'ledger', before: open, after: closed },
    ]);
  }

  /** Delivers these. */
  add(parts: readonly Part[]): void {
    this.audit.push(
      parts.map((part, row) => ({
        ...part,
        id: '',
        schema: 'shop',
        ts: '2026-11-21T20:14:53.000Z',
        tx: {
          ...{ hint: 'H', seq: 0, row },
          ...(row === parts.length - 1
            ? { last: true as const, rows: parts.length, digest: '00000000000000ff' }
            : {}),
        },
        source: { server: 'a:1', serverId: 1, file: 'mysql-bin.000001', position: 4 },
      })),
    );
  }

  async problems(): Promise<readonly string[]> {
    const records = this.audit.flatMap((transaction, seq) =>
      transaction.map(({ tx, ...record }) => ({
        ...record,
        id: `H/${seq}/${tx.row}`,
        tx: { ...tx, seq },
      })),
    );
    return (await judgeSoak(stream(records), this.tables, this.ledger)).problems;
  }
}

async function* stream(records: readonly AuditRecord[]): AsyncGenerator<AuditRecord> {
  await Promise.resolve();
  yield* records;
}

/** Three transactions: committed, rolled back, and one whose end the writer never heard of. */
function history(): History {
  const made = new History();
  made.write(1, 'committed');
  made.write(2, 'rolled back');
  made.write(3, 'unknown', { onSource: true });
  made.write(4, 'unknown', { onSource: false });
  return made;
}

describe("the soak's judgement", () => {
  test('finds nothing in what is right', async () => {
    expect(await history().problems()).toEqual([]);
  });

  test('finds a transaction that is missing, also one whose end the writer never heard of', async () => {
    for (const at of [2, 3]) {
      const falsified = history();
      falsified.audit.splice(at, 1);
      expect((await falsified.problems()).join('\n')).toMatch(/the source has it once, the audit 0 times/);
    }
  });

  test('finds a transaction that comes twice', async () => {
    const falsified = history();
    falsified.audit.push(falsified.audit[2]!);
    const problems = (await falsified.problems()).join('\n');
    expect(problems).toMatch(/the audit 2 times/);
    expect(problems).toMatch(/comes late/);
    expect(problems).toMatch(/table items: 1 rows differ/);
  });

  test('finds a transaction that was rolled back', async () => {
    const falsified = history();
    const open = { writer: 1, number: 2, kind: 'a kind', changes: null };
    falsified.add([{ type: 'row', op: 'insert', table: 'ledger', after: open }]);
    expect((await falsified.problems()).join('\n')).toMatch(/was rolled back: transaction 1\/2/);
  });

  test('finds a row that is missing in a transaction, although nothing else tells of it', async () => {
    const falsified = history();
    const [first, , last] = falsified.audit[2]!;
    falsified.audit[2] = [first!, { ...last!, tx: { ...last!.tx, row: 1, rows: 2 } }];
    falsified.tables.set('items', [{ id: 3 }]);
    expect(await falsified.problems()).toEqual([expect.stringMatching(/has 0 rows, and 1 were written/)]);
  });

  test('finds transactions in another order than they were written in', async () => {
    const falsified = history();
    falsified.audit.push(falsified.audit.splice(2, 1)[0]!);
    expect(await falsified.problems()).toEqual([expect.stringMatching(/1\/1 .* comes late/)]);
  });

  test('finds a row that is changed and was never there', async () => {
    const falsified = history();
    falsified.add([{ type: 'row', op: 'delete', table: 'items', before: { id: 99 } }]);
    expect((await falsified.problems()).join('\n')).toMatch(/the row is not there/);
  });

  test('finds an errant transaction', async () => {
    const falsified = history();
    const after = { writer: errantWriter, at: null, note: 'errant' };
    falsified.add([{ type: 'row', op: 'insert', table: 'journal', after }]);
    expect((await falsified.problems()).join('\n')).toMatch(/H\/\d+\/0: an errant transaction was delivered/);
  });

  test('finds what the writer committed and the source lost', async () => {
    const falsified = history();
    falsified.ledger.open(1, 5, 'a kind').outcome = 'committed';
    expect(await falsified.problems()).toEqual([expect.stringMatching(/the source doesn't have it/)]);
  });
});

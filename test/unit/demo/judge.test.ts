import { describe, expect, test } from 'vitest';
import { type AuditedRow, type CommittedTransaction, type Evidence, judge } from '../../demo/judge.js';

type Row = { id: number; writer: number; seq: number; amount: string };

const row = (id: number, writer: number, seq: number, amount = '1.50'): Row => ({ id, writer, seq, amount });

/** A transaction's records, the last marked as such. */
function transaction(gtid: number, rows: Omit<AuditedRow, 'id' | 'tx'>[]): AuditedRow[] {
  return rows.map((record, index) => ({
    id: `hint/${gtid}/${index}`,
    ...record,
    tx: { gtid: `0-1-${gtid}`, ...(index === rows.length - 1 ? { last: true } : {}) },
  }));
}

const first = transaction(1, [
  { op: 'insert', after: row(1, 1, 1) },
  { op: 'insert', after: row(2, 1, 1) },
]);
const second = transaction(2, [{ op: 'insert', after: row(3, 2, 1) }]);
const third = transaction(3, [
  { op: 'insert', after: row(4, 1, 2) },
  { op: 'update', before: row(1, 1, 1), after: row(1, 1, 2, '3.00') },
  { op: 'delete', before: row(2, 1, 1) },
]);
const committed: CommittedTransaction[] = [
  { writer: 1, seq: 1, changes: 2 },
  { writer: 2, seq: 1, changes: 1 },
  { writer: 1, seq: 2, changes: 3 },
];
// The client may give what is a number in the file as text.
const table = [{ ...row(1, 1, 2, '3.00'), id: '1' }, row(3, 2, 1), row(4, 1, 2)];

const judged = (change: Partial<Evidence>) =>
  judge({ committed, table, audited: [...first, ...second, ...third], ...change });

describe('judge', () => {
  test('everything once, in order', () => {
    expect(judged({})).toEqual({
      transactions: { committed: 3, audited: 3 },
      changes: { committed: 6, audited: 6 },
      missing: 0,
      doubled: 0,
      unknown: 0,
      outOfOrder: 0,
      unfitting: 0,
      rows: { source: 3, replayed: 3, same: 3 },
      perfect: true,
    });
  });

  test('a transaction is missing', () => {
    const judgement = judged({ audited: [...first, ...third] });
    expect(judgement).toMatchObject({ missing: 1, doubled: 0, perfect: false });
    expect(judgement.rows).toEqual({ source: 3, replayed: 2, same: 2 });
  });

  test('one row of a transaction is missing', () => {
    const [record] = first.slice(1);
    expect(judged({ audited: [record!, ...second, ...third] })).toMatchObject({ missing: 1, perfect: false });
  });

  test('a transaction comes twice, with the same ids or with others', () => {
    const again = second.map((record) => ({ ...record, id: `${record.id}/again` }));
    expect(judged({ audited: [...first, ...second, ...second, ...third] })).toMatchObject({
      doubled: 1,
      unfitting: 1,
      perfect: false,
    });
    expect(judged({ audited: [...first, ...second, ...again, ...third] })).toMatchObject({
      doubled: 1,
      perfect: false,
    });
  });

  test('transactions in another order', () => {
    // Of different writers: only the order of commits tells.
    expect(judged({ audited: [...second, ...first, ...third] }).outOfOrder).toBeGreaterThan(0);
    expect(judged({ audited: [...third, ...first, ...second] })).toMatchObject({ perfect: false });
    expect(judged({ audited: [...third, ...first, ...second] }).outOfOrder).toBeGreaterThan(0);
  });

  test('what nobody committed', () => {
    const rolledBack = transaction(4, [{ op: 'insert', after: row(9, 2, 2) }]);
    expect(judged({ audited: [...first, ...second, ...third, ...rolledBack] })).toMatchObject({
      unknown: 1,
      perfect: false,
    });
  });

  test('a value that is not the one in the table', () => {
    const wrong = transaction(2, [{ op: 'insert', after: row(3, 2, 1, '1.51') }]);
    expect(judged({ audited: [...first, ...wrong, ...third] })).toMatchObject({
      missing: 0,
      rows: { source: 3, replayed: 3, same: 2 },
      perfect: false,
    });
  });

  test('nothing at all is no success', () => {
    expect(judge({ committed: [], audited: [], table: [] }).perfect).toBe(false);
  });
});

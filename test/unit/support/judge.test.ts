import { describe, expect, test } from 'vitest';
import type { AuditRecord } from '../../support/audit.js';
import { changeKey, type Row } from '../../support/change.js';
import { explain, judge } from '../../support/judge.js';
import type { TrueChange, Truth } from '../../support/oracle.js';

/** Ten transactions of two inserts each, a table that is made and altered before, and an update and a delete behind. */
function history(): { truth: Truth; records: AuditRecord[] } {
  const changes: TrueChange[] = [];
  const records: AuditRecord[] = [];
  let transaction = 0;
  const add = (parts: TrueChange['change'][]): void => {
    transaction += 1;
    const gtid = `0-1-${transaction}`;
    for (const [row, change] of parts.entries()) {
      changes.push({ change, transaction, gtid });
      records.push(record(change, { seq: transaction, row, rows: parts.length, gtid }));
    }
  };
  add([{ type: 'ddl', sql: 'CREATE TABLE t (id INT)' }]);
  for (let id = 1; id <= 10; id += 1) {
    add([
      insert({ id, name: `n${id}`, data: { $base64: 'AAE=' } }),
      insert({ id: id + 100, name: null, data: null }),
    ]);
  }
  add([{ type: 'ddl', sql: 'ALTER TABLE t ADD COLUMN more INT NOT NULL DEFAULT 7' }]);
  const before = { id: 1, name: 'n1', data: { $base64: 'AAE=' }, more: 7 };
  add([{ type: 'row', op: 'update', table: 't', before, after: { ...before, more: 8 } }]);
  add([{ type: 'row', op: 'delete', table: 't', before: { ...before, more: 8 } }]);
  const rows: Row[] = [];
  for (let id = 1; id <= 10; id += 1) {
    if (id > 1) rows.push({ id, name: `n${id}`, data: Buffer.from([0, 1]), more: 7 });
    rows.push({ id: id + 100, name: null, data: null, more: 7 });
  }
  return { truth: { changes, tables: new Map([['t', rows]]) }, records };
}

function insert(after: Row): TrueChange['change'] {
  return { type: 'row', op: 'insert', table: 't', after };
}

function record(
  change: TrueChange['change'],
  { seq, row, rows, gtid }: { seq: number; row: number; rows: number; gtid: string },
): AuditRecord {
  const last = row === rows - 1 ? { last: true as const, rows, digest: '00000000000000ff' } : {};
  return {
    id: `H/${seq}/${row}`,
    schema: 'shop',
    ts: '2026-11-21T20:14:53.000Z',
    tx: { hint: 'H', seq, row, gtid, ...last },
    source: { server: 'a:1', serverId: 1, file: 'mysql-bin.000001', position: 4 },
    ...change,
  };
}

/** The verdict after something has been done to the records. */
async function after(change: (records: AuditRecord[]) => void) {
  const { truth, records } = history();
  change(records);
  return judge(records, truth);
}

describe('the judge', () => {
  test('finds nothing in what is right', async () => {
    const verdict = await after(() => undefined);
    expect(verdict.problems).toEqual([]);
    expect(verdict).toMatchObject({
      ok: true,
      expected: 24,
      delivered: 24,
      transactions: 14,
      servers: { 'a:1': 24 },
    });
  });

  test('a missing record', async () => {
    const verdict = await after((records) => records.splice(7, 1));
    expect(verdict).toMatchObject({ ok: false, missing: 1, doubled: 0, foreign: 0, disordered: false });
    expect(verdict.problems[0]).toContain('the first difference is at number 7');
    expect(explain(verdict)).toContain('source only');
  });

  test('a missing last record', async () => {
    const verdict = await after((records) => records.pop());
    expect(verdict).toMatchObject({ ok: false, missing: 1 });
    expect(verdict.problems[0]).toContain('nothing more');
  });

  test('a missing transaction', async () => {
    expect(await after((records) => records.splice(7, 2))).toMatchObject({ ok: false, missing: 2 });
  });

  test('a doubled record', async () => {
    const verdict = await after((records) => records.splice(7, 0, records[7]!));
    expect(verdict).toMatchObject({ ok: false, missing: 0, doubled: 1, foreign: 0 });
    expect(verdict.problems.join()).toContain('comes twice');
  });

  test('a doubled transaction under other ids', async () => {
    const verdict = await after((records) => {
      records.push(record(changeOf(records[23]!), { seq: 15, row: 0, rows: 1, gtid: '0-1-15' }));
    });
    expect(verdict).toMatchObject({ ok: false, doubled: 1 });
  });

  test('two swapped records', async () => {
    const verdict = await after((records) => {
      [records[5], records[6]] = [records[6]!, records[5]!];
    });
    expect(verdict).toMatchObject({ ok: false, missing: 0, doubled: 0, foreign: 0, disordered: true });
  });

  test('two swapped transactions with the ids of the right ones', async () => {
    const verdict = await after((records) => {
      const [a, b] = [records[21]!, records[22]!];
      records[21] = { ...b, id: a.id, tx: a.tx };
      records[22] = { ...a, id: b.id, tx: b.tx };
    });
    expect(verdict).toMatchObject({ ok: false, disordered: true });
  });

  test.each([
    ['another number', { id: 2, name: 'n1', data: { $base64: 'AAE=' } }],
    ['text instead of NULL', { id: 1, name: '', data: { $base64: 'AAE=' } }],
    ['other bytes', { id: 1, name: 'n1', data: { $base64: 'AAA=' } }],
    ['text instead of a number', { id: '1', name: 'n1', data: { $base64: 'AAE=' } }],
    ['a column less', { id: 1, name: 'n1' }],
  ])('a changed value: %s', async (_name, image) => {
    const verdict = await after((records) => (records[1] = { ...records[1]!, after: image }));
    expect(verdict).toMatchObject({ ok: false, missing: 1, foreign: 1 });
  });

  test('marks of a transaction that are wrong', async () => {
    const changes: ((tx: AuditRecord['tx']) => AuditRecord['tx'])[] = [
      (tx) => ({ ...tx, rows: 3 }),
      (tx) => ({ ...tx, digest: 'xyz' }),
      ({ hint, seq, row, gtid }) => ({ hint, seq, row, ...(gtid === undefined ? {} : { gtid }) }),
      (tx) => ({ ...tx, gtid: '0-1-77' }),
      (tx) => ({ ...tx, row: 2 }),
      (tx) => ({ ...tx, seq: 1 }),
    ];
    for (const change of changes) {
      const verdict = await after((records) => (records[2] = { ...records[2]!, tx: change(records[2]!.tx) }));
      expect(verdict.ok).toBe(false);
      expect(verdict).toMatchObject({ missing: 0, doubled: 0, foreign: 0 });
    }
  });

  test("a source's table that the records don't make", async () => {
    const { truth, records } = history();
    const tables = new Map([...truth.tables, ['t', truth.tables.get('t')!.slice(1)]]);
    expect((await judge(records, { ...truth, tables })).problems.join()).toContain('audit only');
  });
});

test('comments that a server adds to a statement make no difference', () => {
  const key = changeKey({ type: 'ddl', sql: 'DROP TABLE `x` /* generated by server */' });
  expect(key).toBe(changeKey({ type: 'ddl', sql: 'DROP TABLE `x`' }));
});

function changeOf(record: AuditRecord): TrueChange['change'] {
  return { type: 'row', op: record.op ?? 'insert', table: record.table ?? '', before: record.before ?? {} };
}

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ChangeRecord, RecordSource } from '../../../src/sinks/record.js';
import { type Change, type RecordHead, TransactionRecords } from '../../../src/tail/change-records.js';

const head: RecordHead = {
  hint: '6B01F8DB:0000000000000006:317ACA46',
  sequence: 12,
  gtid: '0-1-7',
  xid: null,
  second: 1000,
};
const source: RecordSource = {
  server: '127.0.0.1:3402',
  serverId: 1,
  file: 'mysql-bin.000018',
  position: 4711,
};
const name = { schema: 'shop', table: 'orders' };

const row = (id: number): Change => ({ kind: 'row', name, row: { operation: 'insert', after: { id } } });
const before = (contentBytes: number): { contentBytes: number; digest: bigint } => ({
  contentBytes,
  digest: BigInt(contentBytes) * 7n,
});

/** The records of a transaction whose rows come in events of these sizes. */
function recordsOf(sizes: readonly number[], passOver = 0): ChangeRecord[] {
  const records = new TransactionRecords(head, passOver);
  const all: ChangeRecord[] = [];
  let id = 0;
  for (const size of sizes) {
    const changes = Array.from({ length: size }, () => row(id++));
    all.push(...records.add(changes, 1000, before(id), source));
  }
  return [...all, ...records.end(0x9fn)];
}

describe('the marks of the last record', () => {
  test('last, rows and digest stand there and nowhere else', () => {
    const records = recordsOf([2, 1]);
    expect(records.map(({ tx }) => tx)).toEqual([
      { hint: head.hint, seq: 12, row: 0, gtid: '0-1-7' },
      { hint: head.hint, seq: 12, row: 1, gtid: '0-1-7' },
      { hint: head.hint, seq: 12, row: 2, gtid: '0-1-7', last: true, rows: 3, digest: '000000000000009f' },
    ]);
  });

  test('however the rows are split into events, the records are the same', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 8 }),
        fc.nat(20),
        (sizes, passOver) => {
          const total = sizes.reduce((sum, size) => sum + size, 0);
          // What comes last must hold a row: an event without rows that are delivered is not added.
          fc.pre(sizes.at(-1) !== 0);
          const expected = recordsOf([total], passOver);
          expect(recordsOf(sizes, passOver)).toEqual(expected);
          expect(expected.map(({ tx }) => tx.row)).toEqual(
            Array.from({ length: Math.max(total - passOver, 0) }, (_, index) => passOver + index),
          );
        },
      ),
    );
  });

  test('a gtid only where there is one, and no hint is null', () => {
    const records = new TransactionRecords(
      { hint: null, sequence: 1, gtid: null, xid: null, second: 1000 },
      0,
    );
    records.add([row(0)], 1000, before(0), source);
    const [record] = records.end(1n);
    expect(record).toMatchObject({ id: '-/1/0', tx: { hint: null } });
    expect(record && 'gtid' in record.tx).toBe(false);
  });
});

describe('a transaction that is held back whole', () => {
  test('hands nothing out before its end, and has no place in its middle', () => {
    const records = new TransactionRecords(head, 0, true);
    expect(records.add([row(0)], 1000, before(0), source)).toEqual([]);
    expect(records.add([row(1)], 1000, before(1), source)).toEqual([]);
    expect(records.boundary.changes).toBe(0);
    expect(records.end(0x9fn)).toEqual(recordsOf([1, 1]));
  });

  test('is refused when it is too large to be held', () => {
    const records = new TransactionRecords(head, 0, true);
    const many = Array.from({ length: 100_001 }, (_, id) => row(id));
    expect(() => records.add(many, 1000, before(0), source)).toThrow(/preserve_commit_order/);
  });
});

describe('the second of a transaction', () => {
  test('is not repeated when it is that of the first record', () => {
    const records = new TransactionRecords(head, 0);
    records.add([row(0)], 1000, before(0), source);
    records.add([row(1)], 1002, before(1), source);
    const [last] = records.end(1n);
    expect(last?.ts).toBe('1970-01-01T00:16:42.000Z');
    expect(last && 'second' in last.tx).toBe(false);
  });

  test('is told when the first record, because of the filter, is later', () => {
    const records = new TransactionRecords(head, 0);
    records.add([row(0)], 1001, before(0), source);
    expect(records.end(1n)[0]?.tx.second).toBe(1000);
  });
});

describe('holding back', () => {
  test('the changes of the newest event wait for the next one, and the boundary for them', () => {
    const records = new TransactionRecords(head, 0);
    expect(records.add([row(0), row(1)], 1000, before(0), source)).toEqual([]);
    expect(records.boundary).toEqual({ changes: 0, contentBytes: 0, digest: 0n });
    const ready = records.add([row(2)], 1000, before(200), source);
    expect(ready.map(({ tx }) => tx.row)).toEqual([0, 1]);
    expect(records.boundary).toEqual({ changes: 2, contentBytes: 200, digest: 1400n });
    expect(records.count).toBe(3);
    expect(records.end(1n).map(({ tx }) => tx.row)).toEqual([2]);
  });

  test('nothing added: nothing at the end', () => {
    expect(new TransactionRecords(head, 0).end(1n)).toEqual([]);
  });
});

describe('passing over what another server delivered', () => {
  test('rows keep their numbers', () => {
    expect(recordsOf([2, 2, 2], 3).map(({ id }) => id)).toEqual([
      `${head.hint ?? ''}/12/3`,
      `${head.hint ?? ''}/12/4`,
      `${head.hint ?? ''}/12/5`,
    ]);
  });

  test('all of it passed over: nothing is left to mark', () => {
    expect(recordsOf([2, 2], 4)).toEqual([]);
  });
});

describe('kinds', () => {
  const only = (change: Change): ChangeRecord | undefined => {
    const records = new TransactionRecords(head, 0);
    records.add([change], 1000, before(0), source);
    return records.end(1n)[0];
  };

  test('insert, update and delete have their images', () => {
    const of = (decoded: Extract<Change, { kind: 'row' }>['row']): ChangeRecord | undefined =>
      only({ kind: 'row', name, row: decoded });
    const common = { type: 'row', schema: 'shop', table: 'orders', ts: '1970-01-01T00:16:40.000Z', source };
    const [a, b] = [{ id: 1 }, { id: 2 }];
    expect(of({ operation: 'insert', after: b })).toMatchObject({ ...common, op: 'insert', after: b });
    expect(of({ operation: 'delete', before: a })).toMatchObject({ ...common, op: 'delete', before: a });
    expect(of({ operation: 'update', before: a, after: b })).toMatchObject({
      ...common,
      op: 'update',
      before: a,
      after: b,
    });
  });

  test('statements are ddl, without passwords', () => {
    const statement = { schema: 'shop', sql: "CREATE USER u IDENTIFIED BY 'geheim'" };
    expect(only({ kind: 'statement', statement })).toMatchObject({
      type: 'ddl',
      schema: 'shop',
      sql: "CREATE USER u IDENTIFIED BY '<secret>'",
    });
  });
});

test('rows that are only prepared have their XID, and the outcome is a record of its own', () => {
  const xid = "X'6f6e65',X'74776f',7";
  const prepared = new TransactionRecords({ ...head, xid }, 0);
  prepared.add([row(0)], 1000, before(0), source);
  expect(prepared.end(1n)).toMatchObject([{ type: 'row', tx: { xa: xid, last: true } }]);
  const outcome = new TransactionRecords({ ...head, sequence: 13 }, 0);
  outcome.add([{ kind: 'outcome', outcome: { outcome: 'rollback', xid } }], 1001, before(0), source);
  const [record] = outcome.end(2n);
  expect(record).toMatchObject({
    id: '6B01F8DB:0000000000000006:317ACA46/13/0',
    type: 'xa',
    outcome: 'rollback',
    xid,
    ts: '1970-01-01T00:16:41.000Z',
    tx: { seq: 13, last: true, rows: 1, digest: '0000000000000002' },
  });
  expect(record && ('xa' in record.tx || 'schema' in record)).toBe(false);
});

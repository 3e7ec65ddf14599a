import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ChangeRecord } from '../../../src/records/record.js';
import type { RecordHead } from '../../../src/records/line-parts.js';
import { RecordWriter } from '../../../src/records/record-writer.js';
import { TransactionRecords, type TransactionRecordsOptions } from '../../../src/tail/transaction-records.js';
import { ordersEvent, ordersReader } from '../records/lines.js';

const head: RecordHead = {
  ...{ hint: '6B01F8DB:0000000000000006:317ACA46', sequence: 12, gtid: '0-1-7', byGtid: false, xid: null },
  ...{ committed: null, connection: null },
};
const place = { second: 1000, file: 'mysql-bin.000018', position: 4711, query: null };
const reader = ordersReader();
const before = (contentBytes: number): { contentBytes: number; digest: bigint } => ({
  contentBytes,
  digest: BigInt(contentBytes) * 7n,
});

/** A transaction, and what of it has been handed out. */
class Played {
  readonly writer = new RecordWriter({ server: '127.0.0.1:3402', serverId: 1 });
  readonly records: TransactionRecords;

  constructor(options: Partial<TransactionRecordsOptions> = {}) {
    const whole = { head, second: 1000, passOver: 0, whole: false, ...options };
    this.records = new TransactionRecords(this.writer, whole);
  }

  /** An event with these rows; gives what can be handed out then. */
  rows(ids: readonly number[], at = place): readonly ChangeRecord[] {
    const { event, buffer } = ordersEvent('insert', ids);
    this.records.next(before(this.records.count * 100));
    this.records.rows(reader, event, buffer, at);
    return this.writer.take().records;
  }

  end(digest = 0x9fn): readonly ChangeRecord[] {
    this.records.end(digest);
    return this.writer.take().records;
  }
}

/** The records of a transaction whose rows come in events of these sizes. */
function recordsOf(sizes: readonly number[], passOver = 0): ChangeRecord[] {
  const played = new Played({ passOver });
  const all: ChangeRecord[] = [];
  let id = 0;
  for (const size of sizes) all.push(...played.rows(Array.from({ length: size }, () => id++)));
  return [...all, ...played.end()];
}

describe('the marks of the last record', () => {
  test('last, rows and digest stand there and nowhere else', () => {
    expect(recordsOf([2, 1]).map(({ tx }) => tx)).toEqual([
      { hint: head.hint, seq: 12, row: 0, gtid: '0-1-7' },
      { hint: head.hint, seq: 12, row: 1, gtid: '0-1-7' },
      { hint: head.hint, seq: 12, row: 2, gtid: '0-1-7', last: true, rows: 3, digest: '000000000000009f' },
    ]);
  });

  test('however the rows are split into events, the records are the same', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 8 }),
        fc.nat(20),
        (sizes, passOver) => {
          const total = sizes.reduce((sum, size) => sum + size, 0);
          const expected = recordsOf([total], passOver);
          expect(recordsOf(sizes, passOver)).toEqual(expected);
          expect(expected.map(({ tx }) => tx.row)).toEqual(
            Array.from({ length: Math.max(total - passOver, 0) }, (_, index) => passOver + index),
          );
        },
      ),
    );
  });
});

describe('a transaction that is kept back whole', () => {
  test('hands nothing out before its end, and has no place in its middle', () => {
    const played = new Played({ whole: true });
    expect(played.rows([0])).toEqual([]);
    expect(played.rows([1])).toEqual([]);
    expect(played.records.handedOut.changes).toBe(0);
    expect(played.end()).toEqual(recordsOf([1, 1]));
  });

  test('is refused when it is too large to be held', () => {
    const played = new Played({ whole: true });
    const many = Array.from({ length: 100_001 }, (_, id) => id);
    expect(() => played.rows(many)).toThrow(/preserve_commit_order/);
  });
});

describe('the second of a transaction', () => {
  test('is not repeated when it is that of the first record', () => {
    const played = new Played();
    played.rows([0]);
    played.rows([1], { ...place, second: 1002 });
    const [last] = played.end();
    expect(last?.ts).toBe('1970-01-01T00:16:42.000Z');
    expect(last && 'second' in last.tx).toBe(false);
  });

  test('is told when the first record, because of the filter, is later', () => {
    const played = new Played();
    played.rows([0], { ...place, second: 1001 });
    expect(played.end()[0]?.tx.second).toBe(1000);
  });
});

describe('keeping back', () => {
  test('the changes of the newest event wait for the next one, and the boundary for them', () => {
    const played = new Played();
    expect(played.rows([0, 1])).toEqual([]);
    expect(played.records.handedOut).toEqual({ changes: 0, contentBytes: 0, digest: 0n });
    expect(played.rows([2]).map(({ tx }) => tx.row)).toEqual([0, 1]);
    expect(played.records.handedOut).toEqual({ changes: 2, contentBytes: 200, digest: 1400n });
    expect(played.records.count).toBe(3);
    expect(played.end().map(({ tx }) => tx.row)).toEqual([2]);
  });

  test('nothing added: nothing at the end', () => {
    expect(new Played().end()).toEqual([]);
  });
});

describe('passing over what another server delivered', () => {
  test('changes keep their numbers, rows and statements', () => {
    const played = new Played({ passOver: 3 });
    played.rows([0, 1]);
    for (const sql of ['DROP TABLE a', 'DROP TABLE b']) {
      played.records.next(before(200));
      played.records.statement({ schema: 'shop', sql }, place);
    }
    const delivered = played.end();
    expect(delivered.map(({ id }) => id)).toEqual([`${head.hint}/12/3`]);
    expect(delivered[0]).toMatchObject({ type: 'ddl', sql: 'DROP TABLE b', tx: { last: true, rows: 4 } });
  });

  test('all of it passed over: nothing is left to mark', () => {
    expect(recordsOf([2, 2], 4)).toEqual([]);
  });
});

test('rows that are only prepared have their XID, and the outcome is a record of its own', () => {
  const xid = "X'6f6e65',X'74776f',7";
  const prepared = new Played({ head: { ...head, xid } });
  prepared.rows([0]);
  expect(prepared.end()).toMatchObject([{ type: 'row', tx: { xa: xid, last: true } }]);
  const outcome = new Played({ head: { ...head, sequence: 13 } });
  outcome.records.next(before(0));
  outcome.records.outcome({ outcome: 'rollback', xid }, place);
  const [record] = outcome.end(2n);
  expect(record).toMatchObject({
    id: '6B01F8DB:0000000000000006:317ACA46/13/0',
    type: 'xa',
    outcome: 'rollback',
    xid,
    tx: { seq: 13, last: true, rows: 1, digest: '0000000000000002' },
  });
  expect(record && ('xa' in record.tx || 'schema' in record)).toBe(false);
});

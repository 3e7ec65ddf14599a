import { describe, expect, test } from 'vitest';
import type { EndedTransaction } from '../../../src/transactions/transaction.js';
import { TransactionAssembler } from '../../../src/transactions/transaction-assembler.js';
import {
  event,
  listOf,
  queryEvent,
  rotateEvent,
  rowsEvent,
  tableMapEvent,
  uint,
} from '../binlog/event-bytes.js';

const xid = event({ type: 16 }, uint(99, 8));
const insert = (rows: string, second?: number): Buffer =>
  rowsEvent(30, 5, Buffer.from(rows), {
    extra: Buffer.alloc(0),
    ...(second === undefined ? {} : { second }),
  });
const orders = tableMapEvent(5, 'shop', 'orders');

function assemble(events: readonly Buffer[]): { ended: EndedTransaction[]; assembler: TransactionAssembler } {
  const ended: EndedTransaction[] = [];
  const assembler = new TransactionAssembler({ end: (transaction) => ended.push(transaction) });
  listOf(events).forEach(assembler.event);
  return { ended, assembler };
}

describe('what would be lost is refused, with its place', () => {
  test.each([
    ['an incident', 26, 'incident'],
    ['LOAD DATA', 18, 'binlog_format'],
  ])('%s', (_name, type, text) => {
    const refusal: unknown = expect.objectContaining({
      code: 'unsupported-event',
      message: expect.stringMatching(new RegExp(`bin\\.000001:\\d+.*${text}`)) as string,
    });
    expect(() => assemble([queryEvent('BEGIN'), event({ type }, Buffer.alloc(30))])).toThrow(refusal);
  });

  test('a transaction that another one follows without an end', () => {
    const anonymous = event({ type: 34 }, Buffer.alloc(60));
    expect(() => assemble([queryEvent('BEGIN'), orders, insert('row'), anonymous])).toThrow(
      expect.objectContaining({ code: 'protocol' }),
    );
  });

  test('a transaction that the end of the file cuts off', () => {
    expect(() =>
      assemble([queryEvent('BEGIN'), orders, insert('row'), rotateEvent('bin.000002', 4)]),
    ).toThrow(expect.objectContaining({ code: 'protocol' }));
  });

  test('rows outside of a transaction, and of an unknown table', () => {
    expect(() => assemble([orders, insert('row')])).toThrow(expect.objectContaining({ code: 'protocol' }));
    expect(() => assemble([queryEvent('BEGIN'), insert('row')])).toThrow(
      expect.objectContaining({ code: 'protocol' }),
    );
  });
});

test('a GTID with nothing behind it is no part of the history', () => {
  const gtid = event({ type: 33 }, Buffer.alloc(60));
  const { ended } = assemble([gtid, gtid, queryEvent('BEGIN'), queryEvent('COMMIT')]);
  expect(ended.map(({ identity }) => identity)).toEqual([null]);
});

test('the second is that of the first content, not that of the BEGIN', () => {
  const { ended } = assemble([
    queryEvent('BEGIN', { second: 5 }),
    orders,
    insert('a', 10),
    insert('b', 11),
    xid,
  ]);
  expect(ended[0]?.identity?.second).toBe(10);
});

test('a statement is told when it is all there is', () => {
  const ddl = queryEvent('CREATE TABLE t (a INT)', { schema: 'shop' });
  const mixed = [queryEvent('BEGIN'), queryEvent('CREATE TABLE u (a INT)'), orders, insert('row'), xid];
  const { ended } = assemble([ddl, ...mixed]);
  expect(ended.map(({ statement }) => statement)).toMatchObject([
    { schema: 'shop', sql: 'CREATE TABLE t (a INT)' },
    null,
  ]);
});

test('a temporary table is no content, alone or in a transaction', () => {
  const gtid = event({ type: 33 }, Buffer.alloc(60));
  const create = queryEvent('CREATE TEMPORARY TABLE tmp (a INT)');
  const plain = assemble([queryEvent('BEGIN'), orders, insert('a'), xid]);
  const { ended } = assemble([gtid, create, queryEvent('BEGIN'), orders, insert('a'), create, xid]);
  expect(ended.map(({ identity }) => identity)).toEqual([null, plain.ended[0]?.identity]);
});

describe('what a transaction is told with', () => {
  const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
  const gtid = event(
    { type: 33, serverId: 3 },
    Buffer.concat([
      Buffer.of(0),
      Buffer.from(uuid.replaceAll('-', ''), 'hex'),
      uint(23, 8),
      Buffer.alloc(17),
    ]),
  );
  const lengthOf = (events: readonly Buffer[]): number => events.reduce((sum, { length }) => sum + length, 0);
  const file = 'bin.000001';

  test('of a GTID: its place, its GTID, its source, its session', () => {
    const events = [gtid, queryEvent('BEGIN'), orders, insert('a', 10), xid];
    const opened: unknown[] = [];
    const ended: EndedTransaction[] = [];
    const assembler = new TransactionAssembler({
      rows: (open) => opened.push({ ...open }),
      end: (transaction) => ended.push(transaction),
    });
    listOf(events).forEach(assembler.event);
    const start = { file, position: 4 };
    const origin = `u:${uuid}:23`;
    expect(opened).toEqual([
      expect.objectContaining({
        start,
        gtid: `${uuid}:23`,
        origin,
        serverId: 3,
        connection: 7,
        second: 10,
        xid: null,
      }),
    ]);
    expect(ended).toEqual([
      {
        ...{ start, end: { file, position: 4 + lengthOf(events) }, gtid: `${uuid}:23`, serverId: 3 },
        identity: { digest: expect.any(BigInt) as bigint, second: 10, origin },
        statement: null,
      },
    ]);
    expect(assembler.open).toBeNull();
  });

  test('without one: from its BEGIN, or from the statement that is all of it', () => {
    const group = [queryEvent('BEGIN', { serverId: 5 }), orders, insert('a', 10), queryEvent('COMMIT')];
    const ddl = queryEvent('CREATE TABLE t (a INT)', { serverId: 6, second: 12 });
    const { ended } = assemble([...group, ddl]);
    const between = { file, position: 4 + lengthOf(group) };
    const end = { file, position: between.position + ddl.length };
    expect(ended).toMatchObject([
      {
        start: { file, position: 4 },
        end: between,
        gtid: null,
        serverId: 5,
        identity: { origin: '', second: 10 },
      },
      { start: between, end, gtid: null, serverId: 6, identity: { origin: '', second: 12 } },
    ]);
  });

  test('while it is open it can be asked for', () => {
    const { assembler } = assemble([queryEvent('BEGIN'), orders]);
    expect(assembler.open).toMatchObject({ start: { file, position: 4 }, second: null });
  });

  test('the text of the statement before its rows', () => {
    const texts: string[] = [];
    const assembler = new TransactionAssembler({ query: (text) => texts.push(text), end: () => undefined });
    listOf([event({ type: 160 }, Buffer.from('INSERT …'))]).forEach(assembler.event);
    expect(texts).toEqual(['INSERT …']);
  });
});

describe('a visitor that has to wait', () => {
  const outcome = queryEvent("XA COMMIT X'6f6e65',X'',1");
  const events = [
    ...[queryEvent('BEGIN'), queryEvent('CREATE TABLE u (a INT)'), orders, insert('a'), insert('b'), xid],
    ...[outcome, queryEvent('CREATE TABLE t (a INT)')],
  ];

  test('gets the same event again, which counts once', async () => {
    const seen: string[] = [];
    const ended: EndedTransaction[] = [];
    let waits = true;
    const wait = (what: string): Promise<void> | null => {
      waits = !waits;
      if (!waits) return Promise.resolve();
      seen.push(what);
      return null;
    };
    const assembler = new TransactionAssembler<Promise<void> | null>({
      tableMap: (_buffer, _start, _end, { table }) => wait(table),
      rows: (_open, { images }) => wait(String(images)),
      statement: (_open, { sql }) => wait(sql),
      outcome: (_open, { xid: told }) => wait(told),
      end: (transaction) => ended.push(transaction),
    });
    const list = listOf(events).part();
    let waiting = list.visit(assembler.event);
    let rounds = 0;
    for (; waiting !== null; rounds += 1) {
      await waiting;
      waiting = list.visit(assembler.event);
    }
    expect(rounds).toBe(6);
    expect(seen).toEqual([
      ...['CREATE TABLE u (a INT)', 'orders', 'a', 'b', "X'6f6e65',X'',1", 'CREATE TABLE t (a INT)'],
    ]);
    expect(ended).toEqual(assemble(events).ended);
  });
});

describe('tables', () => {
  const named = (events: readonly Buffer[]): string[] => {
    const names: string[] = [];
    const assembler = new TransactionAssembler({
      rows: (_open, { images }, { table }) => names.push(`${table} ${String(images)}`),
      end: () => undefined,
    });
    listOf(events).forEach(assembler.event);
    return names;
  };

  test('an id that another table gets means that one from there on', () => {
    const items = tableMapEvent(5, 'shop', 'items');
    expect(
      named([queryEvent('BEGIN'), orders, insert('a'), orders, insert('b'), items, insert('c')]),
    ).toEqual([...['orders a', 'orders b', 'items c']]);
    const [first, other] = [orders, items].map(
      (map) => assemble([queryEvent('BEGIN'), orders, insert('a'), map, insert('b'), xid]).ended[0]?.identity,
    );
    expect(first?.digest).not.toBe(other?.digest);
  });

  test('ids mean nothing in the next file', () => {
    const group = [queryEvent('BEGIN'), orders, insert('a'), xid];
    const next = [...group, rotateEvent('bin.000002', 4), queryEvent('BEGIN')];
    expect(() => named([...next, insert('b')])).toThrow(expect.objectContaining({ code: 'protocol' }));
    expect(named([...next, orders, insert('b')])).toEqual(['orders a', 'orders b']);
  });

  test('an event that only ends a statement, or holds no rows, is none', () => {
    const dummy = rowsEvent(30, 0xffffff, Buffer.from('x'), { extra: Buffer.alloc(0) });
    const { ended } = assemble([dummy, insert(''), queryEvent('BEGIN'), orders, dummy, insert(''), xid]);
    expect(ended.map(({ identity }) => identity)).toEqual([null]);
  });
});

describe('what is promised not to be there', () => {
  const savepoint = queryEvent('SAVEPOINT `s`');

  test.each(['ROLLBACK', 'ROLLBACK TO `s`'])('%s, where rows were passed on, is refused', (sql) => {
    const events = [queryEvent('BEGIN'), orders, insert('a'), savepoint, insert('b'), queryEvent(sql), xid];
    expect(() => assemble(events)).toThrow(expect.objectContaining({ code: 'unsupported-event' }));
  });

  test('savepoints by themselves are no content', () => {
    const { ended } = assemble([queryEvent('BEGIN'), orders, insert('a'), savepoint, xid]);
    const plain = assemble([queryEvent('BEGIN'), orders, insert('a'), xid]);
    expect(ended[0]?.identity).toEqual(plain.ended[0]?.identity);
  });
});

describe('an ALTER TABLE in two phases', () => {
  const alter = queryEvent('ALTER TABLE t ADD x INT', { schema: 'shop' });
  /** MariaDB's GTID event of a statement alone, with extra flags. */
  const gtid = (sequence: number, extra: number): Buffer =>
    event(
      { type: 162 },
      Buffer.concat([uint(sequence, 8), uint(0, 4), Buffer.of(0x29, extra), Buffer.alloc(8)]),
    );

  test('counts when it is committed, and never if it is rolled back', () => {
    const { ended } = assemble([gtid(1, 2), alter, gtid(2, 4), alter, gtid(3, 2), alter, gtid(4, 8), alter]);
    expect(ended.map(({ gtid: name, statement }) => [name, statement?.sql ?? null])).toEqual([
      ['0-1-1', null],
      ['0-1-2', 'ALTER TABLE t ADD x INT'],
      ['0-1-3', null],
      ['0-1-4', null],
    ]);
    expect(ended.map(({ identity }) => identity !== null)).toEqual([false, true, false, false]);
  });
});

test('the outcome of an XA transaction has an identity, whoever ended it', () => {
  const outcome = "XA COMMIT X'6f6e65',X'',1";
  const outcomes: unknown[] = [];
  const identities: unknown[] = [];
  for (const schema of ['', 'shop']) {
    const assembler = new TransactionAssembler({
      outcome: (_open, told) => outcomes.push(told),
      end: ({ identity, statement }) => identities.push([identity, statement]),
    });
    listOf([queryEvent(outcome, { schema })]).forEach(assembler.event);
  }
  expect(outcomes[0]).toEqual({ outcome: 'commit', xid: "X'6f6e65',X'',1" });
  expect(identities[0]).toEqual([expect.objectContaining({ second: 1_700_000_000 }), null]);
  expect(identities[1]).toEqual(identities[0]);
});

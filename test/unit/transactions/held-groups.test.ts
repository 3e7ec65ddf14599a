import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { holdGroups } from '../../../src/transactions/held-groups.js';
import type { EndedTransaction, TransactionVisitor } from '../../../src/transactions/transaction.js';
import { TransactionAssembler } from '../../../src/transactions/transaction-assembler.js';
import {
  batchesOf,
  event,
  queryEvent,
  rotateEvent,
  rowsEvent,
  tableMapEvent,
  uint,
} from '../binlog/event-bytes.js';

const xid = event({ type: 16 }, uint(99, 8));
const orders = tableMapEvent(5, 'shop', 'orders');
const row = (content: string | Buffer): Buffer => Buffer.concat([rowsEvent(23, 5, Buffer.from(content))]);
const rows = (...contents: string[]): Buffer[] => contents.flatMap((content) => [orders, row(content)]);
const sql = (text: string): Buffer => queryEvent(text);

/** MariaDB's GTID event: it stands for the BEGIN. */
const begin = (sequence = 1): Buffer =>
  event({ type: 162 }, Buffer.concat([uint(sequence, 8), uint(0, 4), Buffer.of(0x0c), Buffer.alloc(6)]));
/** MySQL's, with the flag that says whether statements may be in it. */
const mysqlBegin = (mayHoldStatements: boolean): Buffer[] => [
  event({ type: 34 }, Buffer.concat([Buffer.of(mayHoldStatements ? 1 : 0), Buffer.alloc(60)])),
  sql('BEGIN'),
];
const prepare = (onePhase: boolean): Buffer =>
  event({ type: 38 }, Buffer.from(`0${onePhase ? 1 : 0}0100000002000000000000007231`, 'hex'));

type Seen = { ended: EndedTransaction[]; content: string[]; xids: (string | null)[] };

/** Reads a log to transactions; `each` says how many events come at a time. */
async function read(events: readonly Buffer[], each = events.length): Promise<Seen> {
  const seen: Seen = { ended: [], content: [], xids: [] };
  const visitor: TransactionVisitor = {
    rows: ({ xid: prepared }, { images }) => {
      seen.content.push(images.toString('latin1', images.length - 1));
      seen.xids.push(prepared);
    },
    statement: (_open, { sql: text }) => seen.content.push(text),
    end: (transaction) => seen.ended.push(transaction),
  };
  const assembler = new TransactionAssembler(visitor);
  const { signal } = new AbortController();
  for await (const batch of holdGroups(batchesOf(events, each), 'server', signal)) {
    batch.forEach(assembler.event);
  }
  return seen;
}

/** However a log is cut into batches, the same comes of it. */
async function readAnyhow(events: readonly Buffer[]): Promise<Seen> {
  const whole = await read(events);
  for (const each of [1, 2, 3, 5]) expect(await read(events, each)).toEqual(whole);
  return whole;
}

describe('MariaDB: a group that is rolled back', () => {
  test('leaves a transaction without content', async () => {
    const { ended, content } = await readAnyhow([
      begin(1),
      ...rows('a', 'b'),
      sql('ROLLBACK'),
      begin(2),
      ...rows('c'),
      xid,
    ]);
    expect(content).toEqual(['c']);
    expect(ended.map(({ gtid, identity }) => [gtid, identity === null])).toEqual([
      ['0-1-1', true],
      ['0-1-2', false],
    ]);
    const [dropped, kept] = ended;
    expect(dropped?.end).toEqual(kept?.start);
  });

  test('may hold statements on temporary tables, and no others', async () => {
    const create = sql('CREATE TEMPORARY TABLE t (a INT)');
    expect((await readAnyhow([begin(), ...rows('a'), create, sql('ROLLBACK')])).content).toEqual([]);
    await expect(
      read([begin(), ...rows('a'), sql('INSERT INTO m VALUES (1)'), sql('ROLLBACK')]),
    ).rejects.toMatchObject({
      code: 'unsupported-event',
      message: expect.stringMatching(/bin\.000001:\d+.*statement/) as string,
    });
  });

  test('what came before a refusal is passed on', async () => {
    const contents: string[] = [];
    const assembler = new TransactionAssembler({
      rows: (_open, { images }) => {
        contents.push(images.toString('latin1', images.length - 1));
      },
      end: () => undefined,
    });
    const events = [
      begin(1),
      ...rows('a'),
      xid,
      begin(2),
      ...rows('b'),
      sql('UPDATE m SET a = 1'),
      sql('ROLLBACK'),
    ];
    const reading = async (): Promise<void> => {
      const batches = holdGroups(batchesOf(events), 'server', new AbortController().signal);
      for await (const batch of batches) batch.forEach(assembler.event);
    };
    await expect(reading()).rejects.toMatchObject({ code: 'unsupported-event' });
    expect(contents).toEqual(['a']);
  });

  test('or that the server did not live to end', async () => {
    const events = [begin(1), ...rows('a'), rotateEvent('bin.000002', 4), begin(2), ...rows('b'), xid];
    const { content, ended } = await readAnyhow(events);
    expect(content).toEqual(['b']);
    expect(ended.map(({ gtid }) => gtid)).toEqual(['0-1-2']);
  });

  test('a group that another one follows without an end is no log', async () => {
    await expect(read([begin(1), ...rows('a'), begin(2), ...rows('b'), xid])).rejects.toMatchObject({
      code: 'protocol',
    });
  });

  test('the end is not visited, and the place not complete, before it has come', async () => {
    const complete: boolean[] = [];
    const events = [begin(), ...rows('a'), xid];
    for await (const batch of holdGroups(batchesOf(events, 1), 'server', new AbortController().signal)) {
      complete.push(batch.complete);
    }
    expect(complete).toEqual([false, false, false, true]);
  });
});

describe('MySQL: a group that is sure to be committed', () => {
  test.each([
    { whole: false, contents: ['a', 'a', 'ab', 'ab'] },
    { whole: true, contents: ['', '', '', 'ab'] },
  ])('is passed on before its end, or whole ($whole)', async ({ whole, contents }) => {
    let content = '';
    const assembler = new TransactionAssembler({
      rows: (_open, { images }) => {
        content += images.toString('latin1', images.length - 1);
      },
      end: () => undefined,
    });
    const events = [...mysqlBegin(false), ...rows('a', 'b'), xid];
    const seen: string[] = [];
    const { signal } = new AbortController();
    for await (const batch of holdGroups(batchesOf(events, 1), 'server', signal, whole)) {
      batch.forEach(assembler.event);
      seen.push(content);
    }
    expect(seen.slice(-contents.length)).toEqual(contents);
  });
});

describe('savepoints', () => {
  const savepoint = sql('SAVEPOINT `s`');
  const back = sql('ROLLBACK TO `s`');

  test('what stands behind one that is rolled back to is cut out', async () => {
    const cut = await readAnyhow([
      begin(),
      ...rows('a'),
      savepoint,
      ...rows('b', 'c'),
      back,
      ...rows('d'),
      xid,
    ]);
    const plain = await read([begin(), ...rows('a', 'd'), xid]);
    expect(cut.content).toEqual(['a', 'd']);
    expect(cut.ended[0]?.identity).toEqual(plain.ended[0]?.identity);
  });

  test('again and again, and within each other', async () => {
    const events = [
      ...[begin(), ...rows('a'), savepoint, ...rows('b'), sql('SAVEPOINT `i`'), ...rows('c')],
      ...[sql('ROLLBACK TO `i`'), ...rows('d'), back, ...rows('e'), back, ...rows('f'), xid],
    ];
    expect((await readAnyhow(events)).content).toEqual(['a', 'f']);
  });

  test('one that is set again replaces the first; case makes no other name', async () => {
    const events = [
      ...[begin(), ...rows('a'), sql('SAVEPOINT `é`'), ...rows('b'), sql('SAVEPOINT `É`'), ...rows('c')],
      ...[sql('ROLLBACK TO `é`'), ...rows('d'), xid],
    ];
    expect((await readAnyhow(events)).content).toEqual(['a', 'b', 'd']);
  });

  test('released ones are nothing', async () => {
    const events = [begin(), ...rows('a'), savepoint, sql('RELEASE SAVEPOINT s'), ...rows('b'), xid];
    expect((await readAnyhow(events)).content).toEqual(['a', 'b']);
  });

  test('statements behind one, or one that is not there, are refused', async () => {
    const statement = sql('INSERT INTO m VALUES (1)');
    for (const events of [
      [begin(), savepoint, statement, back, xid],
      [begin(), ...rows('a'), back, xid],
    ]) {
      await expect(read(events)).rejects.toMatchObject({ code: 'unsupported-event' });
    }
    // One and the same to some servers, and two to others.
    const [accented, plain] = [sql('SAVEPOINT `é`'), sql('SAVEPOINT `e`')];
    const either = [begin(), ...rows('a'), accented, ...rows('b'), plain, sql('ROLLBACK TO `é`'), xid];
    await expect(read(either)).rejects.toMatchObject({ code: 'unsupported-event' });
    const before = [begin(), statement, savepoint, ...rows('a'), back, xid];
    expect((await readAnyhow(before)).content).toEqual(['INSERT INTO m VALUES (1)']);
  });
});

describe('MySQL', () => {
  test('groups of rows alone are passed on as they come', async () => {
    const seen: boolean[] = [];
    const events = [...mysqlBegin(false), ...rows('a'), xid];
    for await (const batch of holdGroups(batchesOf(events, 1), 'server', new AbortController().signal)) {
      batch.forEach(() => void seen.push(batch.complete));
    }
    expect(seen).toEqual([true, true, true, true, true]);
  });

  test('groups that may hold statements are held', async () => {
    const events = [
      ...mysqlBegin(true),
      ...rows('a'),
      sql('ROLLBACK'),
      ...mysqlBegin(true),
      ...rows('b'),
      xid,
    ];
    expect((await readAnyhow(events)).content).toEqual(['b']);
  });

  test('a statement alone ends its group', async () => {
    const gtid = mysqlBegin(true)[0]!;
    const drop = sql('DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `t`');
    const { content, ended } = await readAnyhow([
      gtid,
      sql('CREATE TABLE t (a INT)'),
      gtid,
      drop,
      gtid,
      sql('DROP TABLE t'),
    ]);
    expect(content).toEqual(['CREATE TABLE t (a INT)', 'DROP TABLE t']);
    expect(ended).toHaveLength(3);
  });

  test('logs without GTID events, as of 5.6', async () => {
    const events = [
      sql('BEGIN'),
      ...rows('a'),
      sql('ROLLBACK'),
      sql('BEGIN'),
      ...rows('b'),
      sql('COMMIT'),
      sql('CREATE TABLE t (a INT)'),
    ];
    expect((await readAnyhow(events)).content).toEqual(['b', 'CREATE TABLE t (a INT)']);
  });

  test('XA: what is prepared says so from its first row on, what is committed at once does not', async () => {
    const group = (onePhase: boolean): Buffer[] => [
      mysqlBegin(false)[0]!,
      sql("XA START X'7231',X'',1"),
      ...rows('a', 'b'),
      sql("XA END X'7231',X'',1"),
      prepare(onePhase),
    ];
    const name = "X'7231',X'',1";
    expect((await readAnyhow([...group(false), ...group(true)])).xids).toEqual([name, name, null, null]);
  });
});

describe('groups larger than memory', () => {
  const { TMPDIR } = process.env;

  afterEach(() => {
    if (TMPDIR === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = TMPDIR;
  });

  /** A hundred are 24 MB. */
  const rowsEach = 4;
  const large = (letter: string, count: number): Buffer[] =>
    Array.from({ length: rowsEach * count }, () => [orders, row(Buffer.alloc(60_000, letter))]).flat();

  test('are the same as in memory: committed, cut, rolled back', async () => {
    const events = [
      ...[begin(1), ...large('a', 150), sql('SAVEPOINT `s`'), ...large('b', 150), sql('SAVEPOINT `t`')],
      ...[
        ...large('c', 150),
        sql('ROLLBACK TO `t`'),
        ...large('d', 2),
        sql('ROLLBACK TO `s`'),
        ...large('e', 100),
        xid,
      ],
      ...[begin(2), ...large('f', 200), sql('ROLLBACK'), begin(3), ...large('g', 200), xid],
    ];
    const { content, ended } = await read(events, 7);
    const rows = (letter: string, count: number): string => letter.repeat(rowsEach * count);
    expect(content.join('')).toBe(rows('a', 150) + rows('e', 100) + rows('g', 200));
    const plain = await read([
      begin(1),
      ...large('a', 150),
      ...large('e', 100),
      xid,
      begin(3),
      ...large('g', 200),
      xid,
    ]);
    expect(ended.map(({ identity }) => identity)).toEqual([
      plain.ended[0]?.identity,
      null,
      plain.ended[1]?.identity,
    ]);
  });

  test('lie in a file without a name, and come back in parts', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'waymark-test-'));
    process.env['TMPDIR'] = folder;
    let parts = 0;
    const events = [begin(), ...large('a', 300), xid];
    for await (const batch of holdGroups(batchesOf(events, 7), 'server', new AbortController().signal)) {
      let bytes = 0;
      batch.forEach((_buffer, start, end) => (bytes += end - start));
      expect(bytes).toBeLessThan(400_000);
      if (bytes > 0) parts += 1;
      expect(await readdir(folder)).toEqual([]);
    }
    expect(parts).toBeGreaterThan(100);
    await rm(folder, { recursive: true });
  });

  test('where there is no room, the error says where and what to do', async () => {
    process.env['TMPDIR'] = '/nonexistent/folder';
    await expect(read([begin(), ...large('a', 100), xid], 5)).rejects.toMatchObject({
      code: 'spool',
      message: expect.stringMatching(/\/nonexistent\/folder.*TMPDIR/) as string,
    });
  });
});

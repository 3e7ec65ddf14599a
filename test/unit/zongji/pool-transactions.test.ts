import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { Coordinates } from '../../../src/binlog/coordinates.js';
import type { Identity } from '../../../src/transactions/identity.js';
import { PositionTracker } from '../../../src/dump/position-tracker.js';
import { TransactionAssembler } from '../../../src/transactions/transaction-assembler.js';
import type { OwnHistory, OwnVerdict } from '../../../src/matching/own-transactions.js';
import { defaultHintFormat } from '../../../src/hints/hint.js';
import { newProgress, type Step } from '../../../src/tail/progress.js';
import { BinlogEvent } from '../../../src/zongji/binlog-event.js';
import { PoolTransactions, type PoolTransactionsOptions } from '../../../src/zongji/pool-transactions.js';
import { event, queryEvent, rowsEvent, tableMapEvent, uint } from '../binlog/event-bytes.js';

const begin = (sequence: number, serverId = 1): Buffer =>
  event(
    { type: 162, serverId },
    Buffer.concat([uint(sequence, 8), uint(0, 4), Buffer.of(0x0c), Buffer.alloc(6)]),
  );
const standalone = (sequence: number): Buffer =>
  event({ type: 162 }, Buffer.concat([uint(sequence, 8), uint(0, 4), Buffer.of(0x01), Buffer.alloc(6)]));
const rows = (content: string): Buffer[] => [
  tableMapEvent(5, 'shop', 't'),
  rowsEvent(23, 5, Buffer.from(content)),
];
const xid = event({ type: 16 }, uint(1, 8));
const hint = 'drop view if exists `meta`.`_pseudo_gtid_hint__asc:6B000000:0000000000000001:00000000`';
const start: Coordinates = { file: 'bin.000001', position: 4 };

/** What is told of a replica's own transactions. */
function told(verdict: OwnVerdict): OwnHistory {
  return { judge: () => Promise.resolve(verdict), upstream: () => Promise.resolve(null) };
}

/** A server's log, taken one event after the other: what is emitted with each, and the steps. */
async function take(
  events: readonly Buffer[],
  options: Partial<PoolTransactionsOptions> = {},
): Promise<{ emitted: number[][]; steps: Step['kind'][] }> {
  const transactions = new PoolTransactions({
    ...{ progress: newProgress(16), format: defaultHintFormat, logger: pino({ level: 'silent' }) },
    ...{ skip: [], server: 'db1:3306', serverId: 9, own: told({ kind: 'errant', unchecked: null }) },
    ...options,
  });
  const position = new PositionTracker(start);
  const shown = new Map<BinlogEvent, number>();
  const emitted: number[][] = [];
  const steps: Step['kind'][] = [];
  for (const [index, buffer] of events.entries()) {
    position.advance(buffer, 0, buffer.length);
    const bytes = { buffer, start: 0, end: buffer.length };
    const given = new BinlogEvent({ ...bytes, nextPosition: 0 });
    shown.set(given, index);
    const taken = await transactions.take({ ...bytes, place: position.place }, given, undefined);
    emitted.push(taken.emitted.map(({ event: one }) => shown.get(one) ?? -1));
    if (taken.step !== null) steps.push(taken.step.kind);
  }
  return { emitted, steps };
}

/** The identity of the first transaction of a log. */
function identityOf(events: readonly Buffer[]): Identity {
  let identity: Identity | null = null;
  const assembler = new TransactionAssembler({
    end: (ended) => {
      identity ??= ended.identity;
    },
  });
  const position = new PositionTracker(start);
  for (const bytes of events) {
    position.advance(bytes, 0, bytes.length);
    assembler.event(bytes, 0, bytes.length, position.place);
  }
  return identity!;
}

test('events before the content wait for it; what is outside of transactions does not', async () => {
  const format = event({ type: 161 }, Buffer.alloc(8));
  expect(await take([format, begin(1), ...rows('a'), xid, format])).toEqual({
    emitted: [[0], [], [], [1, 2, 3], [4], [5]],
    steps: ['delivered'],
  });
});

test('neither hints nor what has no content are emitted', async () => {
  const empty = [begin(2), xid];
  expect(
    await take([
      standalone(1),
      queryEvent(hint),
      ...empty,
      standalone(3),
      queryEvent('CREATE TABLE t (a INT)'),
    ]),
  ).toEqual({
    emitted: [[], [], [], [], [], [4, 5]],
    steps: ['hint', 'empty', 'delivered'],
  });
});

test('what another server has delivered is passed over, if it is that', async () => {
  const log = [begin(1), ...rows('a'), xid, begin(2), ...rows('b'), xid];
  const skip = [{ start, identity: identityOf(log) }];
  expect(await take(log, { skip })).toEqual({
    emitted: [[], [], [], [], [], [], [4, 5, 6], [7]],
    steps: ['passed-over', 'delivered'],
  });
  const other = [begin(1), ...rows('x'), xid];
  await expect(take(other, { skip })).rejects.toMatchObject({ code: 'diverged' });
});

test('what a server has carried out twice is emitted once, and refused where it is not the same', async () => {
  const once = [begin(1), ...rows('a'), xid];
  expect(await take([...once, ...once])).toEqual({
    emitted: [[], [], [0, 1, 2], [3], [], [], [], []],
    steps: ['delivered', 'repeated'],
  });
  await expect(take([...once, begin(1), ...rows('b'), xid])).rejects.toMatchObject({ code: 'diverged' });
});

test('what a replica wrote on its own account is left out, and the history of a source is not', async () => {
  const own = [begin(1, 9), ...rows('a'), xid];
  expect(await take(own)).toEqual({ emitted: [[], [], [], []], steps: ['errant'] });
  expect(await take(own, { own: told({ kind: 'history' }) })).toEqual({
    emitted: [[], [], [0, 1, 2], [3]],
    steps: ['delivered'],
  });
});

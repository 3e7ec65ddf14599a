import { describe, expect, test } from 'vitest';
import type { Vendor } from '../../../src/mysql/version.js';
import { gtidText, type SimulatedServer } from '../../simulation/server/server.js';
import type { Content, Transaction } from '../../simulation/server/transaction.js';
import { Workload } from '../../simulation/server/workload.js';
import { Random } from '../../support/random.js';
import { choicesOf } from './choices.js';
import { readLog } from './log-reading.js';
import { Clock, createOrders, idsOf, insertOf, modelOf } from './models.js';

const vendors: readonly Vendor[] = ['mysql', 'mariadb'];

/** A source and a replica of it, with the table. */
function pairOf(
  vendor: Vendor,
  options: Parameters<typeof modelOf>[2] = {},
): readonly [SimulatedServer, SimulatedServer] {
  const source = modelOf(vendor, 1, options);
  const replica = modelOf(vendor, 2, options);
  replica.replicateFrom(source, { by: 'place', place: source.binlog.end });
  source.commit(createOrders);
  applyAll(replica);
  return [source, replica];
}

/** Fetches all that there is and applies what can be, in order. */
function applyAll({ replication }: SimulatedServer): void {
  replication?.receive();
  for (
    let [next] = replication?.applicable() ?? [];
    next !== undefined;
    [next] = replication?.applicable() ?? []
  ) {
    if (replication?.apply(next) === null) return;
  }
}

/** The GTIDs in a server's log, in order. */
async function gtidsOf(server: SimulatedServer): Promise<(string | null)[]> {
  return (await readLog(server)).map(({ gtid }) => gtid);
}

describe.each(vendors)('%s', (vendor) => {
  test('a replica has what its source has, under the same GTIDs', async () => {
    const [source, replica] = pairOf(vendor);
    source.commit(insertOf(1, 2));
    source.commit(insertOf(3));
    expect(idsOf(replica)).toEqual([]);
    replica.replication?.receive(1);
    expect(replica.replication?.waiting.length).toBe(1);
    applyAll(replica);
    expect(idsOf(replica)).toEqual([1, 2, 3]);
    expect(await gtidsOf(replica)).toEqual(await gtidsOf(source));
    expect(replica.replication?.executed).toEqual(source.binlog.end);
    expect(replica.gtidText).toBe(source.gtidText);
  });

  test('it lags by the second of what waits, and waits on purpose', () => {
    const clock = new Clock();
    const [source, replica] = pairOf(vendor, { nowMs: clock.now });
    source.commit(insertOf(1));
    replica.replication?.receive();
    clock.ms += 7_000;
    expect(replica.replication?.lagSeconds).toBe(7);
    if (replica.replication === null) throw new Error('no replication');
    replica.replication.delaySeconds = 10;
    expect(replica.replication.applicable()).toEqual([]);
    clock.ms += 3_000;
    expect(replica.replication.applicable()).toEqual([0]);
    // A clock that is behind the source's delays nothing.
    clock.ms -= 60_000;
    replica.replication.delaySeconds = 0;
    expect(replica.replication.applicable()).toEqual([0]);
    replica.replication.apply();
    expect(replica.replication.lagSeconds).toBe(0);
    replica.replication.stopApplier();
    expect(replica.replication.lagSeconds).toBeNull();
  });

  test('what the source has purged is gone, and the receiver says so', () => {
    const [source, replica] = pairOf(vendor);
    replica.replication?.stopReceiver();
    source.commit(insertOf(1));
    source.flushLogs();
    source.commit(insertOf(2));
    source.binlog.purgeTo(source.binlog.current.name);
    expect(source.binlog.files).toHaveLength(1);
    replica.replication?.startReceiver();
    applyAll(replica);
    expect(replica.replication?.receiverStarted).toBe(false);
    expect(replica.replication?.receiverError).toMatchObject({ number: 13114 });
    replica.replicateFrom(source);
    applyAll(replica);
    expect(replica.replication?.receiverError.message).toContain('purged required binary logs');
  });

  test('what does not fit stops the applier, and logs nothing', async () => {
    const [source, replica] = pairOf(vendor);
    replica.commit(insertOf(1));
    const before = await gtidsOf(replica);
    source.commit(insertOf(1));
    applyAll(replica);
    expect(replica.replication?.applierError.number).toBe(1032);
    expect(await gtidsOf(replica)).toEqual(before);
  });

  test('an errant transaction is its own', async () => {
    const [source, replica] = pairOf(vendor);
    replica.commit(insertOf(100));
    source.commit(insertOf(1));
    applyAll(replica);
    const read = await readLog(replica);
    expect(read.map(({ serverId }) => serverId)).toEqual([1, 2, 1]);
    expect(new Set(read.map(({ gtid }) => gtid)).size).toBe(3);
  });

  test('a restart begins another file, with a STOP before it when it was shut down', () => {
    const server = modelOf(vendor, 1);
    server.shutDown();
    expect(server.binlog.current.events.at(-1)?.bytes.readUInt8(4)).toBe(3);
    server.start();
    server.kill();
    expect(server.binlog.current.events.at(-1)?.bytes.readUInt8(4)).not.toBe(3);
    server.start();
    expect(server.binlog.files.map(({ name }) => name.slice(-6))).toEqual(['000001', '000002', '000003']);
    // The one that was not closed says that it is in use.
    expect(server.binlog.files.map(({ events }) => (events[0]?.bytes.readUInt8(17) ?? 0) & 1)).toEqual([
      0, 1, 1,
    ]);
  });

  test('a crash takes the end of the log, and replicas get it again', async () => {
    const [source, replica] = pairOf(vendor);
    for (const id of [1, 2, 3, 4]) source.commit(insertOf(id));
    applyAll(replica);
    const lost = replica.crash({ lost: 2, kept: 3 });
    expect(lost.map(({ gtid }) => gtid)).toHaveLength(2);
    expect(idsOf(replica)).toEqual([1, 2]);
    replica.start();
    const { events, groups } = replica.binlog.files[0] ?? { events: [], groups: [] };
    // MariaDB leaves a group that has begun; MySQL cuts it off.
    expect(events.at(-1)?.bytes.readUInt8(4)).toBe(vendor === 'mysql' ? 16 : 19);
    expect(groups).toHaveLength(3);
    applyAll(replica);
    expect(idsOf(replica)).toEqual([1, 2, 3, 4]);
    expect(await gtidsOf(replica)).toEqual(await gtidsOf(source));
  });

  test('what the source has lost is not taken back on its replicas', () => {
    const [source, replica] = pairOf(vendor);
    source.commit(insertOf(1));
    source.commit(insertOf(2));
    applyAll(replica);
    expect(source.crash({ lost: 1, kept: 0 })).toHaveLength(1);
    expect(idsOf(source)).toEqual([1]);
    expect(idsOf(replica)).toEqual([1, 2]);
  });

  test('a source that has lost what a replica has is not followed by GTID', () => {
    const source = modelOf(vendor, 1);
    const replica = modelOf(vendor, 2);
    replica.replicateFrom(source);
    source.commit(createOrders);
    source.commit(insertOf(1));
    applyAll(replica);
    source.crash({ lost: 1, kept: 1 });
    source.start();
    expect(replica.replication?.connected).toBe(false);
    replica.replication?.receive();
    expect(replica.replication?.receiverError.message).toContain('more GTIDs than the source has');
  });

  test('a crash takes one of two copies, and leaves the other with its rows', () => {
    const [source, replica] = pairOf(vendor);
    source.commit(insertOf(1));
    applyAll(replica);
    replica.repeatLast();
    expect(replica.crash({ lost: 1, kept: 0 })).toEqual([]);
    expect(idsOf(replica)).toEqual([1]);
    replica.start();
    applyAll(replica);
    expect(replica.replication?.applierError.number).toBe(0);
  });

  test('one that is rebuilt from a copy has another log and goes on', async () => {
    const [source, replica] = pairOf(vendor);
    const other = modelOf(vendor, 3);
    source.commit(insertOf(1));
    applyAll(replica);
    other.kill();
    other.rebuild(replica, 'f9131de3-ec82-11f1-97d7-02fc00000009');
    source.commit(insertOf(2));
    applyAll(other);
    expect(idsOf(other)).toEqual([1, 2]);
    expect(await readLog(other)).toHaveLength(1);
    expect(other.binlog.files[0]?.name).toMatch(/000001$/);
    other.resetLogs();
    expect(other.gtidText).toBe('');
  });

  test('by GTID nothing is fetched twice, and nothing left out for an errant transaction', () => {
    const source = modelOf(vendor, 1);
    const replica = modelOf(vendor, 2);
    replica.replicateFrom(source);
    source.commit(createOrders);
    applyAll(replica);
    replica.commit(insertOf(100));
    source.commit(insertOf(1));
    applyAll(replica);
    source.flushLogs();
    replica.kill();
    replica.start();
    expect(replica.replication?.receive()).toBe(0);
    source.commit(insertOf(2));
    applyAll(replica);
    expect(idsOf(replica)).toEqual([1, 2, 100]);
    expect(replica.replication?.executed).toEqual(source.binlog.end);
  });

  test('a replica that is promoted writes the history, and others follow it by GTID', async () => {
    const [source, replica] = pairOf(vendor);
    const other = modelOf(vendor, 3);
    other.replicateFrom(source);
    const choices = choicesOf(new Random(6));
    const workload = new Workload(source, choices, { writers: 2, hintEvery: 5 });
    for (let count = 0; count < 20; count += 1) workload.step();
    for (const server of [replica, other]) applyAll(server);
    source.kill();
    replica.replicateFrom(null);
    other.replicateFrom(replica);
    workload.moveTo(replica);
    for (let count = 0; count < 20; count += 1) workload.step();
    applyAll(other);
    expect(other.data.rows('shop.orders_1')).toEqual(replica.data.rows('shop.orders_1'));
    expect((await gtidsOf(other)).slice(1)).toEqual(
      workload.history.filter((transaction) => !isSkipped(transaction)).map(gtidText),
    );
  });

  test('a replica of a replica has all of it, too', () => {
    const [source, middle] = pairOf(vendor);
    const last = modelOf(vendor, 3);
    last.replicateFrom(middle);
    source.commit(insertOf(1));
    applyAll(middle);
    applyAll(last);
    expect(idsOf(last)).toEqual([1]);
    expect(last.gtidText).toBe(source.gtidText);
    expect([...middle.replicas]).toEqual([last]);
    last.replication?.disconnect();
    expect(middle.replicas.size).toBe(0);
  });

  test('nothing comes from a source that is down', () => {
    const [source, replica] = pairOf(vendor);
    source.commit(insertOf(1));
    source.kill();
    expect(replica.replication?.receive()).toBe(0);
    expect(replica.replication?.connected).toBe(false);
    source.start();
    applyAll(replica);
    expect(idsOf(replica)).toEqual([1]);
    expect(replica.replication?.received).toEqual(source.binlog.end);
  });

  test('what comes once more stands in the log twice', async () => {
    const [source, replica] = pairOf(vendor);
    source.commit(insertOf(1));
    applyAll(replica);
    replica.repeatLast();
    const read = await readLog(replica);
    expect(read[2]?.identity).toEqual(read[1]?.identity);
  });
});

describe('a replica that does not keep the order', () => {
  const started = (): readonly [SimulatedServer, SimulatedServer] => pairOf('mysql', { keepsOrder: false });

  test('commits what does not depend on one another in any order, and knows its gaps', async () => {
    const [source, replica] = started();
    const before = source.binlog.end;
    for (const id of [1, 2, 3]) source.commit(insertOf(id));
    const { replication } = replica;
    replication?.receive();
    expect(replication?.applicable(3)).toEqual([0, 1, 2]);
    replication?.apply(2);
    expect(replication?.executed).toEqual(before);
    expect(replication?.hasGaps).toBe(true);
    expect(idsOf(replica)).toEqual([3]);
    replication?.apply(0);
    replication?.apply(0);
    expect(replication?.executed).toEqual(source.binlog.end);
    expect(replication?.hasGaps).toBe(false);
    const gtids = await gtidsOf(source);
    expect(await gtidsOf(replica)).toEqual([0, 3, 1, 2].map((index) => gtids[index]));
  });

  test('keeps the order of what touches the same row, and of what changes the table', () => {
    const [source, replica] = started();
    source.commit(insertOf(1));
    const { rows } = stepOf(insertOf(1));
    source.commit(groupOf('update', [{ before: rows[0]?.after ?? null, after: [1, 2, 'changed'] }]));
    source.commit(insertOf(2));
    replica.replication?.receive();
    expect(replica.replication?.applicable(3)).toEqual([0, 2]);
    expect(replica.replication?.applicable(2)).toEqual([0]);
  });

  test('fetches after a crash what it lacks and what it has lost', () => {
    const [source, replica] = started();
    for (const id of [1, 2, 3, 4]) source.commit(insertOf(id));
    replica.replication?.receive();
    replica.replication?.apply(1);
    replica.replication?.apply(3);
    expect(replica.crash({ lost: 1, kept: 0 })).toHaveLength(1);
    replica.start();
    expect(replica.replication?.receive()).toBe(3);
    applyAll(replica);
    expect(idsOf(replica)).toEqual([1, 2, 3, 4]);
    expect(replica.replication?.applierError.number).toBe(0);
  });

  test('fetches after a restart what it lacks, and no more', () => {
    const [source, replica] = started();
    for (const id of [1, 2, 3]) source.commit(insertOf(id));
    replica.replication?.receive();
    replica.replication?.apply(2);
    replica.kill();
    replica.start();
    expect(replica.replication?.receive()).toBe(2);
    applyAll(replica);
    expect(idsOf(replica)).toEqual([1, 2, 3]);
    expect(replica.replication?.applierError.number).toBe(0);
  });
});

test('servers of different GTID modes do not replicate', () => {
  const source = modelOf('mysql', 1, { gtidMode: false });
  const replica = modelOf('mysql', 2);
  replica.replicateFrom(source);
  expect(replica.replication?.receive()).toBe(0);
  expect(replica.replication?.receiverError.number).toBe(13117);
});

test('a MariaDB replica gives the transactions of MySQL GTIDs of its own', async () => {
  const source = modelOf('mysql', 1);
  const replica = modelOf('mariadb', 2);
  replica.replicateFrom(source, { by: 'place', place: source.binlog.end });
  source.commit(createOrders);
  source.commit(insertOf(1));
  applyAll(replica);
  expect(await gtidsOf(replica)).toEqual(['0-1-1', '0-1-2']);
  const digests = async (server: SimulatedServer): Promise<unknown[]> =>
    (await readLog(server)).map(({ identity }) => identity?.digest);
  expect(await digests(replica)).toEqual(await digests(source));
});

describe.each(vendors)('a workload on %s', (vendor) => {
  function run(seed: number): Workload {
    const source = modelOf(vendor, 1);
    const workload = new Workload(source, choicesOf(new Random(seed)), { writers: 3, hintEvery: 12 });
    for (let count = 0; count < 400; count += 1) {
      workload.step();
      if (count % 150 === 149) source.flushLogs();
    }
    return workload;
  }

  test('is the same from the same seed, and another from another', () => {
    const bytes = (seed: number): Buffer =>
      Buffer.concat(run(seed).source.binlog.files.map((file) => file.bytes));
    expect(bytes(1).equals(bytes(1))).toBe(true);
    expect(bytes(1).equals(bytes(2))).toBe(false);
  });

  test('has everything in it, and our own code reads it as it was written', async () => {
    const { history, source } = run(3);
    const read = await readLog(source);
    expect(read.map(({ gtid }) => gtid)).toHaveLength(history.length);
    expect(read.map(({ identity }) => identity === null)).toEqual(history.map(isRolledBack));
    const kinds = new Set(history.flatMap(({ content }) => kindsOf(content)));
    expect([...kinds].toSorted()).toEqual(
      [
        ...[
          'alter',
          'commit',
          'create',
          'delete',
          'hint',
          'huge',
          'insert',
          'rollback',
          'rollback-to',
          'savepoint',
        ],
        ...['several', 'update'],
      ].toSorted(),
    );
  });

  test('a replica ends with the same rows', () => {
    const { source } = run(4);
    const replica = modelOf(vendor, 2);
    replica.replicateFrom(source);
    applyAll(replica);
    const rows = ({ data }: SimulatedServer): unknown =>
      data.names.map((name) => [name, data.definition(name), [...data.rows(name)].toSorted()]);
    expect(rows(replica)).toEqual(rows(source));
    expect(replica.data.names.length).toBeGreaterThan(1);
  });
});

test('what the source has lost is no part of the history any more', () => {
  const source = modelOf('mysql', 1);
  const workload = new Workload(source, choicesOf(new Random(5)), { writers: 1, hintEvery: 5 });
  const kept = [workload.hint(), workload.step(), workload.step()];
  workload.step();
  workload.lost(source.crash({ lost: 1, kept: 0 }));
  expect(workload.history).toEqual(kept);
  source.start();
  workload.step();
  expect(workload.history).toHaveLength(4);
});

function isRolledBack({ content }: Transaction): boolean {
  return content.kind === 'group' && content.end === 'rollback';
}

/** Whether replicas don't log it. */
function isSkipped({ content }: Transaction): boolean {
  return content.kind === 'group' && content.end === 'rollback' && content.loggedByReplicas !== true;
}

function kindsOf(content: Content): string[] {
  if (content.kind === 'statement') {
    return [content.isHint ? 'hint' : content.alters?.before === null ? 'create' : 'alter'];
  }
  return [
    ...content.steps.map((step) => (step.kind === 'rows' ? step.operation : step.kind)),
    ...content.steps.flatMap((step) => (step.kind === 'rows' && step.rows.length > 100 ? ['huge'] : [])),
    ...(content.end === 'xid' ? [] : [content.end]),
    ...(new Set(content.steps.flatMap((step) => (step.kind === 'rows' ? [step.table.name] : []))).size > 1
      ? ['several']
      : []),
  ];
}

type Rows = Extract<Extract<Content, { kind: 'group' }>['steps'][number], { kind: 'rows' }>;

function stepOf(content: Content): Rows {
  const [step] = content.kind === 'group' ? content.steps : [];
  if (step?.kind !== 'rows') throw new Error('no rows');
  return step;
}

function groupOf(operation: Rows['operation'], rows: Rows['rows']): Content {
  const { table } = stepOf(insertOf(1));
  return { kind: 'group', steps: [{ kind: 'rows', table, operation, rows }], end: 'xid' };
}

import { describe, expect, test } from 'vitest';
import { faultsOf } from '../../simulation/judge.js';
import type { Plan } from '../../simulation/plan.js';
import { addColumnStatement } from '../../simulation/server/tables.js';
import { hintContent } from '../../simulation/server/workload.js';
import { type Content } from '../../simulation/server/transaction.js';
import { Stage, uuidOf } from '../../simulation/stage.js';
import { defaultHintFormat } from '../../../src/hints/hint.js';
import { nextHint } from '../../../src/hints/next-hint.js';
import { createOrders, insertOf, orders } from './models.js';

/** What seeds have found, told step by step. */

const plan: Plan = {
  ...{ vendor: 'mysql', gtidMode: true, keepsOrder: true, rowMetadata: 'none', mostRowBytes: 8192 },
  ...{ replicas: 2, sourceIsMember: false, store: 'file', agents: 1, hintEvery: 0, margin: 64, sink: 'file' },
  failback: false,
  shadow: 'none',
  faults: 'any',
  ...{ mostRows: 80, compression: 'none', promotions: false, anchors: 'auto', domains: 1 },
  // Nobody writes but the case.
  ...{ writeMs: 1e9, loadMs: 0, faultMs: 1e9 },
};

/** A column more in `shop.orders_1`. */
function alterOrders(): Content {
  const column = { name: 'extra', type: 'int', nullable: true } as const;
  const after = { ...orders, columns: [...orders.columns, column] };
  const sql = addColumnStatement(orders, column);
  return { kind: 'statement', schema: '', sql, alters: { before: orders, after }, isHint: false };
}

/** Makes another table. */
const createOther: Content = {
  kind: 'statement',
  schema: '',
  sql: 'CREATE TABLE shop.orders_2 (id BIGINT NOT NULL PRIMARY KEY) CHARACTER SET utf8mb4',
  alters: {
    before: null,
    after: {
      schema: 'shop',
      name: 'orders_2',
      columns: [{ name: 'id', type: 'bigint', nullable: false }],
    },
  },
  isHint: false,
};

describe.each(['mysql', 'mariadb'] as const)('on %s, whose log names no columns', (vendor) => {
  test('an agent that is killed between the making of a table and its first row knows the names', async () => {
    const stage = new Stage('made and filled', { ...plan, vendor });
    const { world, source, agents } = stage;
    const [agent] = agents;
    const commit = (content: Content) => source.model.commit(content);
    const until = async (what: string, isSo: () => boolean): Promise<void> => {
      expect([what, await world.run({ forMs: 60_000, until: isSo })]).toEqual([what, 'met']);
    };
    stage.begin();
    const history = [
      commit(hintContent(nextHint(null, source.model.nowMs(), 0.5), defaultHintFormat)),
      commit(createOrders),
    ];
    await until('the table is made', () => stage.lines === 1);
    const saved = agent?.events.get('checkpoint.saved') ?? 0;
    agent?.terminate();
    await until('the checkpoint is saved', () => (agent?.events.get('checkpoint.saved') ?? 0) > saved);
    history.push(commit(insertOf(1, 2)), commit(alterOrders()));
    await until('all is delivered', () => stage.lines === 4);
    expect(faultsOf(history, stage.delivered.records, { inOrder: true, isWhole: true })).toEqual([]);
    expect(agent?.endings).toEqual([]);
  });
});

test('the stream returns to a server of higher priority that was rebuilt while another was read', async () => {
  const stage = new Stage('back to one that was rebuilt', { ...plan, rowMetadata: 'FULL', failback: true });
  const { world, source, replicas, agents } = stage;
  const [lower, higher] = replicas;
  if (lower === undefined || higher === undefined) throw new Error('the pool has two members');
  const until = async (what: string, isSo: () => boolean): Promise<void> => {
    expect([what, await world.run({ forMs: 60_000, until: isSo })]).toEqual([what, 'met']);
  };
  stage.begin();
  const first = nextHint(null, source.model.nowMs(), 0.5);
  const history = [
    source.model.commit(hintContent(first, defaultHintFormat)),
    source.model.commit(createOrders),
    source.model.commit(insertOf(1, 2)),
  ];
  await until('the higher one is read', () => stage.read === higher && stage.lines === 3);
  await until('the checkpoint has the hint', () => agents[0]?.events.has('checkpoint.saved') === true);
  await world.run({ forMs: 2000 });
  higher.kill();
  await until('the lower one is read', () => stage.read === lower);
  higher.model.rebuild(lower.model, uuidOf(higher.model.serverId, 1));
  higher.start();
  // Without a hint in its new log, it can't prove the place.
  const second = nextHint(first, source.model.nowMs(), 0.5);
  history.push(source.model.commit(hintContent(second, defaultHintFormat)));
  history.push(source.model.commit(insertOf(3, 4)));
  await until('the higher one is read again', () => stage.read === higher);
  history.push(source.model.commit(insertOf(5, 6)));
  await until('all is delivered', () => stage.lines === 7);
  expect(faultsOf(history, stage.delivered.records, { inOrder: true, isWhole: true })).toEqual([]);
});

test('a leader that was followed and does not know it leaves the layouts of its successor alone', async () => {
  const stage = new Stage('a late record of layouts', {
    ...plan,
    ...{ replicas: 1, store: 'zookeeper', agents: 2, sink: 'consumer' },
  });
  const { world, source, home, zookeeper, agents } = stage;
  const [first, second] = agents;
  if (first === undefined || second === undefined) throw new Error('there are two agents');
  const until = async (what: string, isSo: () => boolean): Promise<void> => {
    expect([what, await world.run({ forMs: 60_000, until: isSo })]).toEqual([what, 'met']);
  };
  const commit = (content: Content) => source.model.commit(content);
  first.start();
  await until('it leads', () => first.leads);
  const [session] = zookeeper?.sessions ?? [];
  second.start();
  const history = [
    commit(hintContent(nextHint(null, source.model.nowMs(), 0.5), defaultHintFormat)),
    commit(createOrders),
    commit(insertOf(1, 2)),
  ];
  await until('the second one stands by', () => second.events.has('standby') && stage.lines === 3);
  // This is saved at once. What comes right after it is not.
  await world.run({ forMs: 2000 });
  history.push(commit(insertOf(3)));
  await until('a row is delivered', () => stage.lines === 4);
  await world.run({ forMs: 100 });
  history.push(commit(createOther));
  await until('a statement is delivered', () => stage.lines === 5);
  zookeeper?.expire(session?.id ?? 0n);
  await until('the second one leads', () => second.events.has('checkpoint.saved'));
  // The first one saves what it had left. It does so before the second one saves once more.
  const layouts = () => zookeeper?.tree.get('/waymark/simulation/layouts')?.data;
  const ofSecond = layouts();
  await until('the first one has tried', () => layouts() !== ofSecond || first.events.has('write.refused'));
  home.losePower();
  // Whoever leads now must know the columns from before the change.
  history.push(commit(insertOf(4)), commit(alterOrders()));
  home.boot();
  await until('all is delivered', () => stage.lines === 7);
  expect(faultsOf(history, stage.delivered.records, { inOrder: true, isWhole: true })).toEqual([]);
  expect(agents.filter(({ events }) => events.has('layouts.lost'))).toEqual([]);
});

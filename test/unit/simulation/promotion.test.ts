import { describe, expect, test } from 'vitest';
import { defaultHintFormat } from '../../../src/hints/hint.js';
import { nextHint } from '../../../src/hints/next-hint.js';
import { faultsOf } from '../../simulation/judge.js';
import type { Plan } from '../../simulation/plan.js';
import { promoteAfterDeath, promoteByPlan } from '../../simulation/promotion.js';
import type { Content, Transaction } from '../../simulation/server/transaction.js';
import { hintContent } from '../../simulation/server/workload.js';
import { Stage } from '../../simulation/stage.js';
import { createOrders, idsOf, insertOf } from './models.js';

const plan: Plan = {
  ...{ vendor: 'mysql', gtidMode: true, keepsOrder: true, rowMetadata: 'FULL', mostRowBytes: 8192 },
  ...{ replicas: 2, sourceIsMember: false, store: 'file', agents: 1, hintEvery: 0, margin: 64, sink: 'file' },
  shadow: 'none',
  faults: 'any',
  ...{ failback: false, mostRows: 80, compression: 'none', promotions: true, anchors: 'auto', domains: 1 },
  // Nobody writes but the test.
  ...{ writeMs: 1e9, loadMs: 0, faultMs: 1e9 },
};

/** A pool and its agent, and what is committed where it is written at the time. */
class Play {
  readonly stage: Stage;

  constructor(of: Partial<Plan>) {
    this.stage = new Stage('a promotion', { ...plan, ...of });
    this.stage.begin();
  }

  commit(content: Content): Transaction {
    const { workload } = this.stage;
    const transaction = workload.source.commit(content);
    workload.history.push(transaction);
    return transaction;
  }

  async until(what: string, isSo: () => boolean): Promise<void> {
    expect([what, await this.stage.world.run({ forMs: 60_000, until: isSo })]).toEqual([what, 'met']);
  }
}

describe.each(['mysql', 'mariadb'] as const)('%s', (vendor) => {
  test.each<readonly [string, (stage: Stage) => void]>([
    [
      'by plan',
      (stage) => {
        const [next] = stage.replicas;
        if (next !== undefined) promoteByPlan(stage, next);
      },
    ],
    [
      'after a death',
      (stage) => {
        promoteAfterDeath(stage, 1000);
      },
    ],
  ])(
    'another server becomes the source %s, and all that is written before and after is delivered',
    async (_how, promote) => {
      const play = new Play({ vendor });
      const { stage } = play;
      const [old] = stage.databases;
      play.commit(createOrders);
      play.commit(insertOf(1, 2));
      await play.until('the first rows are delivered', () => stage.lines === 3);
      play.commit(insertOf(3));
      await play.until('the replicas have it', () =>
        stage.replicas.every(({ model }) => idsOf(model).length === 3),
      );
      promote(stage);
      await play.until('another one is the source', () => stage.source !== old);
      play.commit(insertOf(4, 5));
      await play.until('all others have it', () =>
        stage.replicas.every(({ model }) => model.readOnly && idsOf(model).length === 5),
      );
      expect(stage.source.model.readOnly).toBe(false);
      expect(stage.source.model.replication).toBeNull();
      await play.until('all is delivered', () => stage.lines === 6);
      const { records } = stage.delivered;
      expect(faultsOf(stage.workload.history, records, { inOrder: true, isWhole: true })).toEqual([]);
    },
  );
});

test('a server that alone has something stays the source when it dies', async () => {
  const play = new Play({});
  const { stage } = play;
  const { source } = stage;
  play.commit(createOrders);
  await play.until('it is delivered', () => stage.lines === 1);
  for (const { model } of stage.replicas) model.replication?.stopReceiver();
  play.commit(insertOf(1));
  promoteAfterDeath(stage, 1000);
  await stage.world.run({ forMs: 2000 });
  expect(source.isUp).toBe(false);
  await play.until('it is back', () => source.isUp);
  expect(stage.source).toBe(source);
  expect(idsOf(source.model)).toEqual([1]);
  expect(stage.isPaused).toBe(false);
});

test('a server that goes on below another source gets each transaction once, in whatever order they stand there', async () => {
  const play = new Play({ keepsOrder: false, hintEvery: 5, anchors: 'hints' });
  const { stage } = play;
  play.commit(hintContent(nextHint(null, stage.source.model.nowMs(), 0.5), defaultHintFormat));
  play.commit(createOrders);
  for (let id = 1; id <= 40; id += 1) play.commit(insertOf(id));
  const [next, other] = stage.replicas;
  if (next === undefined || other === undefined) throw new Error('there are two replicas');
  await play.until('one has all', () => idsOf(next.model).length === 40);
  promoteByPlan(stage, next);
  await play.until('it is the source', () => stage.source === next);
  play.commit(hintContent(nextHint(null, stage.source.model.nowMs(), 0.7), defaultHintFormat));
  play.commit(insertOf(41));
  await play.until('the others have all', () =>
    stage.replicas.every(({ model }) => idsOf(model).length === 41),
  );
  expect(stage.replicas.map(({ model }) => model.replication?.applierError.number)).toEqual([0, 0]);
});

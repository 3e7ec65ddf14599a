import { expect, test } from 'vitest';
import { defaultKind } from '../../servers/kind.js';
import { expectCutOff, inTheMiddle, writeBigTransaction } from '../../support/big-transaction.js';
import { scenario } from '../../support/scenario.js';
import { SlowReader } from '../../support/slow-reader.js';

/** What MariaDB has logged is delivered when it is here whole: its server's death cuts nothing off. */
const isMysql = defaultKind().vendor === 'mysql';
const why = isMysql ? '' : ' (skipped: MariaDB)';

/** A transaction that is read slowly, and applied again by a server that was killed within it. */
const limits = { timeout: 300_000 };

test('one replica is killed and comes back, then the other one is killed', async () => {
  await scenario({}, async (stage) => {
    const agent = await stage.startAgent();
    await stage.startLoad();
    const [a, b] = [stage.replica(0), stage.replica(1)];
    await stage.delivered(200);
    await stage.hints.next();
    await a.kill();
    await agent.waitForEvent('failover.done', ({ to }) => to === b.address);
    await a.restart();
    await stage.delivered(300);
    await stage.hints.next();
    await b.kill();
    await agent.waitForEvent('failover.done', ({ from, to }) => from === b.address && to === a.address);
    await stage.committed(40);
    const verdict = await stage.finish();
    expect(stage.moves()).toHaveLength(2);
    expect(Object.keys(verdict.servers)).toEqual([a.address, b.address]);
  });
});

test.skipIf(!isMysql)(
  `both are killed, one after the other, within the same transaction of 200,000 rows${why}`,
  limits,
  async () => {
    const large = { binlog_row_event_max_size: 65_536 };
    const options = {
      topology: { replicas: [{}, large] },
      config: { sink: { type: 'stdout' } },
      agent: { limitMs: 280_000 },
    };
    await scenario(options, async (stage) => {
      const reader = new SlowReader(stage.audit);
      const agent = await stage.startAgent({}, reader.read);
      await stage.startLoad({ rate: 20 });
      const [a, b] = [stage.replica(0), stage.replica(1)];
      await stage.delivered(100);
      await stage.hints.next();
      reader.restMs = 4;
      await writeBigTransaction(stage);
      await inTheMiddle(stage);
      await a.kill();
      await agent.waitForEvent('failover.started', ({ from }) => from === a.address);
      // The rest of the transaction takes seconds, so that there is time to kill the other one within it.
      reader.restMs = 25;
      await a.restart();
      await agent.waitForEvent('failover.done', ({ to }) => to === b.address);
      await stage.delivered(1000);
      await b.kill();
      reader.restMs = 0;
      const cut = await agent.waitForEvent('failover.started', ({ from }) => from === b.address);
      expectCutOff(cut, stage);
      await agent.waitForEvent('failover.done', ({ from, to }) => from === b.address && to === a.address);
      await stage.finish();
    });
  },
);

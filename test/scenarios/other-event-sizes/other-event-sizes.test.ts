import { test } from 'vitest';
import { until } from '../../servers/wait.js';
import { expectCutOff, inTheMiddle, writeBigTransaction } from '../../support/big-transaction.js';
import { scenario } from '../../support/scenario.js';

const small = { binlog_row_event_max_size: 256, max_binlog_size: 65_536 };

test('the candidate splits rows into other events and its log into other files', async () => {
  await scenario({ topology: { replicas: [{}, small] } }, async (stage) => {
    const agent = await stage.startAgent();
    await stage.startLoad({ rate: 150 });
    await stage.delivered(600);
    await until('the candidate has split its log', async () => {
      const logs = await stage.replica(1).query('SHOW BINARY LOGS');
      return logs.length > 3;
    });
    await stage.hints.next();
    await stage.replica(0).kill();
    await agent.waitForEvent('failover.done', ({ to }) => to === stage.replica(1).address);
    await stage.committed(60);
    await stage.finish();
  });
});

test('a transaction that is cut off in its middle goes on where the next server has no event boundary', async () => {
  const large = { binlog_row_event_max_size: 65_536, max_binlog_size: 65_536 };
  await scenario({ topology: { replicas: [{}, large] } }, async (stage) => {
    const agent = await stage.startAgent();
    await stage.startLoad({ rate: 40 });
    await stage.delivered(100);
    await stage.hints.next();
    await writeBigTransaction(stage);
    await inTheMiddle(stage);
    const started = agent.next('failover.started');
    await stage.replica(0).kill();
    const cut = await started;
    expectCutOff(cut, stage);
    await agent.waitForEvent('failover.done', ({ to }) => to === stage.replica(1).address);
    await stage.finish();
  });
});

import { expect, test } from 'vitest';
import { bigRows, expectCutOff, inTheMiddle, writeBigTransaction } from '../../support/big-transaction.js';
import { scenario } from '../../support/scenario.js';

test('the tailed replica is killed in the middle of a transaction of 200,000 rows', async () => {
  await scenario({}, async (stage) => {
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
    await stage.switched(stage.replica(1));
    const verdict = await stage.finish();
    expect(verdict.delivered).toBeGreaterThan(bigRows);
    expect(Object.keys(verdict.servers)).toHaveLength(2);
  });
});

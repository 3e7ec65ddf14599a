import { expect, test } from 'vitest';
import { bigRows, inTheMiddle } from '../../support/big-transaction.js';
import { scenario } from '../../support/scenario.js';

test('the tailed replica is killed in the middle of a transaction of 200,000 rows', async () => {
  await scenario({}, async (stage) => {
    const agent = await stage.startAgent();
    const load = await stage.startLoad({ rate: 40 });
    await stage.delivered(100);
    await stage.hints.next();
    await load.bigTransaction(bigRows);
    await inTheMiddle(stage);
    await stage.replica(0).kill();
    const cut = await agent.waitForEvent('failover.started');
    expect(cut['partialChanges']).toBeGreaterThan(1000);
    expect(cut['partialChanges']).toBeLessThan(bigRows);
    await agent.waitForEvent('failover.done');
    const verdict = await stage.finish();
    expect(verdict.delivered).toBeGreaterThan(bigRows);
    expect(Object.keys(verdict.servers)).toHaveLength(2);
  });
});

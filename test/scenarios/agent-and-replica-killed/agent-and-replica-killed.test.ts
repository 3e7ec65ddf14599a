import { expect, test } from 'vitest';
import { bigRows, inTheMiddle, writeBigTransaction } from '../../support/big-transaction.js';
import { scenario } from '../../support/scenario.js';

test('agent and tailed replica are killed at once: the new agent goes on from the other replica', async () => {
  await scenario({}, async (stage) => {
    await stage.startAgent();
    await stage.startLoad({ rate: 150 });
    await stage.delivered(300);
    await stage.hints.next();
    await stage.hints.next();
    await Promise.all([stage.agent.kill(), stage.replica(0).kill()]);
    await stage.committed(30);
    const agent = await stage.launchAgent();
    const started = await agent.waitForEvent('stream.started');
    expect(started).toMatchObject({ server: stage.replica(1).address, confidence: 'exact' });
    const verdict = await stage.finish();
    expect(Object.keys(verdict.servers)).toEqual([stage.replica(0).address, stage.replica(1).address]);
  });
});

test('both are killed in the middle of a transaction of 200,000 rows', async () => {
  await scenario({}, async (stage) => {
    await stage.startAgent();
    await stage.startLoad({ rate: 40 });
    await stage.delivered(100);
    await stage.hints.next();
    await writeBigTransaction(stage);
    await inTheMiddle(stage);
    await Promise.all([stage.agent.kill(), stage.replica(0).kill()]);
    const agent = await stage.startAgent();
    expect(agent.all('stream.started')[0]).toMatchObject({
      server: stage.replica(1).address,
      confidence: 'exact',
    });
    const verdict = await stage.finish();
    expect(verdict.delivered).toBeGreaterThan(bigRows);
  });
});

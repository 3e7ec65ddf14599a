import { expect, test } from 'vitest';
import { scenario } from '../../support/scenario.js';

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
    expect(agent.all('failover.done')).toHaveLength(2);
    expect(Object.keys(verdict.servers)).toEqual([a.address, b.address]);
  });
});

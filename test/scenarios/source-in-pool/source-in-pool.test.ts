import { expect, test } from 'vitest';
import { scenario } from '../../support/scenario.js';

test('the source is a member of the pool: it takes over from its replica, and a replica from it', async () => {
  await scenario({ topology: { replicas: 1 } }, async (stage) => {
    const [replica, { source }] = [stage.replica(0), stage];
    const agent = await stage.startAgent({ servers: [replica.address, source.address] });
    await stage.startLoad({ rate: 150 });
    await stage.delivered(600);
    await stage.hints.next();
    await replica.kill();
    await agent.waitForEvent('failover.done', ({ to }) => to === source.address);
    await stage.committed(60);
    await stage.level();
    await stage.agent.kill();
    await replica.restart();
    await stage.topology.waitForReplicas();
    const restarted = await stage.startAgent({ servers: [replica.address] });
    expect(restarted.all('stream.started')[0]).toMatchObject({
      server: replica.address,
      confidence: 'exact',
    });
    await stage.committed(60);
    await stage.finish();
  });
});

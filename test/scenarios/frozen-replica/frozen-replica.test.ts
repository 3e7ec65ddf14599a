import { expect, test } from 'vitest';
import { scenario } from '../../support/scenario.js';

test('the tailed replica stands still with its connection open: the silence is noticed', async () => {
  await scenario({}, async (stage) => {
    const agent = await stage.startAgent();
    await stage.startLoad();
    await stage.delivered(200);
    await stage.hints.next();
    await stage.replica(0).freeze();
    const done = await agent.waitForEvent('failover.done', ({ to }) => to === stage.replica(1).address);
    expect(done).toMatchObject({ finding: 'unreachable' });
    expect(done['blackoutMs']).toBeLessThan(15_000);
    await stage.committed(40);
    await stage.replica(0).resume();
    await stage.committed(40);
    await stage.finish();
    expect(stage.moves()).toHaveLength(1);
  });
});

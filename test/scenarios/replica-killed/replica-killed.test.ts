import { expect, test } from 'vitest';
import { isMove } from '../../support/agent-process.js';
import { scenario } from '../../support/scenario.js';

test('the tailed replica is killed: the stream goes on from another one, and nobody can tell', async () => {
  await scenario({}, async (stage) => {
    const agent = await stage.startAgent();
    await stage.startLoad();
    await stage.delivered(200);
    await stage.hints.next();
    await stage.replica(0).kill();
    const done = await agent.waitForEvent('failover.done', isMove);
    expect(done).toMatchObject({ from: stage.replica(0).address, to: stage.replica(1).address });
    await stage.committed(50);
    const verdict = await stage.finish();
    expect(Object.keys(verdict.servers)).toEqual([stage.replica(0).address, stage.replica(1).address]);
  });
});

import { expect, test } from 'vitest';
import { startReplication, stopReplication } from '../../servers/index.js';
import { scenario } from '../../support/scenario.js';

test('the candidate lags by several hints: what it has not got yet is waited for and passed over', async () => {
  await scenario({}, async (stage) => {
    const agent = await stage.startAgent();
    await stage.startLoad();
    const [tailed, candidate] = [stage.replica(0), stage.replica(1)];
    await stage.delivered(200);
    await stopReplication(candidate, 'sql');
    for (let hints = 0; hints < 5; hints += 1) await stage.hints.next();
    await stage.delivered(100);
    const started = agent.next('failover.started');
    await tailed.kill();
    await started;
    for (let hints = 0; hints < 4; hints += 1) await stage.hints.next();
    expect(stage.moves()).toEqual([]);
    await startReplication(candidate, 'sql');
    await agent.waitForEvent('failover.done', ({ to }) => to === candidate.address);
    await stage.committed(40);
    await stage.finish();
  });
});

test('the candidate has none of the hints that are remembered: it is waited for', async () => {
  await scenario({ config: { matching: { margin: 1 } }, hintsEveryMs: 300 }, async (stage) => {
    const agent = await stage.startAgent();
    await stage.startLoad();
    const [tailed, candidate] = [stage.replica(0), stage.replica(1)];
    await stage.delivered(100);
    await stopReplication(candidate, 'sql');
    for (let hints = 0; hints < 5; hints += 1) {
      await stage.hints.next();
      // Without hints, one transaction of 64 is an anchor.
      await stage.committed(60);
    }
    // The agent remembers the last of these hints alone only when it has read it.
    await stage.level();
    await tailed.kill();
    await agent.waitForEvent('candidate.behind', ({ server }) => server === candidate.address);
    await stage.hints.next();
    await startReplication(candidate, 'sql');
    await agent.waitForEvent('failover.done', ({ to }) => to === candidate.address);
    await stage.committed(40);
    await stage.finish();
  });
});

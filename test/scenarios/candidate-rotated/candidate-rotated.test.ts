import { expect, test } from 'vitest';
import { binlogEnd } from '../../servers/index.js';
import { scenario } from '../../support/scenario.js';

test('the candidate has rotated its logs in between, also right behind a hint', async () => {
  await scenario({}, async (stage) => {
    const agent = await stage.startAgent();
    await stage.startLoad();
    const [tailed, candidate] = [stage.replica(0), stage.replica(1)];
    for (let rotations = 0; rotations < 6; rotations += 1) {
      await stage.delivered(40);
      await stage.hints.next();
      await candidate.query('FLUSH LOCAL BINARY LOGS');
    }
    expect((await binlogEnd(candidate)).file).not.toBe((await binlogEnd(tailed)).file);
    await tailed.kill();
    await agent.waitForEvent('failover.done', ({ to }) => to === candidate.address);
    await candidate.query('FLUSH LOCAL BINARY LOGS');
    await stage.committed(40);
    await stage.finish();
  });
});

test('the hint is the last thing in its log file, on the candidate and on the tailed replica', async () => {
  await scenario({ hintsEveryMs: 60_000 }, async (stage) => {
    // No load yet: nothing comes behind the hint.
    const [tailed, candidate] = [stage.replica(0), stage.replica(1)];
    await stage.topology.waitForReplicas();
    for (const server of [tailed, candidate, stage.source]) await server.query('FLUSH LOCAL BINARY LOGS');
    const agent = await stage.startAgent();
    await tailed.kill();
    await agent.waitForEvent('failover.done', ({ to }) => to === candidate.address);
    await stage.startLoad();
    await stage.committed(60);
    await stage.finish();
  });
});

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runWaymark } from '../../unit/cli/waymark.js';
import { scenario } from '../../support/scenario.js';

test('nobody injects hints: it is said beforehand, and losing the server is an error, not a guess', async () => {
  await scenario({ hintsEveryMs: 0 }, async (stage) => {
    const agent = await stage.startAgent();
    await stage.startLoad();
    await agent.waitForEvent('hints.missing', ({ level }) => level === 'warn');
    const check = await runWaymark(['check', '-c', join(stage.folder, 'waymark.yaml')]);
    expect(check.stdout + check.stderr).toMatch(/no hint/i);
    await stage.delivered(200);
    const before = await stage.follower.lines();
    await stage.replica(0).kill();
    const end = await agent.ended;
    expect(end.code, agent.log()).toBe(1);
    expect(agent.all('stopped')[0]).toMatchObject({ code: 'no-trail' });
    expect(agent.all('stream.started')).toHaveLength(1);
    expect(await stage.follower.lines()).toBeGreaterThanOrEqual(before);
  });
});

test('the first hint comes late: from then on a server may be lost', async () => {
  await scenario({ hintsEveryMs: 0 }, async (stage) => {
    const agent = await stage.startAgent();
    await stage.startLoad();
    await stage.delivered(200);
    await stage.startHints();
    await stage.hints.next();
    await stage.delivered(100);
    await stage.replica(0).kill();
    await agent.waitForEvent('failover.done', ({ to }) => to === stage.replica(1).address);
    await stage.committed(40);
    await stage.finish();
  });
});

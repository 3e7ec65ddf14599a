import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runWaymark } from '../../unit/cli/waymark.js';
import { readAudit } from '../../support/audit.js';
import { explain, judge } from '../../support/judge.js';
import { readTruth } from '../../support/oracle.js';
import { scenario } from '../../support/scenario.js';

test('nobody injects hints: it is said beforehand, and losing the server is an error, not a guess', async () => {
  await scenario({ hintsEveryMs: 0, config: { anchors: 'hints' } }, async (stage) => {
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
    const read = agent.all('stream.started').map(({ server }) => server);
    expect([...new Set(read)]).toEqual([stage.replica(0).address]);
    expect(await stage.follower.lines()).toBeGreaterThanOrEqual(before);
  });
});

test('nobody injects hints, and the agent is killed: on the same server it goes on behind what was delivered', async () => {
  await scenario({ hintsEveryMs: 0, config: { anchors: 'hints' } }, async (stage) => {
    await stage.startAgent();
    await stage.startLoad({ rate: 300 });
    // Long and short lives: after a short one the checkpoint's trail is little more than what the sink held.
    for (const [kill, records] of [150, 20, 20, 150, 20].entries()) {
      await stage.delivered(records);
      await stage.agent.kill();
      await stage.committed(20);
      if (kill === 2) await stage.replica(0).query('FLUSH BINARY LOGS');
      await stage.startAgent();
    }
    // The point of it: the audit had more than the checkpoint knew of.
    expect(stage.events('sink.recovered').length).toBeGreaterThan(0);
    await stage.load.stop();
    await stage.level();
    await stage.stopAgent();
    const verdict = await judge(readAudit(stage.audit), await readTruth(stage.source));
    expect(verdict.ok, explain(verdict)).toBe(true);
    expect(Object.keys(verdict.servers)).toEqual([stage.replica(0).address]);
  });
});

test('the first hint comes late: from then on a server may be lost', async () => {
  await scenario({ hintsEveryMs: 0, config: { anchors: 'hints' } }, async (stage) => {
    const agent = await stage.startAgent();
    await stage.startLoad();
    await stage.delivered(200);
    await stage.startHints();
    await stage.hints.next();
    await stage.delivered(100);
    // What has been delivered may all be from before the hint.
    await stage.level();
    await stage.replica(0).kill();
    await agent.waitForEvent('failover.done', ({ to }) => to === stage.replica(1).address);
    await stage.committed(40);
    await stage.finish();
  });
});

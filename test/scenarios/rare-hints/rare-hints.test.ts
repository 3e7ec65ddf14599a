import { expect, test } from 'vitest';
import { defaultKind } from '../../servers/kind.js';
import { isMove } from '../../support/agent-process.js';
import { scenario } from '../../support/scenario.js';

const { vendor, settings } = defaultKind();
const hasGtids = vendor === 'mariadb' || settings['gtid_mode'] !== 'OFF';

test(
  'hints are rare: a place is found by the nearest GTID, and the stream stays one by hints',
  { timeout: 180_000 },
  async () => {
    const config = { anchors: 'hints', matching: { margin: 20 } };
    await scenario({ hintsEveryMs: 600_000, config }, async (stage) => {
      const [one, other] = [stage.replica(0), stage.replica(1)];
      const agent = await stage.startAgent();
      await stage.startLoad({ rate: 150 });
      await stage.committed(600);
      await stage.level();
      await one.kill();
      const first = await agent.waitForEvent('failover.done', isMove);
      expect(first).toMatchObject({ to: other.address, confidence: 'exact' });
      if (hasGtids) {
        expect(first['hint']).toBeNull();
        expect(first['gtid']).toMatch(/-|:/);
        const [located] = agent.all('candidate.located');
        expect(located?.['gtid']).toBe(first['gtid']);
      } else expect(first['hint']).toMatch(/^asc:/);

      // The checkpoint doesn't have the GTID: an agent that is started anew goes by the hint.
      await one.restart();
      await stage.topology.waitForReplicas();
      await agent.kill();
      await stage.committed(30);
      await stage.startAgent();
      const [restarted] = stage.agent.all('stream.started');
      expect(restarted).toMatchObject({ server: other.address, confidence: 'exact' });
      expect(restarted?.['hint']).toMatch(/^asc:/);
      await stage.committed(200);
      await stage.level();
      const second = stage.agent.next('failover.done', isMove);
      await other.kill();
      expect(await second).toMatchObject({ to: one.address, confidence: 'exact' });
      await stage.committed(200);
      await stage.level();

      // A GTID that was delivered from this server alone.
      await other.restart();
      await stage.topology.waitForReplicas();
      const third = stage.agent.next('failover.done', isMove);
      await one.kill();
      expect(await third).toMatchObject({
        ...{ to: other.address, confidence: 'exact' },
        ...(hasGtids ? { hint: null } : {}),
      });
      await stage.committed(50);
      await stage.finish();
      for await (const { id, tx } of stage.records()) {
        if (!id.startsWith(`${tx.hint ?? ''}/`)) throw new Error(`${id} is not made of a hint`);
      }
    });
  },
);

import { expect } from 'vitest';
import type { AgentProcess } from './agent-process.js';
import { type Changer, Proxy } from './proxy.js';
import { type Scenario, scenario } from './scenario.js';

/**
 * A whole run in which what the first member of the pool sends is changed on its way: it is left, the next one is taken, and
 * everything is delivered once.
 * @param spoil has the next thing changed.
 * @param judge is shown the agent when it has gone over, and again at the end.
 */
export async function spoiltMemberIsLeft(
  changer: Changer,
  spoil: (stage: Scenario) => void | Promise<void>,
  judge: (agent: AgentProcess) => void,
): Promise<void> {
  await scenario({}, async (stage) => {
    const spoilt = await Proxy.start(stage.replica(0), changer);
    try {
      const next = stage.replica(1).address;
      const agent = await stage.startAgent({
        servers: [{ address: spoilt.address, priority: 10 }, next],
        failover: { cooldown: '0s' },
      });
      await stage.startLoad({ rate: 60 });
      await stage.delivered(100);
      await stage.hints.next();
      await spoil(stage);
      const done = await agent.waitForEvent('failover.done', ({ to }) => to === next);
      expect(done).toMatchObject({ from: spoilt.address, confidence: 'exact' });
      judge(agent);
      await stage.committed(60);
      await stage.finish();
      judge(agent);
    } finally {
      await spoilt.stop();
    }
  });
}

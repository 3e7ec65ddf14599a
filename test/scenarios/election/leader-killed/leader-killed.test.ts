import { expect, test } from 'vitest';
import type { AgentStatus } from '../../../../src/failover/status.js';
import { until } from '../../../servers/wait.js';
import type { AgentProcess } from '../../../support/agent-process.js';
import { backends, pair } from '../../../support/pair.js';

async function statusOf(agent: AgentProcess): Promise<AgentStatus> {
  const { address } = await agent.waitForEvent('http.listening');
  const response = await fetch(`http://${String(address)}/status`);
  return (await response.json()) as AgentStatus;
}

test.each(backends)('the leader is killed: the other goes on where it was (%s)', async (backend) => {
  await pair(backend, async (two) => {
    await two.start();
    await two.stage.startLoad({ rate: 80 });
    await two.stage.delivered(100);
    await two.agent('one').kill();
    const killedAt = performance.now();
    await two.leads('two', two.token('one'));
    console.log(
      `${backend}: ${Math.round(performance.now() - killedAt)} ms from the kill to the new leader's reading`,
    );
    await two.stage.delivered(100);
    // And back: the one that was killed comes again, and stands by.
    await two.launch('one', { config: { http: { listen: '127.0.0.1:0' } } });
    await two.agent('one').waitForEvent('standby');
    await until('the standby sees that the pool is well', async () => {
      const status = await statusOf(two.agent('one'));
      if (status.phase.kind !== 'standby' || status.members.length < 2) return false;
      return status.members.every(({ finding }) => finding === 'healthy');
    });
    await two.agent('two').kill();
    await two.leads('one', two.token('two'));
    await two.stage.delivered(100);
    await two.finish();
    expect(two.stage.events('leader.acquired').length).toBeGreaterThanOrEqual(3);
  });
});

import { expect, test } from 'vitest';
import { type AgentProcess, isMove, type LogEvent } from '../../support/agent-process.js';
import { type Scenario, scenario } from '../../support/scenario.js';

/** A stream under load, from the first replica, with the second one as its shadow. */
function play(
  act: (stage: Scenario, agent: AgentProcess, shadowed: LogEvent) => Promise<void>,
): Promise<unknown> {
  return scenario({ config: { shadow: true }, topology: { replicas: 2 } }, async (stage) => {
    const agent = await stage.startAgent();
    const shadowed = agent.waitForEvent('shadow.started');
    await stage.startLoad();
    await stage.delivered(200);
    await stage.hints.next();
    await act(stage, agent, await shadowed);
    await stage.committed(50);
    await stage.finish();
  });
}

test('the server that is read is killed: the stream goes on from its shadow, at once', async () => {
  await play(async (stage, agent, shadowed) => {
    expect(shadowed).toMatchObject({ server: stage.replica(1).address });
    await stage.delivered(100);
    await stage.replica(0).kill();
    const done = await agent.waitForEvent('failover.done', isMove);
    expect(done).toMatchObject({
      from: stage.replica(0).address,
      to: stage.replica(1).address,
      confidence: 'exact',
    });
  });
});

test('the server that is read is frozen: the stream goes over to its shadow when it falls silent', async () => {
  await play(async (stage, agent) => {
    await stage.delivered(100);
    await stage.replica(0).freeze();
    const done = await agent.waitForEvent('failover.done', isMove);
    expect(done).toMatchObject({ to: stage.replica(1).address, finding: 'silent', confidence: 'exact' });
    await stage.replica(0).resume();
  });
});

import { expect, test } from 'vitest';
import type { TestServer } from '../../../servers/index.js';
import { until } from '../../../servers/wait.js';
import { isMove } from '../../../support/agent-process.js';
import { scenario } from '../../../support/scenario.js';

const frozenForMs = 30_000;

test('killed, frozen, killed, until one is left; the frozen one thaws half a minute later', async () => {
  await scenario({ topology: { replicas: 4 } }, async (stage) => {
    const agent = await stage.startAgent();
    await stage.startLoad();
    let read: TestServer = stage.replica(0);
    /** Has something happen to the server that is read, and gives what the agent says. */
    const strike = async (blow: (victim: TestServer) => Promise<void>) => {
      await stage.delivered(100);
      await stage.hints.next();
      const from = read;
      await blow(from);
      const done = await agent.waitForEvent(
        'failover.done',
        (event) => isMove(event) && event['from'] === from.address,
      );
      const next = stage.topology.replicas.find(({ address }) => address === done['to']);
      if (!next) throw new Error(`went on from ${String(done['to'])}`);
      read = next;
      return done;
    };
    expect(await strike((victim) => victim.kill())).toMatchObject({ finding: 'dead' });
    const frozen = read;
    const done = await strike((victim) => victim.freeze());
    const frozenAt = performance.now();
    expect(done).toMatchObject({ finding: 'unreachable' });
    expect(done['blackoutMs']).toBeLessThan(15_000);
    expect(await strike((victim) => victim.kill())).toMatchObject({ finding: 'dead' });

    const thawed = () => Promise.resolve(performance.now() - frozenAt > frozenForMs);
    await until('half a minute has passed', thawed, { timeoutMs: 60_000 });
    await frozen.resume();
    await stage.committed(80);
    const verdict = await stage.finish();
    expect(stage.moves()).toHaveLength(3);
    expect(Object.keys(verdict.servers)).toHaveLength(4);
  });
});

import { expect, test } from 'vitest';
import type { TestServer } from '../../../servers/index.js';
import { until } from '../../../servers/wait.js';
import { Random } from '../../../support/random.js';
import { scenario } from '../../../support/scenario.js';

const kills = 30;

test('thirty kills, each at a moment that has nothing to do with what the agent is doing', async () => {
  const seed = Number(process.env['WAYMARK_TEST_SEED'] ?? Date.now() % 1_000_000);
  console.log(`WAYMARK_TEST_SEED=${seed}`);
  const random = new Random(seed);
  await scenario(
    { topology: { replicas: 3 }, hintsEveryMs: 200, agent: { limitMs: 170_000 } },
    async (stage) => {
      const agent = await stage.startAgent({ failover: { cooldown: '0s' } });
      await stage.startLoad({ seed });
      await stage.delivered(50);
      const comingBack = new Map<TestServer, Promise<void>>();
      const running = (): TestServer[] =>
        stage.topology.replicas.filter((replica) => !comingBack.has(replica));
      const readNow = (): unknown => agent.all('stream.started').at(-1)?.['server'];
      for (let kill = 0; kill < kills; kill += 1) {
        await stage.committed(random.between(1, 30));
        await until('two replicas run', () => Promise.resolve(running().length >= 2));
        const read = running().find(({ address }) => address === readNow());
        const victim = read && random.chance(0.8) ? read : random.pick(running());
        await victim.kill();
        const back = victim.restart().then(() => {
          comingBack.delete(victim);
        });
        comingBack.set(victim, back);
        back.catch(() => undefined);
      }
      await Promise.all(comingBack.values());
      await stage.finish();
      const done = agent.all('failover.done');
      console.log(`${kills} kills, ${done.length} switches`);
      expect(done.length).toBeGreaterThan(5);
    },
  );
}, 180_000);

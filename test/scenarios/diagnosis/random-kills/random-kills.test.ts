import { expect, test } from 'vitest';
import type { TestServer } from '../../../servers/index.js';
import { until } from '../../../servers/wait.js';
import type { AgentProcess } from '../../../support/agent-process.js';
import { Random } from '../../../support/random.js';
import { scenario } from '../../../support/scenario.js';

const kills = 30;
/** Each of these waits until a server is read, and kills that one: enough switches come of it on any machine. */
const surelyEvery = 5;

/** What the agent says when it begins to read a server, when it loses it, and when all has been made up for. */
const turns = new Set(['stream.started', 'replica.suspect', 'failover.done']);

/** The server that the stream has gone on from, everything done; undefined while the agent is at it. */
function settledOn(agent: AgentProcess): unknown {
  const told = agent.events.findLast(({ event }) => turns.has(event ?? ''));
  if (told?.event === 'failover.done') return told['to'];
  return agent.all('replica.suspect').length === 0 ? told?.['server'] : undefined;
}

test('thirty kills, most of them at moments that have nothing to do with what the agent is doing', async () => {
  const seed = Number(process.env['WAYMARK_TEST_SEED'] ?? Date.now() % 1_000_000);
  console.log(`WAYMARK_TEST_SEED=${seed}`);
  const random = new Random(seed);
  await scenario(
    { topology: { replicas: 3 }, hintsEveryMs: 200, agent: { limitMs: 290_000 } },
    async (stage) => {
      const agent = await stage.startAgent({ failover: { cooldown: '0s' } });
      await stage.startLoad({ seed });
      await stage.delivered(50);
      const comingBack = new Map<TestServer, Promise<void>>();
      const running = (): TestServer[] =>
        stage.topology.replicas.filter((replica) => !comingBack.has(replica));
      const readNow = (): unknown => agent.all('stream.started').at(-1)?.['server'];
      const isSettled = (): Promise<TestServer | undefined> =>
        Promise.resolve(running().find(({ address }) => address === settledOn(agent)));
      for (let kill = 0; kill < kills; kill += 1) {
        await stage.committed(random.between(1, 30));
        await until('two replicas run', () => Promise.resolve(running().length >= 2), {
          timeoutMs: 60_000,
        });
        const isSure = kill % surelyEvery === surelyEvery - 1;
        const read = isSure
          ? await until('a server that runs is read', isSettled, { timeoutMs: 60_000 })
          : running().find(({ address }) => address === readNow());
        const victim = read && (isSure || random.chance(0.8)) ? read : random.pick(running());
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
}, 300_000);

import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type Agent, createAgent } from '../../../../src/agent.js';
import { parseConfig } from '../../../../src/config/load.js';
import type { Config } from '../../../../src/config/schema.js';
import { startReplication, stopReplication } from '../../../servers/index.js';
import { messageOf, until } from '../../../servers/wait.js';
import { type AgentConfig, type Scenario, scenario } from '../../../support/scenario.js';

const failover = { cooldown: '0s', stalledAfter: '1h' };

function configOf(stage: Scenario, change: AgentConfig = {}): Config {
  return parseConfig(stringify(stage.config({ failover, ...change })), 'test.yaml', {});
}

/** Runs an agent in this process while `play` plays, and stops it in order. */
async function withAgent(stage: Scenario, play: (agent: Agent) => Promise<void>): Promise<void> {
  const log: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log.push(chunk.toString());
      done();
    },
  });
  const ending = new AbortController();
  const agent = createAgent(configOf(stage), { logger: pino(stream) });
  const running = agent.run(ending.signal);
  try {
    await Promise.race([play(agent), running]);
  } catch (error) {
    throw new Error(`${messageOf(error)}\n${log.slice(-40).join('')}`, { cause: error });
  } finally {
    ending.abort();
    await running;
  }
}

/** The server that is read. */
function reading(agent: Agent): string | null {
  return agent.members().find((member) => member.reading)?.server ?? null;
}

test('moved, refused, taken out of the pool, back when asked for; added when nobody was left', async () => {
  await scenario({}, async (stage) => {
    const [a, b] = [stage.replica(0), stage.replica(1)];
    const [toA, toB] = [a, b].map(({ host, port }) => ({ host, port }));
    const { signal } = new AbortController();
    await withAgent(stage, async (agent) => {
      await until('a is read', () => Promise.resolve(reading(agent) === a.address));
      const load = await stage.startLoad();
      await stage.delivered(100);
      await stage.hints.next();
      await stage.delivered(20);
      // What is delivered comes from a; b may have less.
      await stage.topology.waitForReplicas([b]);

      const report = await agent.switchTo(toB!, signal);
      expect(report).toMatchObject({ from: a.address, to: b.address, confidence: 'exact' });
      expect(agent.status().switches.at(-1)).toMatchObject({
        finding: 'planned',
        blackoutMs: report.blackoutMs,
      });
      await stage.delivered(100);

      const refusal = { code: 'switch-refused' };
      await expect(agent.switchTo(toB!, signal)).rejects.toMatchObject(refusal);
      await expect(agent.switchTo({ host: 'nowhere', port: 1 }, signal)).rejects.toMatchObject(refusal);
      await stopReplication(a, 'sql');
      // Something is delivered that a hasn't got.
      await stage.level();
      await expect(agent.switchTo(toA!, signal)).rejects.toMatchObject(refusal);
      expect(reading(agent)).toBe(b.address);
      await stage.delivered(50);
      await startReplication(a, 'sql');
      await stage.topology.waitForReplicas([a]);

      const withoutB = agent.reload(configOf(stage, { servers: [a.address] }));
      expect(withoutB).toMatchObject({ added: [], removed: [b.address], notApplied: [] });
      await until('b is left', () => Promise.resolve(reading(agent) === a.address));
      await stage.delivered(50);

      // Another server for all we can see, and no one else to go to: its place is proved, and the agent acts on.
      await a.query('SET GLOBAL server_id = 4444');
      const last = () => agent.status().switches.at(-1);
      await until('a is proved anew', () =>
        Promise.resolve(last()?.finding === 'rebuilt' && !!last()?.blackoutMs),
      );
      expect(last()).toMatchObject({ from: a.address, to: a.address, confidence: 'exact' });
      await stage.delivered(50);

      const preferB = { servers: [a.address, { address: b.address, priority: 1 }] };
      const back = agent.reload(
        configOf(stage, { ...preferB, failover: { ...failover, failbackAfter: '1s' } }),
      );
      expect(back).toMatchObject({ added: [b.address], changed: ['failover.failbackAfter'] });
      await until('b is read again', () => Promise.resolve(reading(agent) === b.address));
      expect(agent.status().switches.at(-1)).toMatchObject({ finding: 'failback' });
      await stage.delivered(50);

      // Nobody is left; the one that is added then is taken.
      agent.reload(configOf(stage, { servers: [b.address] }));
      await b.kill();
      await until('b is lost', () => Promise.resolve(agent.status().finding === 'dead'));
      await until('b is refused', () => Promise.resolve(agent.members()[0]?.inTheWay != null));
      agent.reload(configOf(stage, { servers: [b.address, a.address] }));
      await until('a is read', () => Promise.resolve(reading(agent) === a.address));
      await stage.delivered(50);
      await load.stop();
      await stage.level();
    });
    await stage.judge();
  });
});

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { checkpointTable } from '../../../src/checkpoint/checkpoint-table.js';
import { startServer } from '../../servers/index.js';
import { until } from '../../servers/wait.js';
import { type AgentConfig, type Scenario, scenario } from '../../support/scenario.js';
import { AgentProcess } from '../../support/agent-process.js';

/** Two agents by mistake, of one stream and without an election: the second one unseats nobody. */

const otherMachine = fileURLToPath(new URL('../../support/other-machine.mjs', import.meta.url));

type Play = (stage: Scenario, config: AgentConfig) => Promise<void>;

const stores: Readonly<Record<'zookeeper' | 'mysql', (play: Play) => Promise<void>>> = {
  zookeeper: (play) =>
    scenario({ topology: { zookeeper: true } }, async (stage) => {
      const connect = stage.topology.zookeeper?.connectString;
      await play(stage, {
        checkpoint: { store: 'zookeeper', connect, root: '/waymark' },
        log: { level: 'debug' },
      });
    }),
  mysql: async (play) => {
    const tables = await startServer();
    try {
      await tables.query('CREATE DATABASE kept');
      await tables.query(checkpointTable('kept').sql);
      const { address: server, user, password } = tables;
      const checkpoint = { store: 'mysql', server, schema: 'kept', user, password };
      await scenario({}, (stage) =>
        play(stage, { checkpoint, getServerPublicKey: true, log: { level: 'debug' } }),
      );
    } finally {
      await tables.stop();
    }
  },
};

/** An agent of the same stream with a folder and an audit of its own. */
async function startBeside(
  stage: Scenario,
  config: AgentConfig,
  name: string,
  machine: 'same' | 'other',
): Promise<AgentProcess> {
  const folder = join(stage.folder, name);
  const agent = await AgentProcess.start({
    folder,
    config: stage.config({ ...config, sink: { type: 'file', path: join(folder, 'audit.ndjson') } }),
    ...(machine === 'other' ? { environment: { NODE_OPTIONS: `--import=${otherMachine}` } } : {}),
  });
  stage.agents.push(agent);
  return agent;
}

async function expectRefused(agent: AgentProcess, holder: AgentProcess): Promise<void> {
  expect(await agent.ended, agent.log()).toMatchObject({ code: 1 });
  expect(agent.all('stopped'), agent.log()).toMatchObject([
    { code: 'checkpoint-conflict', reason: expect.stringContaining(`process ${holder.pid} on`) as string },
  ]);
  expect(agent.all('stream.started')).toEqual([]);
}

describe.each(['zookeeper', 'mysql'] as const)('a second agent, with the checkpoint in %s', (store) => {
  test('is refused by name, on this machine at once, and the first goes on; killed, that one starts anew at once', async () => {
    await stores[store](async (stage, config) => {
      const first = await stage.startAgent(config);
      await stage.startLoad();
      await stage.delivered(100);
      const here = await startBeside(stage, config, 'here', 'same');
      await expectRefused(here, first);
      expect(here.all('waiting')).toEqual([]);
      const elsewhere = await startBeside(stage, config, 'elsewhere', 'other');
      await expectRefused(elsewhere, first);
      await stage.delivered(50);
      expect(first.running).toBe(true);
      expect(first.all('leader.lost')).toEqual([]);
      await first.kill();
      const again = await stage.launchAgent(config);
      await again.waitForEvent('stream.started');
      expect(again.all('waiting')).toEqual([]);
      await stage.committed(40);
      await stage.load.stop();
      await stage.level();
      await stage.stopAgent();
      await stage.judge();
    });
  });

  test('takes over from one that is frozen on another machine, and that one ends when it goes on', async () => {
    await stores[store](async (stage, config) => {
      const first = await stage.startAgent(config);
      await stage.startLoad();
      await stage.delivered(100);
      await first.waitForEvent('checkpoint.saved');
      await first.freeze();
      const second = await startBeside(stage, config, 'second', 'other');
      await second.waitForEvent('waiting');
      await second.waitForEvent('stream.started', () => true, 60_000);
      await second.waitForEvent('checkpoint.saved');
      first.resume();
      expect(await first.ended, first.log()).toMatchObject({ code: 1 });
      const saved = second.all('checkpoint.saved').length;
      await until('the second one still saves', () =>
        Promise.resolve(second.all('checkpoint.saved').length > saved),
      );
      expect(second.running, second.log()).toBe(true);
      expect(await second.stop()).toMatchObject({ code: 0 });
    });
  });
});

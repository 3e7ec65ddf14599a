import { expect, test } from 'vitest';
import type { ServerSettings, TestServer } from '../../servers/index.js';
import { until } from '../../servers/wait.js';
import type { AgentProcess } from '../../support/agent-process.js';
import { type FaultAt, FaultyProxy } from '../../support/faulty-proxy.js';
import { isMove } from '../../support/agent-process.js';
import { type AgentConfig, type Scenario, scenario } from '../../support/scenario.js';

/** Without names in the log each new table is looked up, over a connection that is idle in between. */
const nameless: ServerSettings = { binlog_row_metadata: 'MINIMAL' };
const options = { topology: { replicas: [nameless, nameless] } };

/** Creates a table and writes to it; resolves when what was written stands in the audit. */
async function newTable(stage: Scenario, name: string): Promise<void> {
  const { source } = stage;
  await source.query(`CREATE TABLE shop.${name} (id INT PRIMARY KEY, note VARCHAR(40))`);
  await write(stage, name);
  const mark = `last of ${name}`;
  await source.query(`INSERT INTO shop.${name} VALUES (1000, '${mark}')`);
  await until(`the audit holds ${name}`, () => stage.follower.holds(mark), { timeoutMs: 40_000 });
}

async function write({ source }: Scenario, name: string): Promise<void> {
  for (let id = 1; id <= 5; id += 1) {
    await source.query(`INSERT INTO shop.${name} VALUES (${id}, 'one'), (${id + 100}, 'another')`);
  }
}

/** The agent's connections to a server that are idle: but for a probe under way, the one for look-ups. */
async function idleConnections(server: TestServer): Promise<number[]> {
  const threads = await server.query<{ ID: number }>(
    "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'waymark' AND COMMAND = 'Sleep'",
  );
  return threads.map(({ ID }) => ID);
}

/** Starts an agent that may look columns up, and makes the schema behind that. */
async function start(stage: Scenario, change: AgentConfig = {}): Promise<AgentProcess> {
  const { source, topology } = stage;
  await source.query("GRANT SELECT ON *.* TO 'waymark'@'%'");
  await topology.waitForReplicas();
  const agent = await stage.startAgent(change);
  await source.query('CREATE DATABASE shop');
  return agent;
}

test('the connection for look-ups is killed again and again: the stream goes on where it is', async () => {
  await scenario(options, async (stage) => {
    const agent = await start(stage);
    await newTable(stage, 'first');
    let killed = 0;
    for (let table = 1; table <= 6; table += 1) {
      for (const id of await idleConnections(stage.replica(0))) {
        // A probe's may be gone by itself.
        await stage
          .replica(0)
          .query(`KILL ${id}`)
          .then(
            () => (killed += 1),
            () => undefined,
          );
      }
      await newTable(stage, `t${table}`);
    }
    expect(killed).toBeGreaterThanOrEqual(6);
    expect(agent.all('replica.suspect')).toEqual([]);
    await stage.stopAgent();
    await stage.judge();
  });
});

test('the server ends the idle connection for look-ups by itself (wait_timeout): the same', async () => {
  await scenario(options, async (stage) => {
    await stage.replica(0).query('SET GLOBAL wait_timeout = 1');
    const agent = await start(stage);
    await newTable(stage, 'first');
    for (let table = 1; table <= 4; table += 1) {
      // One that has been idle for a second is ended; a probe's is gone sooner.
      await until('the idle connection is ended', async () => {
        return (await idleConnections(stage.replica(0))).length === 0;
      });
      await newTable(stage, `t${table}`);
    }
    expect(agent.all('replica.suspect')).toEqual([]);
    await stage.stopAgent();
    await stage.judge();
  });
});

/** The first member behind a proxy that does something to the look-up of the table `late`. */
async function behindProxy(
  stage: Scenario,
  kind: FaultAt['kind'],
  play: (proxy: FaultyProxy, address: string) => Promise<void>,
): Promise<void> {
  const at = /COLUMNS.*'late'/;
  const proxy = await FaultyProxy.start(stage.replica(0), { kind, at });
  const address = `${proxy.target.host}:${String(proxy.target.port)}`;
  try {
    await start(stage, { servers: [address, stage.replica(1).address] });
    await newTable(stage, 'first');
    await stage.source.query('CREATE TABLE shop.late (id INT PRIMARY KEY, note VARCHAR(40))');
    await write(stage, 'late');
    await until('the look-up waits', () => Promise.resolve(proxy.met));
    await play(proxy, address);
    await newTable(stage, 'last');
    await stage.stopAgent();
    await stage.judge();
  } finally {
    await proxy.stop();
  }
}

test('the server is killed while a look-up waits for it: the stream goes on from another one', async () => {
  await scenario(options, async (stage) => {
    await behindProxy(stage, 'held', async (_, address) => {
      await stage.hints.next();
      await stage.replica(0).kill();
      const done = await stage.agent.waitForEvent('failover.done', isMove);
      expect(done).toMatchObject({ from: address, to: stage.replica(1).address });
    });
  });
});

test('the server answers a look-up no more, and nothing else: the same', async () => {
  await scenario(options, async (stage) => {
    await behindProxy(stage, 'silent', async (_, address) => {
      const done = await stage.agent.waitForEvent('failover.done', isMove);
      expect(done).toMatchObject({ from: address, to: stage.replica(1).address });
    });
  });
});

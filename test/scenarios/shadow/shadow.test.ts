import { expect, test } from 'vitest';
import type { AgentStatus } from '../../../src/index.js';
import { claimPort } from '../../servers/ports.js';
import { until } from '../../servers/wait.js';
import { stopReplication } from '../../servers/replication.js';
import { type AgentProcess, isMove, type LogEvent } from '../../support/agent-process.js';
import { type Scenario, scenario } from '../../support/scenario.js';

/** Within this time a lag is noticed on a busy machine. It takes little more than two seconds. */
const noticedMs = 8000;

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

test('the members take turns as the shadow. Each shows that it is equal, and the stream goes on from the present one', async () => {
  const port = await claimPort();
  const config = { shadow: { rotate: '2s' }, http: { listen: `127.0.0.1:${port}` } };
  const members = async (): Promise<AgentStatus['members']> => {
    const response = await fetch(`http://127.0.0.1:${port}/status`);
    return ((await response.json()) as AgentStatus).members;
  };
  await scenario({ config, topology: { replicas: 3 } }, async (stage) => {
    const agent = await stage.startAgent();
    await stage.startLoad();
    const shown = await until(
      'both others are proved equal',
      async () => {
        const [read, ...others] = await members();
        expect(read?.equal).toBeNull();
        const spans = others.flatMap(({ equal }) =>
          equal === null || equal.transactions < 50 ? [] : [equal],
        );
        return spans.length === 2 ? spans : undefined;
      },
      { timeoutMs: 60_000 },
    );
    for (const { since, until: end } of shown) expect(end).toBeGreaterThan(since);
    const { server, before } = await agent.next('shadow.started');
    expect(before).not.toBeNull();
    await stage.replica(0).kill();
    const done = await agent.waitForEvent('failover.done', isMove);
    expect(done).toMatchObject({ from: stage.replica(0).address, to: server, confidence: 'exact' });
    await stage.committed(50);
    await stage.finish();
  });
});

test('the applier of the server that is read stops: the stream goes over to its shadow, once', async () => {
  await play(async (stage, agent) => {
    await stage.delivered(100);
    const stoppedAtMs = Date.now();
    await stopReplication(stage.replica(0), 'sql');
    const done = await agent.waitForEvent('failover.done', isMove);
    const tookMs = Date.now() - stoppedAtMs;
    console.log(`noticed within ${String(tookMs)} ms`);
    expect(done).toMatchObject({ to: stage.replica(1).address, finding: 'lagging', confidence: 'exact' });
    expect(tookMs).toBeLessThan(noticedMs);
    await stage.delivered(200);
    expect(stage.moves()).toHaveLength(1);
  });
});

test('the applier of the server that is read stops, because its data differ: the log says so, once', async () => {
  await play(async (stage, agent) => {
    const server = stage.replica(0);
    await stage.source.query('CREATE DATABASE apart');
    await stage.source.query('CREATE TABLE apart.t (id INT PRIMARY KEY, n INT)');
    await stage.source.query('INSERT INTO apart.t VALUES (1, 1)');
    await stage.topology.waitForReplicas();
    await server.query('SET SESSION sql_log_bin = 0');
    await server.query('DELETE FROM apart.t');
    const diverged = agent.waitForEvent('replica.diverged');
    await stage.source.query('UPDATE apart.t SET n = 2');
    expect(await diverged).toMatchObject({ server: server.address, kind: 'applier', errorNumber: 1032 });
    const done = await agent.waitForEvent('failover.done', isMove);
    expect(done).toMatchObject({ finding: 'lagging', confidence: 'exact' });
    await stage.delivered(200);
    expect(agent.all('replica.diverged')).toHaveLength(1);
    expect(stage.moves()).toHaveLength(1);
  });
});

test('the server that is read is at an ALTER that its shadow has finished: the stream stays', async () => {
  await play(async (stage, agent) => {
    await stage.source.query('CREATE DATABASE apart');
    await stage.source.query('CREATE TABLE apart.t (id INT PRIMARY KEY)');
    await stage.topology.waitForReplicas();
    const holder = await stage.replica(0).connect();
    await holder.query('BEGIN');
    await holder.query('SELECT * FROM apart.t');
    const lags = agent.waitForEvent('server.lags');
    await stage.source.query('ALTER TABLE apart.t ADD COLUMN n INT');
    expect(await lags).toMatchObject({ server: stage.replica(0).address, shadow: stage.replica(1).address });
    await stage.committed(200);
    await holder.query('COMMIT');
    await stage.level();
    expect(agent.all('server.lags')).toHaveLength(1);
    expect(stage.moves()).toEqual([]);
  });
});

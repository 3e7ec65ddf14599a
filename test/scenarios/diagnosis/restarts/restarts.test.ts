import type { Connection } from 'mysql2/promise';
import { expect, test } from 'vitest';
import { readDump } from '../../../../src/dump/dump-stream.js';
import { Secret } from '../../../../src/config/secret.js';
import { binlogEnd, type TestServer } from '../../../servers/index.js';
import { until } from '../../../servers/wait.js';
import type { AgentProcess, LogEvent } from '../../../support/agent-process.js';
import { scenario } from '../../../support/scenario.js';

const ourId = 4_242_424;

/** Ends the agent's stream from a server, and nothing else. */
async function endStream(server: TestServer): Promise<void> {
  const threads = await server.query<{ id: number }>(
    "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = 'waymark' AND COMMAND LIKE 'Binlog Dump%'",
  );
  for (const { id } of threads) await server.query(`KILL ${id}`);
}

/** Has a server take no more connections; existing ones stay. Gives what undoes it. */
async function exhaust(server: TestServer): Promise<() => Promise<void>> {
  const held: Connection[] = [];
  while (held.length < 15) held.push(await server.connect());
  await server.query('SET GLOBAL max_connections = 10');
  return async () => {
    await server.query('SET GLOBAL max_connections = 200');
    for (const connection of held) connection.destroy();
  };
}

/** Reads a server's log with the agent's own id, until the server has sent something. */
async function readAs(serverId: number, server: TestServer): Promise<void> {
  const ending = new AbortController();
  const dump = readDump({
    instance: {
      address: { host: server.host, port: server.port },
      account: { user: server.user, password: new Secret(server.password), getServerPublicKey: true },
    },
    start: await binlogEnd(server),
    signal: ending.signal,
    serverId,
  });
  await dump.next();
  await dump.return();
}

/** The next time that the stream goes on from a server where it was. */
function reconnected(agent: AgentProcess, { address }: TestServer): Promise<LogEvent> {
  return agent.next('failover.done', ({ from, to }) => from === address && to === address);
}

async function resetLogs(server: TestServer): Promise<void> {
  await server.query(server.vendor === 'mariadb' ? 'RESET MASTER' : 'RESET BINARY LOGS AND GTIDS');
}

test('restarted, without room, with a twin, with its logs reset', async () => {
  const config = { serverId: ourId, failover: { restartGrace: '40s', cooldown: '1s' } };
  await scenario({ config }, async (stage) => {
    const [a, b] = [stage.replica(0), stage.replica(1)];
    const agent = await stage.startAgent();
    await stage.startLoad();
    await stage.delivered(100);
    await stage.hints.next();

    // Restarted: it is waited for, and the stream goes on there.
    const started = agent.all('failover.started').length;
    const back = reconnected(agent, a);
    await a.restart();
    expect(await back).toMatchObject({ finding: 'stream-broken' });
    expect(agent.all('failover.started')).toHaveLength(started);
    await stage.delivered(100);
    expect(stage.moves()).toEqual([]);

    // No room: as long as the stream flows nothing happens; then it is a reason to leave.
    const suspected = agent.all('replica.suspect').length;
    const undo = await exhaust(a);
    await stage.delivered(100);
    await stage.hints.next();
    const suspicions = agent.all('replica.suspect').slice(suspected);
    expect(suspicions.filter(({ code }) => code !== 'stream-silent')).toEqual([]);
    await endStream(a);
    expect(await stage.switched(b, a)).toMatchObject({ finding: 'unreachable', confidence: 'exact' });
    const left = agent.all('failover.started').findLast(({ from }) => from === a.address);
    expect(left).toMatchObject({ probe: 'turned-away' });
    await undo();
    await stage.delivered(100);

    // Another reader with our id: we take another one, and stay.
    const again = reconnected(agent, b);
    await readAs(ourId, b);
    expect(await agent.waitForEvent('server-id.changed')).toMatchObject({ server: b.address, before: ourId });
    expect(await again).toMatchObject({ finding: 'stream-broken' });
    await stage.topology.waitForReplicas([a]);
    await stage.delivered(100);

    // Logs reset: nothing there is where it was.
    const { position } = await binlogEnd(b);
    await resetLogs(b);
    await until('the log begins anew', async () => (await binlogEnd(b)).position < position);
    await endStream(b);
    expect(await stage.switched(a, b)).toMatchObject({ finding: 'rebuilt', confidence: 'exact' });
    await stage.committed(40);
    await stage.finish();
  });
});

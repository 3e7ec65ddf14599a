import type { Connection } from 'mysql2/promise';
import { expect, test } from 'vitest';
import {
  changeSource,
  replicationStatus,
  startReplication,
  stopReplication,
  type TestServer,
  waitUntilApplied,
} from '../../../servers/index.js';
import { Proxy } from '../../../support/proxy.js';
import { scenario } from '../../../support/scenario.js';

/** Longer than a busy machine keeps a replica from its work. */
const failover = { stalledAfter: '8s', cooldown: '1s' };
/** Three times a stall is waited for. */
const limits = { timeout: 240_000 };

/** Has a replica apply everything an hour late from now on. */
async function delay(replica: TestServer): Promise<void> {
  await stopReplication(replica);
  const change =
    replica.vendor === 'mariadb' ? 'CHANGE MASTER TO MASTER' : 'CHANGE REPLICATION SOURCE TO SOURCE';
  await replica.query(`${change}_DELAY = 3600`);
  await startReplication(replica);
}

/** Puts something between a replica and its source that can be cut. */
async function putBetween(replica: TestServer, source: TestServer): Promise<Proxy> {
  const proxy = await Proxy.start(source);
  await stopReplication(replica);
  const at = (await replicationStatus(replica))?.executed;
  const port = Number(proxy.address.split(':')[1]);
  const place = {
    name: 'the source behind a proxy',
    ...{ vendor: source.vendor, version: source.version, host: source.host, port },
    query: <T>(sql: string): Promise<T[]> => source.query<T>(sql),
    connect: (): Promise<Connection> => source.connect(),
  };
  await changeSource(replica, place, replica.vendor === 'mariadb' ? undefined : at);
  return proxy;
}

test('a replica that lives and stands still is left; where all stand still, nobody is', limits, async () => {
  await scenario(
    { topology: { replicas: 3 }, config: { failover }, agent: { limitMs: 230_000 } },
    async (stage) => {
      const [a, b, delayed] = [stage.replica(0), stage.replica(1), stage.replica(2)];
      const proxy = await putBetween(b, stage.source);
      try {
        await delay(delayed);
        const agent = await stage.startAgent();
        const load = await stage.startLoad();
        await stage.delivered(100);
        await stage.hints.next();

        await stopReplication(a, 'sql');
        expect(await stage.switched(b, a)).toMatchObject({ finding: 'stalled', confidence: 'exact' });
        await startReplication(a, 'sql');
        await stage.topology.waitForReplicas([a]);
        await stage.delivered(100);

        proxy.hold();
        expect(await stage.switched(a, b)).toMatchObject({ finding: 'stalled', confidence: 'exact' });
        proxy.release();
        await waitUntilApplied(b, stage.source);
        await stage.delivered(100);

        await stopReplication(b, 'sql');
        await stage.committed(20);
        // So that b isn't the one that is ahead.
        await stage.topology.waitForReplicas([a]);
        const standing = agent.next(
          'server.diagnosed',
          ({ server, finding, stays }) => server === a.address && finding === 'stalled' && stays === true,
        );
        await stopReplication(a, 'sql');
        const stands = await standing;
        expect(JSON.stringify(stands['rejections'])).toContain(b.address);
        const moved = agent.next('failover.done', ({ to }) => to === b.address);
        await startReplication(b, 'sql');
        expect(await moved).toMatchObject({ finding: 'stalled' });
        await startReplication(a, 'sql');

        await load.stop();
        await stage.hints.stop();
        await stage.level();
        // Nothing is left that one of them could be behind with.
        for (const replica of [a, b]) await waitUntilApplied(replica, stage.source);
        const before = agent.all('failover.started').length;
        // b knows its source by another address than the agent does.
        const down = agent.next('server.diagnosed', ({ finding }) => finding === 'source-down');
        await stage.source.kill();
        await down;
        expect(agent.all('failover.started')).toHaveLength(before);
        await stage.source.restart();
        await stage.finish();
        expect(stage.events('failover.done').map(({ to }) => to)).not.toContain(delayed.address);
      } finally {
        await proxy.stop();
      }
    },
  );
});

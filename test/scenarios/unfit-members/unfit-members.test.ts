import { expect, test } from 'vitest';
import { startReplication, stopReplication, type TestServer } from '../../servers/index.js';
import { defaultKind } from '../../servers/kind.js';
import { isMove } from '../../support/agent-process.js';
import { scenario, type ScenarioOptions } from '../../support/scenario.js';

const { vendor, settings } = defaultKind();
const hasGtids = vendor === 'mariadb' || settings['gtid_mode'] !== 'OFF';

/** The stream's anchors don't matter to what a member's settings are. */
const anchors: readonly (readonly [string, Pick<ScenarioOptions, 'hintsEveryMs' | 'config'>])[] = [
  ['hints', { hintsEveryMs: 400, config: { anchors: 'hints' } }],
  ...(hasGtids ? [['GTIDs', { hintsEveryMs: 0, config: { anchors: 'gtid' } }] as const] : []),
];

/** Lets a replica pass over a table. */
async function passOver(replica: TestServer, table: string): Promise<void> {
  await stopReplication(replica);
  await replica.query(
    vendor === 'mariadb'
      ? `SET GLOBAL replicate_ignore_table = '${table}'`
      : `CHANGE REPLICATION FILTER REPLICATE_IGNORE_TABLE = (${table})`,
  );
  await startReplication(replica);
}

async function delay(replica: TestServer, seconds: number): Promise<void> {
  await stopReplication(replica);
  await replica.query(
    vendor === 'mariadb'
      ? `CHANGE MASTER TO MASTER_DELAY = ${seconds}`
      : `CHANGE REPLICATION SOURCE TO SOURCE_DELAY = ${seconds}`,
  );
  await startReplication(replica);
}

test.each(anchors)(
  'a member with other replication filters is rejected by name; by %s',
  { timeout: 120_000 },
  async (_, options) => {
    await scenario({ topology: { replicas: 3 }, ...options }, async (stage) => {
      const [read, filtered, fit] = [stage.replica(0), stage.replica(1), stage.replica(2)];
      const agent = await stage.startAgent();
      await stage.startLoad();
      await stage.delivered(100);
      await passOver(filtered, 'shop.of_no_interest');
      await stage.committed(30);
      await stage.topology.waitForReplicas();
      await read.kill();
      const rejected = await agent.waitForEvent(
        'candidate.rejected',
        ({ server }) => server === filtered.address,
      );
      expect(String(rejected['reason'])).toMatch(
        /has other replication filters \(.*of_no_interest\) than the/i,
      );
      expect(await agent.waitForEvent('failover.done', isMove)).toMatchObject({
        ...{ to: fit.address, confidence: 'exact' },
      });
      await stage.committed(40);
      await stage.finish();
    });
  },
);

test.each(anchors)(
  'a delayed member is no better than a server that stands still, and is taken when no other is left; by %s',
  { timeout: 120_000 },
  async (_, { config, ...options }) => {
    const failover = { stalledAfter: '6s' };
    await scenario({ ...options, config: { ...config, failover } }, async (stage) => {
      const [read, delayed] = [stage.replica(0), stage.replica(1)];
      await delay(delayed, 3);
      const agent = await stage.startAgent();
      await stage.startLoad();
      await stage.delivered(100);
      await stopReplication(read, 'sql');
      const diagnosed = await agent.waitForEvent(
        'server.diagnosed',
        ({ finding, rejections }) =>
          finding === 'stalled' && JSON.stringify(rejections).includes('on purpose'),
      );
      expect(diagnosed['rejections']).toEqual([
        { server: delayed.address, reason: 'it is delayed by 3 s on purpose' },
      ]);
      expect(stage.moves()).toEqual([]);
      await startReplication(read, 'sql');
      await stage.topology.waitForReplicas([read]);
      await stage.level();
      await read.kill();
      expect(await agent.waitForEvent('failover.done', isMove)).toMatchObject({
        ...{ to: delayed.address, confidence: 'exact' },
      });
      await stage.committed(40);
      await stage.finish();
    });
  },
);

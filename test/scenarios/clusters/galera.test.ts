import { join } from 'node:path';
import { expect, test } from 'vitest';
import { galeraObstacle, startGalera, type GaleraCluster } from '../../servers/index.js';
import { until } from '../../servers/wait.js';
import { isMove } from '../../support/agent-process.js';
import { ClusterLoad } from '../../support/cluster-load.js';
import { playOn, type Scenario } from '../../support/scenario.js';
import { runWaymark } from '../../unit/cli/waymark.js';
import { deliverAll, errorsOf, judgeBy, partOf, topologyOf } from './stage.js';

/**
 * A pool of nodes of a Galera cluster, which clients write to at all nodes at once. The first node, which gets the hints,
 * is not in the pool: its log tells what was committed.
 */

const obstacle = await galeraObstacle();
const why = obstacle === '' ? '' : ` (skipped: ${obstacle})`;

async function play(act: (stage: Scenario, cluster: GaleraCluster, load: ClusterLoad) => Promise<void>) {
  const cluster = await startGalera();
  await playOn(topologyOf(cluster), {}, async (stage) => {
    const [first, ...pool] = cluster.nodes;
    await stage.startAgent({ servers: pool.map(({ address }) => address) });
    const load = await ClusterLoad.start(
      first!,
      cluster.nodes.map((node) => () => node),
    );
    await stage.delivered(100);
    await act(stage, cluster, load);
    await deliverAll(stage, load, first!);
    await judgeBy(stage, first!, 'one order');
  });
}

test.skipIf(obstacle !== '')(
  `Galera: the node that is read is killed, joins anew by SST, and is read again: exactly once, in order${why}`,
  () =>
    play(async (stage, cluster, load) => {
      const [read, other] = cluster.nodes.slice(1);
      await read!.kill();
      expect((await stage.switched(other!, read))['confidence']).toBe('exact');
      await cluster.rejoin(read!, 'sst');
      // Its log begins here: what was delivered lately must be in it.
      const had = load.committed();
      await until(
        'the trail lies behind the state transfer',
        () => Promise.resolve(load.committed() > had + 150),
        {
          timeoutMs: 30_000,
        },
      );
      await stage.hints.next();
      await stage.hints.next();
      await other!.kill();
      expect((await stage.switched(read!, other))['confidence']).toBe('exact');
      await stage.delivered(50);
    }),
  150_000,
);

test.skipIf(obstacle !== '')(
  `Galera: the node that is read is cut off from the others: it is left, and is no candidate${why}`,
  () =>
    play(async (stage, cluster) => {
      const [read, other] = cluster.nodes.slice(1);
      const parts = await Promise.all(cluster.nodes.map(partOf));
      expect(new Set(parts.map(({ id }) => id)).size).toBe(1);
      expect(parts.map(({ takesPart }) => takesPart)).toEqual([true, true, true]);
      await cluster.cutOff(read!);
      const done = await stage.agent.waitForEvent('failover.done', isMove);
      expect(done).toMatchObject({ to: other!.address, finding: 'not-in-primary-component' });
      expect(done['confidence']).toBe('exact');
      expect(await errorsOf(read!)).toEqual(['not-in-primary-component']);
      expect(await errorsOf(other!)).toEqual([]);
      expect((await partOf(read!)).takesPart).toBe(false);
      expect((await partOf(other!)).takesPart).toBe(true);
      await stage.delivered(50);
      await cluster.mend(read!);
      await stage.delivered(50);
    }),
  150_000,
);

test.skipIf(obstacle !== '')(
  `Galera: nodes that number transactions by themselves are refused by name as servers to go by GTID on${why}`,
  async () => {
    const cluster = await startGalera({ wsrep_gtid_mode: 'OFF' });
    await playOn(topologyOf(cluster), { hintsEveryMs: 0, config: { anchors: 'gtid' } }, async (stage) => {
      const agent = await stage.launchAgent();
      const end = await agent.ended;
      expect(end.code, agent.log()).not.toBe(0);
      expect(agent.all('stopped')[0]).toMatchObject({
        code: 'unsuitable-server',
        msg: expect.stringContaining('wsrep_gtid_mode is OFF') as unknown,
      });
      const check = await runWaymark(['check', '-c', join(stage.folder, 'waymark.yaml')], {}, 'built');
      expect(check.code).not.toBe(0);
      expect(check.stdout + check.stderr).toContain('wsrep_gtid_mode is OFF');
    });
  },
  150_000,
);

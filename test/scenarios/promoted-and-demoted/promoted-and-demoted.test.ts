import { describe, expect, test } from 'vitest';
import { binlogEnd, changeSource, stopReplication, type TestServer } from '../../servers/index.js';
import { defaultKind } from '../../servers/kind.js';
import { waitUntilApplied } from '../../servers/replication.js';
import { scenario, type Scenario, type ScenarioOptions } from '../../support/scenario.js';

const { vendor, settings } = defaultKind();
const hasGtids = vendor === 'mariadb' || settings['gtid_mode'] !== 'OFF';

/** A replica takes over from its source, which becomes its replica. Nobody writes meanwhile. */
async function takeOver(next: TestServer, source: TestServer): Promise<void> {
  await waitUntilApplied(next, source);
  await stopReplication(next);
  await next.query(vendor === 'mariadb' ? 'RESET SLAVE ALL' : 'RESET REPLICA ALL');
  await changeSource(source, next, await binlogEnd(next));
}

async function write(server: TestServer, text: string, count: number): Promise<void> {
  for (let row = 0; row < count; row += 1) {
    await server.query('INSERT INTO shop.journal VALUES (99, NULL, ?)', [`${text} ${row}`]);
  }
}

/** While nobody reads: the replica is the source for a while, and then a replica again that is written to. */
async function promoteAndDemote({ source }: Scenario, replica: TestServer): Promise<void> {
  await takeOver(replica, source);
  await write(replica, 'written on the promoted server', 20);
  await replica.query('CREATE TABLE shop.promoted (id INT PRIMARY KEY, note VARCHAR(20))');
  await replica.query("INSERT INTO shop.promoted VALUES (1, 'one'), (2, 'two')");
  await takeOver(source, replica);
  await write(replica, 'errant', 3);
  await write(source, 'written on the source again', 5);
}

/** Reads to the end, and holds everything against the log of the source, which lacks what is errant. */
async function endAndJudge(stage: Scenario): Promise<void> {
  await stage.level();
  await stage.stopAgent();
  await stage.judge();
  expect(stage.agent.all('transaction.errant')).toHaveLength(3);
  expect(stage.agent.all('transaction.errant').map(({ unchecked }) => unchecked)).toEqual([null, null, null]);
}

/** Writes enough to be judged, and waits until all of it is delivered. */
async function load(stage: Scenario): Promise<void> {
  await stage.startLoad();
  await stage.committed(100);
  await stage.load.stop();
  await stage.level();
}

describe.skipIf(!hasGtids).each<readonly [string, ScenarioOptions]>([
  ['hints', { anchors: 'hints' }],
  ['GTIDs', { hintsEveryMs: 0 }],
])('what a promoted server wrote is delivered once after it was demoted, by %s', (_by, options) => {
  test('the agent was down, and goes on from that server', async () => {
    await scenario({ ...options, topology: { replicas: 2 } }, async (stage) => {
      const agent = await stage.startAgent();
      await load(stage);
      if (options.anchors === 'hints') await stage.hints.stop();
      await stage.topology.waitForReplicas();
      await agent.kill();
      await stage.replica(0).kill();
      await promoteAndDemote(stage, stage.replica(1));
      await stage.startAgent();
      await endAndJudge(stage);
    });
  });

  test('the agent was frozen while it read that server', async () => {
    await scenario({ ...options, topology: { replicas: 1 } }, async (stage) => {
      const agent = await stage.startAgent();
      await load(stage);
      if (options.anchors === 'hints') await stage.hints.stop();
      await agent.freeze();
      await promoteAndDemote(stage, stage.replica(0));
      agent.resume();
      await endAndJudge(stage);
    });
  });
});

test.skipIf(!hasGtids)(
  'nobody can tell what a replica has written itself: the stream waits, says so, leaves it out by name, and goes on',
  async () => {
    await scenario({ topology: { replicas: 1 } }, async (stage) => {
      const agent = await stage.startAgent();
      await load(stage);
      await stage.hints.stop();
      await stage.topology.waitForReplicas();
      await stage.source.kill();
      await write(stage.replica(0), 'errant', 2);
      const undecided = await agent.waitForEvent('transaction.undecided');
      expect(undecided['reason']).toContain(stage.source.address);
      await agent.waitForEvent('transaction.errant', ({ errant }) => errant === 2);
      for (const { unchecked } of agent.all('transaction.errant'))
        expect(unchecked).toBe(undecided['reason']);
      expect(agent.all('transaction.undecided')).toHaveLength(1);
      await stage.source.restart();
      await write(stage.replica(0), 'errant again', 1);
      await write(stage.source, 'the source is back', 3);
      await stage.level();
      await stage.stopAgent();
      await stage.judge();
      expect(agent.all('transaction.errant').at(-1)).toMatchObject({ errant: 3, unchecked: null });
    });
  },
);

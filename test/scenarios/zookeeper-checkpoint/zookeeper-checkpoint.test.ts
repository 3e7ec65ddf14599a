import { expect, test } from 'vitest';
import type { TestZooKeeper } from '../../servers/index.js';
import { until } from '../../servers/wait.js';
import { type Scenario, scenario } from '../../support/scenario.js';
import { usesNativeClient } from '../../support/zookeeper-client.js';

function zookeeperOf(stage: Scenario): TestZooKeeper {
  const { zookeeper } = stage.topology;
  if (!zookeeper) throw new Error('there is no ZooKeeper');
  return zookeeper;
}

/** Configuration with the checkpoint in that ZooKeeper. */
function checkpointIn(zookeeper: TestZooKeeper) {
  return {
    checkpoint: { store: 'zookeeper', connect: zookeeper.connectString, root: '/waymark' },
    // So that every checkpoint is told of.
    log: { level: 'debug' },
  };
}

test('ZooKeeper stands still while the replica is killed: the stream goes on, and so does the next agent', async () => {
  await scenario({ topology: { zookeeper: true } }, async (stage) => {
    const zookeeper = zookeeperOf(stage);
    const config = checkpointIn(zookeeper);
    const agent = await stage.startAgent(config);
    const client = usesNativeClient() ? 'native' : 'javascript';
    expect(agent.all('zookeeper.client')).toMatchObject([{ client }]);
    await stage.startLoad();
    await stage.delivered(200);
    await stage.hints.next();
    await zookeeper.freeze();
    await stage.replica(0).kill();
    expect(await stage.switched(stage.replica(1))).toMatchObject({ finding: 'dead', confidence: 'exact' });
    await stage.delivered(200);
    const saved = agent.all('checkpoint.saved').length;
    await zookeeper.resume();
    // The first may be one that was on its way when ZooKeeper stopped, of the server before.
    const savedTwice = (): boolean => agent.all('checkpoint.saved').length >= saved + 2;
    await until('checkpoints are saved again', () => Promise.resolve(savedTwice()));
    await agent.kill();
    await stage.committed(20);
    const restarted = await stage.startAgent(config);
    expect(restarted.all('stream.started')[0]).toMatchObject({ server: stage.replica(1).address });
    await stage.committed(40);
    await stage.finish();
  });
});

test('ZooKeeper is killed and comes back: the stream goes on meanwhile, and so does the next agent', async () => {
  await scenario({ topology: { zookeeper: true } }, async (stage) => {
    const zookeeper = zookeeperOf(stage);
    const config = checkpointIn(zookeeper);
    const agent = await stage.startAgent(config);
    await stage.startLoad();
    await stage.delivered(200);
    await zookeeper.kill();
    await stage.delivered(300);
    await agent.waitForEvent('checkpoint.failed');
    await agent.kill();
    await stage.committed(20);
    // Waits for ZooKeeper, whoever is first.
    const restarted = await stage.launchAgent(config);
    await restarted.waitForEvent('waiting');
    await zookeeper.restart();
    expect(await restarted.waitForEvent('stream.started')).toMatchObject({ confidence: 'exact' });
    await stage.committed(40);
    await stage.finish();
  });
});

import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { pair } from '../../../support/pair.js';

const awayMs = 30_000;

test('the whole ZooKeeper is away for 30 s: nobody delivers, and then one of the two goes on', async () => {
  await pair('zookeeper', async (two) => {
    // At the start it isn't there yet, either.
    await two.zookeeper.kill();
    const first = await two.launch('one');
    await first.waitForEvent('waiting');
    await two.zookeeper.restart();
    await first.waitForEvent('stream.started');
    const second = await two.launch('two');
    await second.waitForEvent('standby');
    await two.stage.startLoad({ rate: 60 });
    await two.stage.delivered(100);
    const token = two.token('one');
    await two.zookeeper.kill();
    await two.agent('one').waitForEvent('leader.lost');
    const lines = await two.stage.follower.lines();
    await pause(awayMs);
    expect(await two.stage.follower.lines()).toBe(lines);
    expect(two.stage.events('leader.acquired')).toHaveLength(1);
    await two.zookeeper.restart();
    await Promise.any([two.leads('one', token), two.leads('two', token)]);
    await two.stage.delivered(100);
    await two.finish();
  });
});

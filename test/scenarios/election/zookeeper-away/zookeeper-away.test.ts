import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { until } from '../../../servers/wait.js';
import type { AuditFollower } from '../../../support/audit.js';
import { pair } from '../../../support/pair.js';

const awayMs = 30_000;
const limits = { timeout: 180_000 };

/** The number of lines once no more are written: a delivery that was under way when the lead was lost is ended. */
async function linesAtRest(follower: AuditFollower): Promise<number> {
  let [last, unchanged] = [-1, 0];
  return until(
    'nothing is written any more',
    async () => {
      const lines = await follower.lines();
      unchanged = lines === last ? unchanged + 1 : 0;
      last = lines;
      return unchanged >= 10 && lines;
    },
    { everyMs: 100 },
  );
}

test(
  'the whole ZooKeeper is away for 30 s: nobody delivers, and then one of the two goes on',
  limits,
  async () => {
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
      const { name, token } = two.leader;
      const acquired = two.stage.events('leader.acquired').length;
      await two.zookeeper.kill();
      await two.loses(name, token);
      const lines = await linesAtRest(two.stage.follower);
      await pause(awayMs);
      expect(await two.stage.follower.lines()).toBe(lines);
      expect(two.stage.events('leader.acquired')).toHaveLength(acquired);
      await two.zookeeper.restart();
      await two.eitherLeads(token);
      await two.stage.delivered(100);
      await two.finish();
    });
  },
);

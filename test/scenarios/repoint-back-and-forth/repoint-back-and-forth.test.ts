import { expect, test } from 'vitest';
import { startReplication, stopReplication, type TestServer } from '../../servers/index.js';
import { moveBelow } from '../../support/repoint.js';
import { scenario } from '../../support/scenario.js';
import { expectSameTables } from '../../support/tables.js';

const moves = 20;

test(
  `a replica moves ${moves} times between its source and another replica, under load, and one that finds its place otherwise, too`,
  { timeout: 300_000 },
  async () => {
    await scenario({ topology: { replicas: 3 } }, async (stage) => {
      const load = await stage.startLoad({ rate: 60 });
      await stage.committed(60);
      await stage.hints.next();
      const [first, second, other] = [stage.replica(0), stage.replica(1), stage.replica(2)];
      const byGtid = await changePositioning(second);
      const play = async (moved: TestServer, times: number): Promise<string[]> => {
        const ways: string[] = [];
        for (let count = 0; count < times; count += 1) {
          const result = await moveBelow(moved, count % 2 === 0 ? other : stage.source);
          if (result.state !== 'moved') throw new Error(`not moved: ${result.state}`);
          expect(result.plan.confidence).toBe('exact');
          expect(result.newHint).not.toBeNull();
          ways.push(result.plan.to.positioning);
        }
        return ways;
      };
      const ways = await Promise.all([play(first, moves), play(second, moves / 2)]);
      // The first one goes as the topology was set up, the second one the other way, where there is one.
      expect(new Set(ways[0])).toEqual(new Set([first.vendor === 'mariadb' ? 'gtid' : 'position']));
      expect(new Set(ways[1])).toEqual(new Set([byGtid ? 'gtid' : 'position']));
      await load.stop();
      await stage.topology.waitForReplicas();
      await expectSameTables(stage.topology.servers);
    });
  },
);

/** Where replicas go by GTID, one that goes by position, and the other way round; gives whether it goes by GTID now. */
async function changePositioning(replica: TestServer): Promise<boolean> {
  if (replica.vendor === 'mariadb') {
    await stopReplication(replica);
    await replica.query('CHANGE MASTER TO MASTER_USE_GTID = no');
    await startReplication(replica);
    return false;
  }
  const [mode] = await replica.query<{ Value: string }>("SHOW GLOBAL VARIABLES LIKE 'gtid_mode'");
  if (mode?.Value !== 'ON') return false;
  await stopReplication(replica);
  await replica.query('CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1');
  await startReplication(replica);
  return true;
}

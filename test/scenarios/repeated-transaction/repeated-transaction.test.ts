import { expect, test } from 'vitest';
import { logsOf, readTransactions } from '../../integration/fixtures/log-reading.js';
import {
  binlogEnd,
  type BinlogPosition,
  changeSource,
  isMeant,
  replicationStatus,
  type TestServer,
} from '../../servers/index.js';
import { until } from '../../servers/wait.js';
import { scenario } from '../../support/scenario.js';

/** MySQL keeps a replica's place within its transactions. */
const isMariaDb = await isMeant('mariadb');

/** The GTIDs of the last transactions of a server's log. */
async function lastGtids(server: TestServer, count: number): Promise<(string | null)[]> {
  const [oldest] = await logsOf(server);
  const all = await readTransactions(server, { file: oldest!.file, position: 4 });
  return all
    .filter(({ identity }) => identity !== null)
    .slice(-count)
    .map(({ gtid }) => gtid);
}

/**
 * Has a replica carry out again so many transactions behind a place, as one does that was killed before it had noted its
 * place: one, or what it had committed as a group.
 */
async function repeatFrom(
  place: BinlogPosition,
  count: number,
  replica: TestServer,
  source: TestServer,
): Promise<void> {
  const end = await binlogEnd(source);
  await changeSource(replica, source, place);
  await until('the replica has repeated its last transactions', async () => {
    const status = await replicationStatus(replica);
    return status?.executed.file === end.file && status.executed.position >= end.position;
  });
  const last = await lastGtids(replica, 2 * count);
  expect(last.slice(count)).toEqual(last.slice(0, count));
}

test.skipIf(!isMariaDb)(
  'a replica that was killed logs its last transaction twice: it is delivered once, there and on the next server',
  async () => {
    await scenario({}, async (stage) => {
      const { source } = stage;
      const [tailed, candidate] = [stage.replica(0), stage.replica(1)];
      await stage.startAgent();
      await stage.startLoad();
      await stage.committed(80);
      await stage.load.stop();
      await stage.hints.stop();
      await stage.level();
      await stage.topology.waitForReplicas();

      const before = await binlogEnd(source);
      // Into a table without a key, where a second copy is no error.
      await source.query("INSERT INTO shop.journal VALUES (7, NULL, 'carried out twice')");
      await until('the row is delivered', () => stage.follower.holds('carried out twice'));
      await stage.topology.waitForReplicas();
      await repeatFrom(before, 1, tailed, source);
      await stage.agent.waitForEvent('transaction.repeated', ({ server }) => server === tailed.address);

      // The agent is gone when it happens, and goes on between the copies.
      const again = await binlogEnd(source);
      await source.query("INSERT INTO shop.journal VALUES (8, NULL, 'in a group')");
      await source.query("INSERT INTO shop.journal VALUES (9, NULL, 'and twice more')");
      await until('the row is delivered', () => stage.follower.holds('and twice more'));
      await stage.topology.waitForReplicas();
      await stage.stopAgent();
      await repeatFrom(again, 2, tailed, source);
      await repeatFrom(again, 2, candidate, source);
      await stage.startAgent();
      await stage.agent.waitForEvent('transaction.repeated');

      await stage.startHints();
      await stage.level();
      await tailed.kill();
      await stage.switched(candidate);
      await stage.level();
      await stage.stopAgent();
      await stage.judge();
    });
  },
);

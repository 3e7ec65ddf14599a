import { expect, test } from 'vitest';
import { logsOf, readTransactions } from '../../integration/fixtures/log-reading.js';
import {
  binlogEnd,
  type BinlogPosition,
  changeSource,
  isMeant,
  replicationStatus,
  stopReplication,
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

/** Writes a row on a replica under a GTID of the source. */
async function writeUnder(gtid: string, replica: TestServer, note: string): Promise<void> {
  const [domain = '', serverId = '', sequence = ''] = gtid.split('-');
  const connection = await replica.connect();
  try {
    await connection.query(
      `SET SESSION gtid_domain_id = ${domain}, server_id = ${serverId}, gtid_seq_no = ${sequence}`,
    );
    await connection.query('INSERT INTO shop.journal VALUES (7, NULL, ?)', [note]);
  } finally {
    connection.destroy();
  }
}

test.skipIf(!isMariaDb)(
  'the server that is read logs something else under a GTID that was delivered: the stream ends, diverged',
  async () => {
    await scenario({}, async (stage) => {
      const tailed = stage.replica(0);
      const agent = await stage.startAgent({ servers: [tailed.address] });
      await stage.startLoad();
      await stage.delivered(60);
      await stage.load.stop();
      await stage.hints.stop();
      await stage.level();
      const [gtid] = await lastGtids(tailed, 1);
      await writeUnder(gtid!, tailed, 'never on the source');
      expect(await agent.ended, agent.log()).toEqual({ code: 4, signal: null });
      const [stopped] = agent.all('stopped');
      expect(stopped).toMatchObject({ code: 'diverged', server: tailed.address, gtid });
      expect(await stage.follower.holds('never on the source')).toBe(false);
      expect(agent.all('transaction.repeated')).toEqual([]);

      // The operator says that it is to be delivered all the same.
      await stage.startAgent({ servers: [tailed.address], failover: { onDivergence: 'continue' } });
      await until('the row is delivered', () => stage.follower.holds('never on the source'));
      expect(stage.agent.all('divergence.ignored')).toHaveLength(1);
      await stage.stopAgent();
    });
  },
);

test.skipIf(!isMariaDb)(
  'the next server has something else under a GTID that was delivered: diverged, without waiting for more',
  async () => {
    await scenario({}, async (stage) => {
      const [tailed, candidate, { source }] = [stage.replica(0), stage.replica(1), stage];
      const agent = await stage.startAgent();
      await stage.startLoad();
      await stage.delivered(60);
      await stage.hints.next();
      await stage.load.stop();
      await stage.hints.stop();
      await stage.level();
      await stage.topology.waitForReplicas();
      await stopReplication(candidate);
      await source.query("INSERT INTO shop.journal VALUES (7, NULL, 'on the source')");
      await until('the row is delivered', () => stage.follower.holds('on the source'));
      const [gtid] = await lastGtids(source, 1);
      await writeUnder(gtid!, candidate, 'on the candidate');
      await tailed.kill();
      expect(await agent.ended, agent.log()).toEqual({ code: 4, signal: null });
      const [stopped] = agent.all('stopped');
      expect(stopped).toMatchObject({ code: 'diverged', server: candidate.address });
      expect(stopped?.['msg']).toContain(`g:${gtid!}`);
    });
  },
);

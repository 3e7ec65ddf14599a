import { expect, test } from 'vitest';
import { defaultKind } from '../../servers/kind.js';
import type { TestServer } from '../../servers/index.js';
import { until } from '../../servers/wait.js';
import { type AgentProcess, isMove } from '../../support/agent-process.js';
import { explain, judge } from '../../support/judge.js';
import { readTruth } from '../../support/oracle.js';
import { scenario, type Scenario } from '../../support/scenario.js';

const { vendor, settings } = defaultKind();
const hasGtids = vendor === 'mariadb' || settings['gtid_mode'] !== 'OFF';
const isMariadb = vendor === 'mariadb';
const isMysql = vendor === 'mysql' && hasGtids;
const noHints = { hintsEveryMs: 0 } as const;

/** Everything once, whatever the order; ids are GTIDs, each once. */
async function judgeWithoutOrder(stage: Scenario): Promise<void> {
  const verdict = await judge(stage.records(), await readTruth(stage.source));
  const { missing, doubled, foreign } = verdict;
  const context = `${explain(verdict)}\n${stage.agents.map((agent) => agent.log()).join('\n')}`;
  expect({ missing, doubled, foreign }, context).toEqual({ missing: 0, doubled: 0, foreign: 0 });
  const ids: string[] = [];
  for await (const { id, tx } of stage.records()) {
    expect(id).toBe(`${tx.gtid ?? ''}/${tx.row}`);
    ids.push(id);
  }
  expect(new Set(ids).size).toBe(ids.length);
}

async function endInAnyOrder(stage: Scenario): Promise<void> {
  await stage.load.stop();
  // The mark of level() might be committed there before the last transactions of the load.
  await stage.topology.waitForReplicas();
  await stage.level();
  await stage.stopAgent();
  await judgeWithoutOrder(stage);
}

test.skipIf(!hasGtids)(
  'nobody injects hints: servers and the agent are killed, the checkpoint is lost, and nobody can tell',
  async () => {
    await scenario(noHints, async (stage) => {
      const agent = await stage.startAgent();
      await stage.startLoad();
      await stage.delivered(200);
      expect(agent.all('hints.missing')).toEqual([]);
      await stage.replica(0).kill();
      const done = await agent.waitForEvent('failover.done', isMove);
      expect(done).toMatchObject({ to: stage.replica(1).address, hint: null, confidence: 'exact' });
      await stage.committed(50);
      await agent.kill();
      await stage.committed(50);
      await stage.replica(0).restart();
      await stage.topology.waitForReplicas();
      await stage.replica(1).kill();
      await stage.startAgent();
      await stage.delivered(50);
      await stage.agent.kill();
      await stage.loseCheckpoint();
      await stage.committed(20);
      await stage.startAgent();
      expect(stage.agent.all('sink.ending')).toHaveLength(1);
      await stage.delivered(50);
      const verdict = await stage.finish();
      expect(Object.keys(verdict.servers)).toEqual([stage.replica(0).address, stage.replica(1).address]);
      for await (const { id, tx } of stage.records()) {
        if (id !== `${tx.gtid ?? ''}/${tx.row}`)
          throw new Error(`${id} is not made of ${tx.gtid ?? 'a GTID'}`);
      }
    });
  },
);

const parallelDomains = { slave_parallel_threads: 8, slave_domain_parallel_threads: 4 };

/** Writes rows in a replication domain of their own. */
async function writeInDomain(source: TestServer, first: number, last: number): Promise<void> {
  const connection = await source.connect({ database: 'shop' });
  await connection.query('SET SESSION gtid_domain_id = 7');
  for (let row = first; row <= last; row += 1) await connection.query(`INSERT INTO seven VALUES (${row})`);
  connection.destroy();
}

async function rowsOfSeven(server: TestServer): Promise<number> {
  const [row] = await server.query<{ count: number }>('SELECT COUNT(*) AS count FROM shop.seven');
  return Number(row?.count);
}

async function deliveredOfSeven(stage: Scenario): Promise<number> {
  let count = 0;
  for await (const record of stage.records()) {
    if (record.type === 'row' && record.table === 'seven') count += 1;
  }
  return count;
}

/** A pool whose replicas apply domains independently, and a table that is written in one of its own. */
async function withDomains(play: (stage: Scenario, agent: AgentProcess) => Promise<void>): Promise<void> {
  const topology = { replicas: [parallelDomains, parallelDomains] };
  await scenario({ ...noHints, topology, config: { matching: { margin: 50 } } }, async (stage) => {
    for (const replica of stage.topology.replicas) {
      await replica.query('STOP SLAVE');
      await replica.query('CHANGE MASTER TO MASTER_USE_GTID = slave_pos');
      await replica.query('START SLAVE');
    }
    const agent = await stage.startAgent();
    await stage.startLoad();
    await stage.source.query('CREATE TABLE shop.seven (id INT PRIMARY KEY)');
    await stage.topology.waitForReplicas();
    await play(stage, agent);
  });
}

/** Holds back what is written in the other domain on a replica, until the function that it returns is called. */
async function holdBack(replica: TestServer): Promise<() => Promise<void>> {
  const connection = await replica.connect({ database: 'shop' });
  await connection.query('LOCK TABLES seven WRITE');
  return async () => {
    await connection.query('UNLOCK TABLES');
    connection.destroy();
  };
}

test.skipIf(!isMariadb)(
  'MariaDB: what another domain brings on a candidate, long after it was delivered, does not come again',
  async () => {
    await withDomains(async (stage, agent) => {
      await stage.delivered(200);
      const [one, other] = [stage.replica(0), stage.replica(1)];
      const release = await holdBack(other);
      await writeInDomain(stage.source, 1, 20);
      await until('the other domain is delivered', async () => (await deliveredOfSeven(stage)) === 20);
      // Far beyond the margin: the trail knows nothing of it any more.
      await stage.committed(200);
      await one.kill();
      await agent.waitForEvent('failover.done', isMove);
      await release();
      await until('the candidate has it', async () => (await rowsOfSeven(other)) === 20);
      await writeInDomain(stage.source, 21, 30);
      await stage.committed(50);
      await one.restart();
      await endInAnyOrder(stage);
      expect(await deliveredOfSeven(stage)).toBe(30);
    });
  },
);

test.skipIf(!isMariadb)(
  'MariaDB: what a candidate has of another domain, long before the last that was delivered, comes as well',
  async () => {
    await withDomains(async (stage, agent) => {
      const [one, other] = [stage.replica(0), stage.replica(1)];
      await writeInDomain(stage.source, 1, 5);
      await until('the other domain is delivered', async () => (await deliveredOfSeven(stage)) === 5);
      const release = await holdBack(one);
      await writeInDomain(stage.source, 6, 25);
      await until('the candidate has it', async () => (await rowsOfSeven(other)) === 25);
      await other.query('FLUSH BINARY LOGS');
      await stage.committed(200);
      await stage.delivered(100);
      expect(await deliveredOfSeven(stage)).toBe(5);
      await one.kill();
      await release().catch(() => undefined);
      await agent.waitForEvent('failover.done', isMove);
      await stage.committed(50);
      await one.restart();
      await endInAnyOrder(stage);
      expect(await deliveredOfSeven(stage)).toBe(25);
    });
  },
);

test.skipIf(!isMysql)('MySQL: replicas that commit out of order, and GTIDs with tags', async () => {
  const outOfOrder = { replica_parallel_workers: 8, replica_preserve_commit_order: 'OFF' };
  const topology = { replicas: [outOfOrder, outOfOrder] };
  await scenario({ ...noHints, topology, agent: { limitMs: 110_000 } }, async (stage) => {
    const agent = await stage.startAgent();
    await stage.startLoad({ writers: 8, rate: 200 });
    const tagged = await stage.source.connect({ database: 'shop' });
    await tagged.query("SET SESSION gtid_next = 'AUTOMATIC:audit'");
    await tagged.query('CREATE TABLE tagged (id INT PRIMARY KEY)');
    const write = async (first: number): Promise<void> => {
      for (let row = first; row < first + 30; row += 1)
        await tagged.query(`INSERT INTO tagged VALUES (${row})`);
    };
    await write(0);
    await stage.delivered(400);
    await stage.replica(0).kill();
    await agent.waitForEvent('failover.done', isMove);
    await write(30);
    await stage.committed(50);
    await stage.replica(0).restart();
    await endInAnyOrder(stage);
    tagged.destroy();
    const ids: string[] = [];
    for await (const { id } of stage.records()) ids.push(id);
    expect(ids.filter((id) => id.includes(':audit:'))).toHaveLength(61);
  });
});

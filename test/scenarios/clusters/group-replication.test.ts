import { expect, test } from 'vitest';
import { groupObstacle, type ReplicationGroup, startGroup, type TestServer } from '../../servers/index.js';
import { until } from '../../servers/wait.js';
import { isMove } from '../../support/agent-process.js';
import { ClusterLoad } from '../../support/cluster-load.js';
import { agentAccount } from '../../support/grants.js';
import { playOn, type Scenario } from '../../support/scenario.js';
import { deliverAll, errorsOf, judgeBy, partOf, topologyOf } from './stage.js';

/** A pool of members of a replication group with a single primary, which all clients write to. */

const obstacle = await groupObstacle();
const why = obstacle === '' ? '' : ` (skipped: ${obstacle})`;

/** No switch between members is better: the primary's log is in another order. */
const confidences = ['exact', 'reordered'];

type Play = {
  readonly stage: Scenario;
  readonly group: ReplicationGroup;
  /** The primary at first, and the others. */
  readonly members: readonly [TestServer, TestServer, TestServer];
  /** What the load is written to from now on. */
  readonly writeTo: (member: TestServer) => void;
};

/** @param act gives the member whose log tells what was committed: one that was there all the time. */
async function play(pool: readonly number[], act: (play: Play) => Promise<TestServer>): Promise<void> {
  const group = await startGroup();
  await playOn(topologyOf(group), {}, async (stage) => {
    const [first, second, third] = group.nodes;
    const members = [first!, second!, third!] as const;
    await first!.query(
      `GRANT SELECT ON performance_schema.replication_group_members TO '${agentAccount.user}'@'%'`,
    );
    await group.waitForAll(first!);
    const servers = pool.map((number, index) => ({ address: members[number]!.address, priority: 9 - index }));
    await stage.startAgent({ servers });
    let primary = first!;
    const writeTo = (member: TestServer): void => {
      primary = member;
    };
    const load = await ClusterLoad.start(
      first!,
      Array(6).fill(() => primary),
    );
    await stage.delivered(100);
    const witness = await act({ stage, group, members, writeTo });
    await stage.delivered(50);
    await deliverAll(stage, load, primary);
    await group.waitForAll(primary);
    await judgeBy(stage, witness, 'any order');
    for (const change of stage.moves()) expect(confidences).toContain(change['confidence']);
  });
}

test.skipIf(obstacle !== '')(
  `Group Replication: the secondary that is read is killed, and joins anew: exactly once${why}`,
  () =>
    play([1, 2], async ({ stage, group, members: [primary, read, other] }) => {
      await read.kill();
      await stage.switched(other, read);
      await group.rejoin(read);
      return primary;
    }),
  150_000,
);

test.skipIf(obstacle !== '')(
  `Group Replication: the secondary that is read can't apply, and leaves the group: it is left, and is no candidate${why}`,
  () =>
    play([1, 2], async ({ stage, group, members: [primary, read, other] }) => {
      const parts = await Promise.all([primary, read, other].map(partOf));
      expect(new Set(parts.map(({ id }) => id)).size).toBe(1);
      const addresses = [primary, read, other].map(({ address }) => address);
      for (const { peers } of parts) expect(peers.toSorted()).toEqual(addresses.toSorted());
      // A table that is missing there alone.
      await primary.query('CREATE TABLE shop.victim (id INT PRIMARY KEY)');
      await group.waitForAll(primary);
      await read.query('SET GLOBAL super_read_only = OFF');
      const connection = await read.connect();
      await connection.query('SET SESSION sql_log_bin = 0');
      await connection.query('DROP TABLE shop.victim');
      await primary.query('INSERT INTO shop.victim VALUES (1)');
      const isOut = async () => (await group.state(read)) === 'ERROR';
      await until('the member is in error', isOut, { timeoutMs: 30_000 });
      const done = await stage.agent.waitForEvent('failover.done', isMove);
      expect(done).toMatchObject({ to: other.address, finding: 'group-member-error' });
      expect(await errorsOf(read)).toEqual(['group-member-error']);
      expect(await errorsOf(other)).toEqual([]);
      expect((await partOf(read)).takesPart).toBe(false);
      expect((await partOf(other)).takesPart).toBe(true);
      return primary;
    }),
  150_000,
);

test.skipIf(obstacle !== '')(
  `Group Replication: the primary is read and killed, and another one is elected: exactly once${why}`,
  () =>
    play([0, 2], async ({ stage, group, members: [primary, , other], writeTo }) => {
      await primary.kill();
      const elected = await group.primary();
      writeTo(elected);
      await stage.startHints(400, elected);
      await stage.switched(other, primary);
      return other;
    }),
  150_000,
);

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReplicaStatus } from '../../src/mysql/replica-status.js';
import { lookAt } from '../../src/repoint/look.js';
import { defaultKind } from '../servers/kind.js';
import {
  binlogEnd,
  replicationStatus,
  startReplication,
  startTopology,
  stopReplication,
  type TestServer,
  type Topology,
} from '../servers/index.js';
import { until } from '../servers/wait.js';
import { type Hints, startHints } from '../support/hints.js';
import { controlOf, moveBelow } from '../support/repoint.js';
import { type CommandResult, documentOf, errorOf, runWaymark, startWaymark } from '../unit/cli/waymark.js';

const { vendor } = defaultKind();
const silent = vendor === 'mariadb' ? { log_slave_updates: 'OFF' } : { log_replica_updates: 'OFF' };

/** One that commits out of order: MariaDB does so between replication domains. */
const unordered =
  vendor === 'mariadb'
    ? { slave_parallel_threads: 4 }
    : { replica_parallel_workers: 4, replica_preserve_commit_order: 'OFF' };

const operator = { WAYMARK_USER: 'operator', WAYMARK_PASSWORD: 'a password' };

let topology: Topology;
let hints: Hints | null = null;
let rows = 0;
const source = (): TestServer => topology.source;
/** The one that is moved, and the one that it goes below. */
const moved = (): TestServer => topology.replicas[0]!;
const other = (): TestServer => topology.replicas[1]!;

beforeAll(async () => {
  topology = await startTopology({ replicas: [{}, {}, silent, {}, unordered] });
  await source().query('CREATE DATABASE shop');
  await source().query('CREATE TABLE shop.orders (id INT PRIMARY KEY, note TEXT)');
  for (const statement of operatorGrants()) await source().query(statement);
  hints = startHints(source(), 250);
  await hints.next();
  await write(20);
  await hints.next();
  await topology.waitForReplicas();
}, 240_000);

afterAll(async () => {
  await hints?.stop().catch(() => undefined);
  await topology.stop();
});

/** What docs/setup.md says that moving replicas needs, and no more. */
function operatorGrants(): string[] {
  const to = "TO 'operator'@'%'";
  return [
    `CREATE USER 'operator'@'%' IDENTIFIED BY 'a password'`,
    ...(vendor === 'mariadb'
      ? [`GRANT REPLICATION SLAVE, BINLOG MONITOR, REPLICA MONITOR, REPLICATION SLAVE ADMIN ON *.* ${to}`]
      : [
          `GRANT REPLICATION SLAVE, REPLICATION CLIENT, REPLICATION_SLAVE_ADMIN ON *.* ${to}`,
          `GRANT SELECT ON performance_schema.replication_connection_configuration ${to}`,
        ]),
  ];
}

async function write(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await source().query('INSERT INTO shop.orders VALUES (?, ?)', [(rows += 1), 'a row']);
  }
}

function argsOf(replica: TestServer, below: TestServer): string[] {
  return ['repoint', '--replica', replica.address, '--below', below.address, '--get-server-public-key'];
}

function run(replica: TestServer, below: TestServer, ...more: string[]): Promise<CommandResult> {
  return runWaymark([...argsOf(replica, below), ...more], operator);
}

/** The state of a replica that a plan must not change: its source, its threads. */
async function stateOf(replica: TestServer): Promise<unknown> {
  const status = await replicationStatus(replica);
  return [status?.sourcePort, status?.ioRunning, status?.sqlRunning];
}

/** Moves a replica for the next test, in this process: quicker. */
async function put(replica: TestServer, below: TestServer): Promise<void> {
  await moveBelow(replica, below, { awaitHint: false });
}

/** Keeps the appliers of a server from getting on, though they run; gives what lets them go again. */
async function holdUp(server: TestServer): Promise<() => Promise<void>> {
  const connection = await server.connect();
  await connection.query('LOCK TABLES shop.orders READ');
  await write(3);
  await topology.waitForReplicas([moved()]);
  return async () => {
    await connection.query('UNLOCK TABLES');
    connection.destroy();
  };
}

/** All that was written on the source stands in its place on the replicas, once. */
async function expectLevel(): Promise<void> {
  await topology.waitForReplicas();
  for (const server of topology.servers) {
    expect(await server.query('SELECT COUNT(*) AS n, SUM(id) AS sum FROM shop.orders')).toEqual(
      await source().query('SELECT COUNT(*) AS n, SUM(id) AS sum FROM shop.orders'),
    );
  }
}

describe('the plan', () => {
  test('touches nothing, and says what would be done', async () => {
    const before = await stateOf(moved());
    const result = await run(moved(), other(), '--json');
    expect(result.code, result.stderr).toBe(0);
    const plan = documentOf(result);
    expect(plan).toMatchObject({
      state: 'planned',
      replica: moved().address,
      below: other().address,
      from: { source: source().address, running: { receiver: true, applier: true } },
      to: { server: other().address, positioning: vendor === 'mariadb' ? 'gtid' : 'position' },
      confidence: 'exact',
      via: 'own-log',
    });
    expect(plan['statements']).toHaveLength(5);
    expect(await stateOf(moved())).toEqual(before);
    const forPeople = await run(moved(), other());
    expect(forPeople.stdout).toContain(
      `PLAN  ${moved().address} goes below ${other().address}. Nothing has been changed.`,
    );
    expect(forPeople.stdout).toContain('To carry it out, run the same command with --execute.');
    expect(forPeople.stdout + forPeople.stderr).not.toContain(operator.WAYMARK_PASSWORD);
  });

  test('waits for a server that is behind for a moment, as a move does', async () => {
    const letGo = await holdUp(other());
    const planning = startWaymark([...argsOf(moved(), other()), '--json'], operator);
    await planning.until(/is (far )?behind/);
    await letGo();
    const result = await planning.ended;
    expect(result.code, result.stderr).toBe(0);
    expect(documentOf(result)).toMatchObject({ state: 'planned', confidence: 'exact' });
    expect(await stateOf(moved())).toEqual([source().port, true, true]);
  });

  test('a replica that is there already', async () => {
    const result = await run(moved(), source(), '--execute');
    expect(result.code).toBe(0);
    expect(result.stdout).toBe(
      `${moved().address} replicates from ${source().address} already, and both threads run: nothing to do.\n`,
    );
  });
});

describe('the move', () => {
  test('there and back; what the replica was told besides its source stays', async () => {
    const settings = async (): Promise<unknown> => {
      const words = vendor === 'mariadb' ? 'SHOW ALL SLAVES STATUS' : 'SHOW REPLICA STATUS';
      const [status] = await moved().query<Record<string, unknown>>(words);
      const [period] =
        vendor === 'mariadb'
          ? [status?.['Slave_heartbeat_period']]
          : await moved().query('SELECT Heartbeat, Retry_count, User_name FROM mysql.slave_master_info');
      return [period, status?.['Connect_Retry'], status?.['Master_User'], status?.['Source_User']];
    };
    await stopReplication(moved());
    await moved().query(
      vendor === 'mariadb'
        ? 'CHANGE MASTER TO MASTER_HEARTBEAT_PERIOD = 1.25, MASTER_CONNECT_RETRY = 3'
        : 'CHANGE REPLICATION SOURCE TO SOURCE_HEARTBEAT_PERIOD = 1.25, SOURCE_CONNECT_RETRY = 3',
    );
    await startReplication(moved());
    const before = await settings();
    expect(JSON.stringify(before)).toContain('1.25');
    await write(5);
    const result = await run(moved(), other(), '--execute', '--json');
    expect(result.code, result.stdout).toBe(0);
    expect(documentOf(result)).toMatchObject({ state: 'moved', confidence: 'exact', hintAwaited: true });
    expect(documentOf(result)['newHint']).toMatch(/^asc:/);
    expect(await settings()).toEqual(before);
    await write(5);
    await expectLevel();
    const back = await run(moved(), source(), '--execute');
    expect(back.code, back.stderr).toBe(0);
    expect(back.stdout).toContain(
      `DONE  ${moved().address} replicates from ${source().address}; both threads run.`,
    );
    await write(5);
    await expectLevel();
  });

  test('a replica without log_slave_updates, by way of its source', async () => {
    const replica = topology.replicas[2]!;
    const result = await run(replica, other(), '--execute', '--json');
    expect(result.code, result.stdout).toBe(0);
    expect(documentOf(result)).toMatchObject({ state: 'moved', confidence: 'exact', via: 'source-log' });
    await put(replica, source());
    await expectLevel();
  });
});

describe('refused, and nothing is touched', () => {
  const refusal = async (
    replica: TestServer,
    below: TestServer,
    expected: { code: number; error: string; reason?: string; message: RegExp },
  ): Promise<Record<string, unknown>> => {
    const before = await stateOf(replica);
    const result = await run(replica, below, '--execute', '--json');
    const error = errorOf(result);
    expect(error.code).toBe(expected.error);
    expect(error['reason']).toBe(expected.reason);
    expect(error.message).toMatch(expected.message);
    expect(result.code).toBe(expected.code);
    expect(await stateOf(replica)).toEqual(before);
    return error;
  };
  const refused = { code: 1, error: 'refused' };

  test('the replica itself; one that replicates from it, directly or through another', async () => {
    await refusal(moved(), moved(), {
      ...refused,
      reason: 'same-server',
      message: /they are the same server/,
    });
    const above = { ...refused, reason: 'target-replicates-from-replica' };
    await put(moved(), other());
    await refusal(other(), moved(), { ...above, message: /replicates from \S+ itself, and neither would/ });
    const leaf = topology.replicas[2]!;
    await put(leaf, moved());
    await refusal(other(), leaf, { ...above, message: /itself \(through \S+\)/ });
    await put(leaf, source());
    await put(moved(), source());
  });

  test('one that writes nothing of what it replicates, and one that is no replica', async () => {
    const leaf = topology.replicas[2]!;
    await refusal(moved(), leaf, {
      ...refused,
      reason: 'target-logs-nothing',
      message: /doesn't write what it replicates to its binary log \(log_\w+_updates is OFF\)/,
    });
    await refusal(source(), leaf, { ...refused, reason: 'not-a-replica', message: /is not a replica/ });
  });

  test('a replica that is ahead of a server that gets no further: with 5', async () => {
    await stopReplication(other());
    await write(3);
    await until('the replica has more', async () => {
      const [row] = await moved().query<{ n: number }>('SELECT COUNT(*) AS n FROM shop.orders');
      return row?.n === rows;
    });
    await refusal(moved(), other(), {
      code: 5,
      error: 'server-behind',
      message:
        /^\S+ is behind \S+ on \S+: it lacks \d+ of the transactions .* the first is \S+ on .* Its replication stands still: start it/,
    });
    const plan = await run(moved(), other(), '--json');
    expect(errorOf(plan).code).toBe('server-behind');
    expect(plan.code).toBe(5);
    await startReplication(other());
    await topology.waitForReplicas();
  });

  test('an order in which no single place is right', async () => {
    const strange = topology.replicas[4]!;
    const [lock, session] = [await strange.connect(), await source().connect()];
    await session.query('CREATE TABLE shop.aside (id INT PRIMARY KEY)');
    // The replica that is moved has never seen this domain when it is held against one that has.
    if (vendor === 'mariadb') await session.query('SET SESSION gtid_domain_id = 7');
    await hints?.next();
    // A hint waits for what stands before it, and holds up what comes after it.
    await hints?.stop();
    await topology.waitForReplicas();
    try {
      await lock.query('LOCK TABLES shop.orders READ');
      await write(1);
      await topology.waitForReplicas([moved()]);
      await stopReplication(moved(), 'io');
      await session.query('INSERT INTO shop.aside VALUES (1)');
      await until('the later transaction is there, before the earlier one', async () => {
        const [row] = await strange.query<{ n: number }>('SELECT COUNT(*) AS n FROM shop.aside');
        return row?.n === 1;
      });
      await lock.query('UNLOCK TABLES');
      await topology.waitForReplicas([strange]);
      await refusal(moved(), strange, {
        code: 1,
        error: 'out-of-order',
        message: new RegExp(strange.address),
      });
    } finally {
      lock.destroy();
      session.destroy();
      hints = startHints(source(), 250);
      await startReplication(moved(), 'io');
      await topology.waitForReplicas();
    }
  });

  // The last one commits in any order: there is no waiting for what has come with other content.
  test.each([3, 4])('contents that differ: with 4, and the first difference (replica %i)', async (index) => {
    const strange = topology.replicas[index]!;
    await write(1);
    await topology.waitForReplicas();
    // A replica logs the row as it was there: another one than elsewhere.
    await strange.query('SET SESSION sql_log_bin = 0');
    await strange.query("UPDATE shop.orders SET note = 'another' WHERE id = ?", [rows]);
    await source().query("UPDATE shop.orders SET note = 'a third' WHERE id = ?", [rows]);
    await topology.waitForReplicas();
    const error = await refusal(moved(), strange, { code: 4, error: 'diverged', message: /shop\.orders/ });
    expect(error['table']).toBe('shop.orders');
  });
});

describe('put back', () => {
  test('when the other server refuses the account of the replica', async () => {
    const account = "'replicator'@'%'";
    await other().query('SET SESSION sql_log_bin = 0');
    await other().query(`ALTER USER ${account} ACCOUNT LOCK`);
    const before = await stateOf(moved());
    const result = await run(moved(), other(), '--execute', '--json');
    await other().query(`ALTER USER ${account} ACCOUNT UNLOCK`);
    await other().query('SET SESSION sql_log_bin = 1');
    const error = errorOf(result);
    expect(error).toMatchObject({ code: 'replication', putBack: true });
    expect(error.message).toMatch(/The receiver of \S+ doesn't run: .*replicator/);
    expect(error.message).toContain(
      `${moved().address} is back where it was, below ${source().address}, running, as it was`,
    );
    expect(result.code).toBe(1);
    expect(await stateOf(moved())).toEqual(before);
    await expectLevel();
  });

  test('on Ctrl-C while it waits for the other server, and while it waits for a hint', async () => {
    await hints?.stop();
    try {
      const letGo = await holdUp(other());
      const early = startWaymark([...argsOf(moved(), other()), '--execute', '--json'], operator);
      await early.until(/Looking for the end/);
      early.signal('SIGINT');
      const first = await early.ended;
      await letGo();
      expect(errorOf(first)).toMatchObject({ code: 'interrupted', putBack: true });
      expect(errorOf(first).message).toMatch(/^Interrupted by SIGINT\. \S+ is back where it was/);
      expect(first.code).toBe(1);
      expect(await stateOf(moved())).toEqual([source().port, true, true]);
      await expectLevel();

      const late = startWaymark([...argsOf(moved(), other()), '--execute', '--json'], operator);
      await late.until(/Both threads run/);
      // It goes on below the other one: its place below its source is a later one than it was.
      await write(5);
      await topology.waitForReplicas();
      late.signal('SIGINT');
      const second = await late.ended;
      expect(errorOf(second)).toMatchObject({ code: 'interrupted', putBack: true });
      expect(await stateOf(moved())).toEqual([source().port, true, true]);
      await write(5);
      await expectLevel();
    } finally {
      hints = startHints(source(), 250);
    }
  });
});

describe('kill -9, and the same command again', () => {
  test.each([/Stopping the receiver/, /Looking for the end/, /Changing its source/, /Both threads run/])(
    'at %s',
    async (step) => {
      const letGo = String(step).includes('Looking') ? await holdUp(other()) : null;
      const killed = startWaymark([...argsOf(moved(), other()), '--execute'], operator);
      await killed.until(step);
      killed.signal('SIGKILL');
      await killed.ended;
      await letGo?.();
      await write(5);
      const again = await run(moved(), other(), '--execute', '--json');
      expect(again.code, again.stdout).toBe(0);
      expect(['moved', 'in-place']).toContain(documentOf(again)['state']);
      expect(await stateOf(moved())).toEqual([other().port, true, true]);
      await expectLevel();
      await put(moved(), source());
    },
  );
});

describe('regroup', () => {
  const regroupArgs = (replicas: readonly TestServer[], ...more: string[]): string[] => [
    ...['regroup', '--dead', source().address, '--json', '--execute', '--get-server-public-key'],
    ...['--replicas', replicas.map(({ address }) => address).join(','), ...more],
  ];
  const regroup = (replicas: readonly TestServer[], ...more: string[]): Promise<CommandResult> =>
    runWaymark(regroupArgs(replicas, ...more), operator);

  /** What the moved one says of its replication. */
  const channel = async (): Promise<ReplicaStatus> => {
    const look = await lookAt(controlOf(moved()), new AbortController().signal);
    return look.inspection.channels[0]!;
  };

  test('a server that lives is not dead', async () => {
    const result = await regroup([moved(), other()]);
    expect(errorOf(result)).toMatchObject({ code: 'refused', reason: 'source-alive' });
    expect(errorOf(result).message).toBe(
      `${source().address} is not dead: ${source().address} answers. To move replicas of a living server, use waymark repoint`,
    );
  });

  test('on Ctrl-C the promoted one replicates as before', async () => {
    await stopReplication(other(), 'io');
    await hints?.stop();
    const lock = await moved().connect();
    await lock.query('LOCK TABLES shop.orders READ');
    await write(3);
    const end = await binlogEnd(source());
    await until('the replica has got what it may not apply', async () => {
      const { received } = await channel();
      return received.file === end.file && received.position === end.position;
    });
    await source().kill();
    const args = regroupArgs([moved(), other()], '--promote', moved().address);
    const command = startWaymark(args, operator);
    await command.until(/This one is promoted/);
    await until('its receiver has been stopped', async () => (await channel()).receiverState === 'No');
    command.signal('SIGINT');
    await lock.query('UNLOCK TABLES');
    lock.destroy();
    const result = await command.ended;
    expect(errorOf(result)).toMatchObject({ code: 'interrupted', putBack: true, promoted: moved().address });
    expect(errorOf(result).message).toContain(`${moved().address} replicates as it did before`);
    // Its source is dead: it tries to reach it.
    expect(await channel()).toMatchObject({
      sourcePort: source().port,
      receiverState: 'Connecting',
      applierRunning: true,
    });
    await until('it has applied all that it got', async () => {
      const [row] = await moved().query<{ n: number }>('SELECT COUNT(*) AS n FROM shop.orders');
      return row?.n === rows;
    });
  });

  test('with --promote, those that are ahead are lost and left alone; none may be able to take over', async () => {
    const leaf = topology.replicas[2]!;
    const none = await regroup([leaf]);
    expect(errorOf(none).code).toBe('no-candidate');
    expect(errorOf(none).message).toContain(
      `None of the replicas of ${source().address} can become a source: a source must write what it replicates`,
    );
    const silent = await regroup([moved()], '--promote', leaf.address);
    expect(errorOf(silent).code).toBe('refused');
    expect(errorOf(silent).message).toMatch(/can't be promoted: \S+ doesn't write what it replicates/);

    const before = await replicationStatus(moved());
    const result = await regroup([moved(), other()], '--promote', other().address);
    expect(documentOf(result), result.stderr).toMatchObject({
      state: 'done',
      promoted: other().address,
      replicas: [],
      lost: [{ replica: moved().address, code: 'server-behind' }],
    });
    expect(result.code).toBe(1);
    expect(await replicationStatus(moved())).toMatchObject({
      sourcePort: before?.sourcePort,
      sqlRunning: true,
      executed: before?.executed,
    });
  });
});

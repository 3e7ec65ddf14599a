import { spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  binlogEnd,
  changeSource,
  provider,
  replicationStatus,
  startReplication,
  startServer,
  startTopology,
  stopReplication,
  supports,
  type Topology,
} from '../servers/index.js';
import { accepts, until } from '../servers/wait.js';

describe('a topology', () => {
  let topology: Topology;

  beforeAll(async () => {
    topology = await startTopology({ zookeeper: true, replicas: [{}, { max_binlog_size: 65_536 }] });
    await topology.source.query('CREATE DATABASE shop');
    await topology.source.query(
      'CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, text VARCHAR(20))',
    );
  });

  afterAll(async () => {
    await topology.stop();
  });

  const write = (text: string) => topology.source.query('INSERT INTO shop.orders (text) VALUES (?)', [text]);
  const count = async (server = topology.source) => {
    const [row] = await server.query<{ n: number }>('SELECT COUNT(*) AS n FROM shop.orders');
    return row?.n;
  };

  test('replicates, and says when it has', async () => {
    for (let i = 0; i < 50; i++) await write(`row ${i}`);
    await topology.waitForReplicas();
    for (const server of topology.servers) expect(await count(server)).toBe(50);
  });

  test('gives each server its settings, an id and an address', async () => {
    const [first, second] = topology.replicas;
    const sizes = await Promise.all(
      [first!, second!].map((server) => server.query<{ size: number }>('SELECT @@max_binlog_size AS size')),
    );
    expect(sizes.map(([row]) => row?.size)).toEqual([1_073_741_824, 65_536]);
    expect(new Set(topology.servers.map(({ serverId }) => serverId)).size).toBe(3);
    expect(new Set(topology.servers.map(({ address }) => address)).size).toBe(3);
    const [row] = await topology.source.query<Record<string, unknown>>(
      'SELECT @@server_id AS id, @@binlog_format AS format, @@binlog_row_image AS image, @@time_zone AS zone',
    );
    expect(row).toEqual({ id: topology.source.serverId, format: 'ROW', image: 'FULL', zone: '+00:00' });
  });

  test('a killed replica is dead at once, and comes back on the same port with its data', async () => {
    const replica = topology.replicas[0]!;
    const { address } = replica;
    await replica.kill();
    expect(replica.alive).toBe(false);
    expect(await accepts(replica.host, replica.port)).toBe(false);
    await expect(replica.query('SELECT 1')).rejects.toThrow(/ECONNREFUSED/);
    await write('while it is dead');
    await replica.restart({ max_binlog_size: 8192 });
    expect(replica.address).toBe(address);
    await topology.waitForReplicas();
    expect(await count(replica)).toBe(await count());
    expect(await replica.query('SELECT @@max_binlog_size AS size')).toEqual([{ size: 8192 }]);
  });

  test('a frozen server accepts connections and says nothing until it is resumed', async () => {
    const replica = topology.replicas[0]!;
    await replica.freeze();
    let answered = false;
    const answer = replica.query('SELECT 1 AS one').finally(() => (answered = true));
    try {
      await expect(accepts(replica.host, replica.port)).resolves.toBe(true);
      await expect(topology.waitForReplicas([replica], 300)).rejects.toThrow(/gave up/);
      expect(answered).toBe(false);
      expect(replica.alive).toBe(true);
    } finally {
      await replica.resume();
    }
    expect(await answer).toEqual([{ one: 1 }]);
  });

  test('the source stops cleanly and restarts, and replication goes on', async () => {
    const before = await binlogEnd(topology.source);
    await topology.source.stop();
    await topology.source.restart();
    await write('after the restart');
    await topology.waitForReplicas();
    expect((await binlogEnd(topology.source)).file > before.file).toBe(true);
    for (const server of topology.servers) expect(await count(server)).toBe(await count());
  });

  test('replication can be stopped, and a replica moved below another', async () => {
    const [first, second] = topology.replicas;
    await stopReplication(second!, 'sql');
    expect(await replicationStatus(second!)).toMatchObject({ ioRunning: true, sqlRunning: false });
    await startReplication(second!, 'sql');
    await topology.waitForReplicas();
    await changeSource(second!, first!, await binlogEnd(first!));
    expect((await replicationStatus(second!))?.sourcePort).toBe(first!.port);
    await write('down the chain');
    await topology.waitForReplicas();
    expect(await count(second)).toBe(await count());
    await changeSource(second!, topology.source, await binlogEnd(topology.source));
  });

  test('a replica can be added, also below another', async () => {
    const added = await topology.addReplica({}, { of: topology.replicas[0]! });
    expect(topology.replicas).toContain(added);
    await topology.waitForReplicas();
    expect(await count(added)).toBe(await count());
  });

  test('an applier that fails is reported with its reason', async () => {
    const replica = await topology.addReplica();
    await topology.waitForReplicas([replica]);
    await replica.query('DROP TABLE shop.orders');
    await write('nowhere to go');
    await expect(topology.waitForReplicas([replica])).rejects.toThrow(/can't apply: .*(orders|worker)/);
    await replica.kill();
  });

  test('ZooKeeper keeps its data and port through a kill', async () => {
    const zookeeper = topology.zookeeper!;
    const [host, port] = zookeeper.connectString.split(':');
    expect(await accepts(host!, Number(port))).toBe(true);
    await zookeeper.kill();
    expect(await accepts(host!, Number(port))).toBe(false);
    await zookeeper.restart();
    expect(await accepts(host!, Number(port))).toBe(true);
  });
});

test('stop() ends every process and removes the data', async () => {
  const topology = await startTopology({ replicas: 1, zookeeper: true });
  const [row] = await topology.source.query<{ folder: string }>('SELECT @@datadir AS folder');
  const pids = topology.servers.map(({ pid }) => pid);
  const forgotten = await topology.source.connect();
  await topology.stop();
  expect(pids.map(isRunning)).toEqual([false, false]);
  expect(await exists(row!.folder)).toBe(false);
  await expect(forgotten.query('SELECT 1')).rejects.toThrow();
});

test('servers end when the process that started them is killed', async () => {
  const owner = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('./fixtures/server-owner.ts', import.meta.url))],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines = createInterface({ input: owner.stdout })[Symbol.asyncIterator]();
  const { value } = (await lines.next()) as { value: string };
  const { pid, folder } = JSON.parse(value) as { pid: number; folder: string };
  expect(isRunning(pid)).toBe(true);
  owner.kill('SIGKILL');
  await until('the server has ended', () => Promise.resolve(!isRunning(pid)), { timeoutMs: 10_000 });
  await until('its data are gone', async () => !(await exists(folder)), { timeoutMs: 10_000 });
});

test('several runs side by side get in nobody’s way', async () => {
  const servers = await Promise.all([startServer(), startServer(), startServer()]);
  expect(new Set(servers.map(({ port }) => port)).size).toBe(3);
  await Promise.all(servers.map((server) => server.stop()));
  expect(servers.map(({ alive }) => alive)).toEqual([false, false, false]);
});

test('a server that can’t start says why', async () => {
  await expect(startServer({ settings: { innodb_page_sise: 1 } })).rejects.toThrow(/innodb_page_sise/);
});

describe('MySQL', async () => {
  const available = await supports('mysql');
  const reason = available ? '' : ` (skipped: the ${provider()} servers have no MySQL among them)`;

  test.skipIf(!available)(`replicates, is killed and comes back${reason}`, async () => {
    await using topology = await startTopology({ vendor: 'mysql', replicas: 1 });
    await topology.source.query('CREATE DATABASE shop');
    await topology.source.query('CREATE TABLE shop.t (id INT PRIMARY KEY)');
    await topology.source.query('INSERT INTO shop.t VALUES (1)');
    await topology.waitForReplicas();
    const replica = topology.replicas[0]!;
    await replica.kill();
    await topology.source.query('INSERT INTO shop.t VALUES (2)');
    await replica.restart();
    await topology.waitForReplicas();
    expect(await replica.query('SELECT id FROM shop.t ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }]);
    const uuids = await Promise.all(
      topology.servers.map((server) => server.query('SELECT @@server_uuid AS uuid')),
    );
    expect(uuids[0]).not.toEqual(uuids[1]);
  });

  test.skipIf(!available)(`runs without GTIDs too${reason}`, async () => {
    const settings = { gtid_mode: 'OFF', enforce_gtid_consistency: 'OFF' };
    await using topology = await startTopology({ vendor: 'mysql', replicas: 1, settings });
    await topology.source.query('CREATE DATABASE shop');
    await topology.waitForReplicas();
    expect(await topology.replicas[0]!.query("SHOW DATABASES LIKE 'shop'")).toHaveLength(1);
  });
});

function isRunning(pid: number | undefined): boolean {
  try {
    process.kill(pid ?? -1, 0);
    return true;
  } catch {
    return false;
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

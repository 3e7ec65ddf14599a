import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { startTopology, type TestServer, type Topology } from '../servers/index.js';
import { documentOf, errorOf, runWaymark } from '../unit/cli/waymark.js';
import { agentPrivileges } from '../support/grants.js';

type FoundBy = { server: string | null; severity: string; code: string; message: string; fix: string };

let topology: Topology;
let replica: TestServer;
/** One that doesn't log what it replicates. */
let silent: TestServer;
let folder: string;

beforeAll(async () => {
  topology = await startTopology({ replicas: [{}, { log_slave_updates: 'OFF' }] });
  [replica, silent] = topology.replicas as [TestServer, TestServer];
  const { source } = topology;
  await source.query("CREATE USER waymark@'%' IDENTIFIED BY 'geheim'");
  await source.query(`GRANT ${agentPrivileges(source)} ON *.* TO waymark@'%'`);
  await source.query("CREATE USER bare@'%' IDENTIFIED BY 'geheim'");
  await source.query(
    `DROP VIEW IF EXISTS meta.\`_pseudo_gtid_hint__asc:${secondsHex()}:0000000000000001:00000000\``,
  );
  await topology.waitForReplicas();
}, 120_000);

afterAll(async () => {
  await topology.stop();
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waymark-check-'));
  return () => rm(folder, { recursive: true, force: true });
});

/** An hour ahead, so that the hint is not old however long the tests take. */
function secondsHex(): string {
  return Math.floor(Date.now() / 1000 + 3600)
    .toString(16)
    .toUpperCase();
}

async function configFile(change: Record<string, unknown> = {}): Promise<string> {
  const path = join(folder, 'waymark.yaml');
  const config = {
    stream: 'test',
    servers: [topology.source.address, replica.address],
    user: 'waymark',
    password: 'geheim',
    checkpoint: { store: 'file', path: join(folder, 'state') },
    sink: { type: 'file', path: join(folder, 'audit.ndjson') },
    ...change,
  };
  await writeFile(path, stringify(config));
  return path;
}

async function check(change: Record<string, unknown> = {}) {
  const result = await runWaymark(['check', '-c', await configFile(change), '--json']);
  const document = documentOf(result) as unknown as {
    ok: boolean;
    findings: FoundBy[];
    servers: Record<string, unknown>[];
    checkpoint: Record<string, unknown>;
  };
  return { ...result, ...document };
}

/** The code, server and severity of everything found. */
function summary(findings: readonly FoundBy[]): string[] {
  return findings.map(({ severity, code, server }) => `${severity} ${code} ${server ?? '-'}`);
}

describe('waymark check', () => {
  test('servers as they should be', async () => {
    const { code, ok, findings, servers, checkpoint } = await check();
    expect(findings).toEqual([]);
    expect({ code, ok }).toEqual({ code: 0, ok: true });
    expect(servers).toMatchObject([
      { server: topology.source.address, vendor: 'mariadb', role: 'source', replicatesFrom: [] },
      { server: replica.address, role: 'replica', replicatesFrom: [topology.source.address] },
    ]);
    const [source] = servers;
    expect(source?.['lastHint']).toMatchObject({
      hint: expect.stringMatching(/^asc:/) as string,
      file: 'mysql-bin.000001',
      serverId: topology.source.serverId,
    });
    expect(checkpoint).toMatchObject({ server: null, file: null });
  });

  test('for people: by server, with what to do', async () => {
    const result = await runWaymark(['check', '-c', await configFile({ password: 'wrong' })]);
    expect(result.code).toBe(1);
    expect(result.stdout).toContain(`✗ refuses the account "waymark"`);
    expect(result.stdout).toContain('→ Check user and password');
    expect(result.stdout).toContain('2 errors, 0 warnings');
    expect(result.stdout).not.toContain('wrong');
  });

  test('unknown server, wrong password, no log of replicated changes, all at once', async () => {
    const { code, findings, ok } = await check({
      anchors: 'hints',
      servers: ['127.0.0.1:1', 'no-such-host.invalid:3306', silent.address],
    });
    expect({ code, ok }).toEqual({ code: 1, ok: false });
    expect(summary(findings)).toEqual([
      'error server-unreachable 127.0.0.1:1',
      'error server-unreachable no-such-host.invalid:3306',
      `error no-log-updates ${silent.address}`,
      `warning no-hint ${silent.address}`,
    ]);
    expect(findings[2]?.message).toBe(
      `${silent.address} doesn't write what it replicates to its own binary log (log_slave_updates is OFF)`,
    );
  });

  test('missing grants, each by its name', async () => {
    const { code, findings } = await check({ user: 'bare' });
    expect(code).toBe(1);
    const own = findings.filter(({ server }) => server === replica.address);
    expect(own.map(({ fix }) => fix)).toEqual([
      "GRANT REPLICATION SLAVE ON *.* TO 'bare'@'%'",
      "GRANT BINLOG MONITOR ON *.* TO 'bare'@'%'",
      "GRANT REPLICA MONITOR ON *.* TO 'bare'@'%'",
    ]);
    expect(new Set(own.map((finding) => finding.code))).toEqual(new Set(['missing-grant']));
  });

  test('settings of the binary log, stopped replication', async () => {
    const before = ["binlog_format='ROW'", "binlog_row_image='FULL'", "binlog_row_metadata='FULL'"];
    const wrong = ["binlog_format='MIXED'", "binlog_row_image='MINIMAL'", "binlog_row_metadata='MINIMAL'"];
    for (const setting of wrong) await replica.query(`SET GLOBAL ${setting}`);
    await replica.query('STOP REPLICA');
    try {
      const { findings } = await check({ filter: { include: ['shop.*'] } });
      expect(summary(findings)).toEqual([
        `warning missing-grant ${replica.address}`,
        `error binlog-format ${replica.address}`,
        `error binlog-row-image ${replica.address}`,
        `warning binlog-row-metadata ${replica.address}`,
        `warning replication-stopped ${replica.address}`,
      ]);
      expect(findings[0]?.fix).toBe("GRANT SELECT ON `shop`.* TO 'waymark'@'%'");
      expect(findings[1]?.message).toContain('binlog_format is MIXED');
      expect(findings[1]?.fix).toContain("SET GLOBAL binlog_format = 'ROW'");
      expect(findings[2]?.message).toContain('binlog_row_image is MINIMAL');
    } finally {
      for (const setting of before) await replica.query(`SET GLOBAL ${setting}`);
      await replica.query('START REPLICA');
    }
  });

  test('a server that accepts and never answers', async () => {
    await silent.freeze();
    try {
      const { findings, code } = await check({ servers: [topology.source.address, silent.address] });
      expect(code).toBe(1);
      expect(summary(findings)).toEqual([`error server-unreachable ${silent.address}`]);
    } finally {
      await silent.resume();
    }
  });

  test('the same server twice, and the id of the agent', async () => {
    const { port } = replica;
    const { findings } = await check({
      servers: [replica.address, `localhost:${String(port)}`],
      serverId: replica.serverId,
    });
    expect(summary(findings)).toEqual([
      `error duplicate-server localhost:${String(port)}`,
      `error duplicate-server-id ${replica.address}`,
      `error duplicate-server-id localhost:${String(port)}`,
    ]);
  });

  test('hints of another form are no hints', async () => {
    const { findings, code } = await check({ anchors: 'hints', hints: { schema: 'other' } });
    const byGtid = await check({ hints: { schema: 'other' } });
    // MariaDB always has GTIDs, which take their place.
    expect(byGtid.findings).toEqual([]);
    expect(code).toBe(0);
    expect(summary(findings)).toEqual([
      `warning no-hint ${topology.source.address}`,
      `warning no-hint ${replica.address}`,
    ]);
  });

  test('coordinates beyond the file, and a file that is not there', async () => {
    const beyond = await check({ start: { file: 'mysql-bin.000001', position: 999_999_999 } });
    expect(summary(beyond.findings)).toEqual([`error coordinates ${topology.source.address}`]);
    expect(beyond.findings[0]?.message).toContain('bytes long');
    const missing = await check({ start: { file: 'mysql-bin.000099', position: 4 } });
    expect(missing.findings[0]?.message).toContain('there is no such file. It has mysql-bin.000001 to');
    expect(missing.code).toBe(1);
  });

  test('a damaged checkpoint, and a sink that cannot be written', async () => {
    await mkdir(join(folder, 'state'));
    await writeFile(join(folder, 'state', 'test.checkpoint'), 'what is this?');
    const { findings, code } = await check({
      sink: { type: 'file', path: join(folder, 'no', 'audit.ndjson') },
    });
    expect(code).toBe(1);
    expect(summary(findings)).toEqual(['error checkpoint-damaged -', 'error sink -']);
    expect(findings[0]?.message).toContain('test.checkpoint');
  });

  test('a ZooKeeper that is not there', async () => {
    const { findings, code } = await check({ checkpoint: { store: 'zookeeper', connect: '127.0.0.1:1' } });
    expect(code).toBe(1);
    expect(summary(findings)).toEqual(['error checkpoint-store -']);
    expect(findings[0]?.message).toContain('127.0.0.1:1');
  });

  test('an unknown key in the config file: the nearest known one is named', async () => {
    const path = await configFile({ failovr: { onDivergence: 'halt' } });
    const result = await runWaymark(['check', '-c', path, '--json']);
    expect(result.code).toBe(2);
    expect(errorOf(result).message).toContain('unknown key "failovr": did you mean "failover"?');
  });
});

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { startTopology, type TestServer, type Topology } from '../servers/index.js';
import { claimPort } from '../servers/ports.js';
import { agentPrivileges, monitorPrivileges } from '../support/grants.js';
import { documentOf, errorOf, type RunningCommand, runWaymark, startWaymark } from '../unit/cli/waymark.js';

/** One list of conditions: what `check` says is wrong, and what `run` refuses to start for, or waits for. */

type Found = {
  readonly server: string | null;
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  readonly fix: string;
  readonly run: 'refuses' | 'waits' | 'goes-on';
};

let topology: Topology;
let source: TestServer;
let replica: TestServer;
/** One that doesn't log what it replicates. */
let silent: TestServer;
let folder: string;

beforeAll(async () => {
  topology = await startTopology({ replicas: [{}, { log_slave_updates: 'OFF' }] });
  source = topology.source;
  [replica, silent] = topology.replicas as [TestServer, TestServer];
  const accounts = ['waymark', 'bare', 'reader'];
  for (const account of accounts) await source.query(`CREATE USER ${account}@'%' IDENTIFIED BY 'geheim'`);
  await source.query(`GRANT ${agentPrivileges(source)} ON *.* TO waymark@'%'`);
  await source.query(`GRANT ${monitorPrivileges(source)} ON *.* TO bare@'%'`);
  await source.query(`GRANT ${agentPrivileges(source)} ON *.* TO reader@'%'`);
  await source.query("GRANT SELECT ON kept.* TO reader@'%'");
  await source.query("GRANT ALL ON owned.* TO reader@'%'");
  await source.query('CREATE DATABASE shop');
  await source.query('CREATE TABLE shop.orders (id INT PRIMARY KEY)');
  await topology.waitForReplicas();
}, 120_000);

afterAll(async () => {
  await topology.stop();
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waymark-conditions-'));
  return () => rm(folder, { recursive: true, force: true });
});

type Change = Readonly<Record<string, unknown>>;

async function configFile(change: Change): Promise<string> {
  const path = join(folder, 'waymark.yaml');
  const config = {
    stream: 'test',
    servers: [source.address, replica.address],
    user: 'waymark',
    password: 'geheim',
    checkpoint: { store: 'file', path: join(folder, 'state') },
    sink: { type: 'file', path: join(folder, 'audit.ndjson') },
    ...change,
  };
  await writeFile(path, stringify(config));
  return path;
}

type Environment = Record<string, string>;

async function check(
  change: Change,
  environment: Environment = {},
): Promise<{ code: number | null; run: string; findings: Found[] }> {
  const result = await runWaymark(['check', '-c', await configFile(change), '--json'], environment, 'built');
  const { run, findings } = documentOf(result) as unknown as { run: string; findings: Found[] };
  return { code: result.code, run, findings };
}

async function startRun(change: Change, environment: Environment = {}): Promise<RunningCommand> {
  return startWaymark(['run', '-c', await configFile(change), '--json'], environment, 'built');
}

/** `check` finds that, and `run` says the same, word for word, and ends. */
async function expectRefused(
  change: Change,
  codes: readonly string[],
  environment: Environment = {},
): Promise<Found[]> {
  const checked = await check(change, environment);
  const refused = checked.findings.filter(({ run }) => run === 'refuses');
  expect(refused.map(({ code }) => code)).toEqual(codes);
  expect(checked.run).toBe('refuses');
  const errors = checked.findings.filter(({ severity }) => severity === 'error');
  expect(checked.code).toBe(errors.length === 0 ? 0 : 1);
  const ended = await (await startRun(change, environment)).ended;
  expect(ended.code, ended.stderr).toBeGreaterThan(0);
  const { message } = errorOf(ended);
  for (const finding of refused) {
    expect(message).toContain(finding.message.replace(/\.$/, ''));
    expect(message).toContain(finding.fix);
  }
  expect(JSON.parse(ended.stderr.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ event: 'stopped' });
  return refused;
}

/** A port with a listener that is none of waymark's. */
async function withPortTaken(use: (port: number) => Promise<void>): Promise<void> {
  const listener = createServer((socket) => socket.end('hello\r\n', () => socket.destroy())).listen(
    0,
    '127.0.0.1',
  );
  await once(listener, 'listening');
  const address = listener.address();
  try {
    await use(typeof address === 'object' ? (address?.port ?? 0) : 0);
  } finally {
    listener.close();
  }
}

async function withSettings(
  server: TestServer,
  wrong: readonly string[],
  right: readonly string[],
  use: () => Promise<void>,
): Promise<void> {
  for (const setting of wrong) await server.query(`SET GLOBAL ${setting}`);
  try {
    await use();
  } finally {
    for (const setting of right) await server.query(`SET GLOBAL ${setting}`);
  }
}

/** Runs an agent until it reads, does something beside it, and stops it. */
async function beside(change: Change, use: () => Promise<void>): Promise<void> {
  const running = await startRun(change);
  try {
    await running.until(/"stream\.started"/);
    await use();
  } finally {
    running.signal('SIGTERM');
    expect((await running.ended).code).toBe(0);
  }
}

/** One bad condition: its name, the configuration that has it, and the code that it is found with. */
type Case = readonly [what: string, change: () => Change | Promise<Change>, code: string | readonly string[]];

const cases: readonly Case[] = [
  ['a password that is wrong', () => ({ password: 'wrong' }), ['access-denied', 'access-denied']],
  ["an account that can't read the log", () => ({ user: 'bare' }), ['missing-grant', 'missing-grant']],
  [
    "a member that doesn't log what it replicates",
    () => ({ servers: [source.address, silent.address] }),
    'no-log-updates',
  ],
  [
    'the same server twice',
    () => ({ servers: [source.address, `localhost:${String(source.port)}`] }),
    'duplicate-server',
  ],
  ["a member's server_id for the agent", () => ({ serverId: replica.serverId }), 'duplicate-server-id'],
  ['a file of certificates that is not there', () => ({ tls: { ca: join(folder, 'ca.pem') } }), 'config'],
  [
    'a sink in a folder that is not there',
    () => ({ sink: { type: 'file', path: join(folder, 'no', 'audit.ndjson') } }),
    'sink',
  ],
  ['a sink that is a folder', () => ({ sink: { type: 'file', path: folder } }), 'sink'],
  [
    'a sink that is a named pipe',
    () => {
      execFileSync('mkfifo', [join(folder, 'pipe')]);
      return { sink: { type: 'file', path: join(folder, 'pipe') } };
    },
    'sink',
  ],
  [
    "a sink that is the checkpoint's file",
    () => ({ sink: { type: 'file', path: join(folder, 'state', 'test.checkpoint') } }),
    'config',
  ],
  [
    "a sink whose lock is the checkpoint's",
    () => ({ sink: { type: 'file', path: join(folder, 'state', 'test') } }),
    'config',
  ],
  [
    'a damaged checkpoint',
    async () => {
      await mkdir(join(folder, 'state'));
      await writeFile(join(folder, 'state', 'test.checkpoint'), 'what is this?');
      return {};
    },
    'checkpoint-damaged',
  ],
  [
    "a checkpoint's folder below a file",
    async () => {
      await writeFile(join(folder, 'file'), '');
      return { checkpoint: { store: 'file', path: join(folder, 'file', 'state') } };
    },
    'checkpoint-store',
  ],
  [
    'a table for the checkpoint that is not there',
    () => ({ checkpoint: { store: 'mysql', server: source.address, schema: 'owned' }, user: 'reader' }),
    'missing-table',
  ],
  [
    'a table for the election that is not there',
    () => ({
      checkpoint: { store: 'mysql', server: source.address, schema: 'owned' },
      election: { backend: 'mysql', server: source.address, schema: 'owned' },
      user: 'reader',
    }),
    ['missing-table', 'missing-table'],
  ],
  [
    'an account that the server of the checkpoint refuses',
    () => ({ checkpoint: { store: 'mysql', server: source.address, user: 'waymark', password: 'wrong' } }),
    'access-denied',
  ],
  [
    'coordinates behind the end of a file',
    () => ({ start: { file: 'mysql-bin.000001', position: 99_999_999 } }),
    'coordinates',
  ],
  [
    'coordinates in a file that is not there',
    () => ({ start: { file: 'mysql-bin.000077', position: 4 } }),
    'coordinates',
  ],
  [
    'a hint to start from that never came',
    () => ({ start: { hint: 'asc:00000001:0000000000000001:00000000' } }),
    'not-found',
  ],
];

describe('check and run refuse the same, in the same words', () => {
  test.each(cases)('%s', async (_what, change, code) => {
    await expectRefused(await change(), typeof code === 'string' ? [code] : code);
  });

  test('coordinates inside a transaction', async () => {
    await source.query('INSERT INTO shop.orders VALUES (1), (2)');
    const events = await source.query<Record<string, unknown>>("SHOW BINLOG EVENTS IN 'mysql-bin.000001'");
    const inside = events.findLast((event) => String(event['Event_type']).startsWith('Write_rows'));
    const start = { file: 'mysql-bin.000001', position: Number(inside?.['Pos']) };
    const [refused] = await expectRefused({ start }, ['coordinates']);
    expect(refused?.message).toContain('is inside the transaction from');
  });

  test('settings of the binary log', async () => {
    const wrong = ["binlog_format='MIXED'", "binlog_row_image='MINIMAL'"];
    const right = ["binlog_format='ROW'", "binlog_row_image='FULL'"];
    await withSettings(replica, wrong, right, async () => {
      await expectRefused({}, ['binlog-format', 'binlog-row-image']);
    });
  });

  test("an account that may read the checkpoint's table and not write it", async () => {
    const made = { checkpoint: { store: 'mysql', server: source.address, schema: 'kept' } };
    const admin = { user: source.user, password: source.password };
    await runWaymark(['check', '--fix', '-c', await configFile({ ...made, ...admin })], {}, 'built');
    const [refused] = await expectRefused({ ...made, user: 'reader' }, ['missing-grant']);
    expect(refused?.message).toMatch(/may not use the table kept\.stream_checkpoint.*INSERT command denied/);
  });

  test('a port on which something else listens', async () => {
    await withPortTaken(async (port) => {
      const http = { listen: `127.0.0.1:${String(port)}` };
      const [refused] = await expectRefused({ http }, ['config']);
      expect(refused?.severity).toBe('error');
    });
  });

  test('a second agent: all is well for check, and run refuses', async () => {
    const http = { listen: `127.0.0.1:${String(await claimPort())}` };
    await beside({ http }, async () => {
      const refused = await expectRefused({ http }, ['checkpoint-store', 'sink', 'config']);
      expect(refused.map(({ severity }) => severity)).toEqual(['warning', 'warning', 'warning']);
    });
  });

  test('all that is wrong is told at once', async () => {
    await withPortTaken(async (port) => {
      const change = {
        password: 'wrong',
        http: { listen: `127.0.0.1:${String(port)}` },
        sink: { type: 'file', path: join(folder, 'no', 'audit.ndjson') },
      };
      await expectRefused(change, ['access-denied', 'access-denied', 'sink', 'config']);
      expect(errorOf(await (await startRun(change)).ended)).toMatchObject({
        code: 'conditions',
        message: expect.stringContaining('4 problems') as string,
      });
    });
  });
});

describe('what passes by itself is waited for', () => {
  const nowhere = '127.0.0.1:1';

  test.each<[string, Change, string]>([
    ['the servers', { servers: [nowhere] }, 'server-unreachable'],
    [
      "the checkpoint's ZooKeeper",
      { checkpoint: { store: 'zookeeper', connect: nowhere } },
      'checkpoint-store',
    ],
    ["the checkpoint's server", { checkpoint: { store: 'mysql', server: nowhere } }, 'server-unreachable'],
    ["the election's server", { election: { backend: 'mysql', server: nowhere } }, 'server-unreachable'],
  ])('%s', async (_what, change, code) => {
    const checked = await check(change);
    expect({ code: checked.code, run: checked.run }).toEqual({ code: 1, run: 'waits' });
    const errors = checked.findings.filter(({ severity }) => severity === 'error');
    expect(errors.map((finding) => [finding.code, finding.run])).toEqual([[code, 'waits']]);
    const running = await startRun(change);
    await running.until(new RegExp(`"event":"waiting","code":"${code}"`));
    running.signal('SIGTERM');
    expect((await running.ended).code).toBe(0);
  });

  test('an agent that waits for a server begins when it comes', async () => {
    await replica.kill();
    const running = await startRun({ servers: [replica.address] });
    await running.until(/"event":"waiting"/);
    await replica.restart();
    await running.until(/"stream\.started"/);
    running.signal('SIGTERM');
    expect((await running.ended).code).toBe(0);
  });
});

describe('a stream that has begun', () => {
  let id = 100;

  async function delivery(): Promise<void> {
    id += 1;
    await source.query('INSERT INTO shop.orders VALUES (?)', [id]);
    await expect
      .poll(() => readFile(join(folder, 'audit.ndjson'), 'utf8').catch(() => ''), { timeout: 20_000 })
      .toContain(`"id":${String(id)}`);
  }

  const wrong = ["binlog_row_image='MINIMAL'"];
  const right = ["binlog_row_image='FULL'"];

  test('goes on where one member can do, and says what is wrong with the other', async () => {
    await beside({}, delivery);
    await withSettings(replica, wrong, right, async () => {
      const checked = await check({});
      expect({ code: checked.code, run: checked.run }).toEqual({ code: 1, run: 'goes-on' });
      const running = await startRun({});
      await running.until(/"candidate\.rejected".*binlog_row_image is MINIMAL/);
      await running.until(/"stream\.started"/);
      running.signal('SIGTERM');
      expect((await running.ended).code).toBe(0);
    });
  });

  test('is refused where none can', async () => {
    const change = { servers: [replica.address] };
    await beside(change, delivery);
    await withSettings(replica, wrong, right, async () => {
      await expectRefused(change, ['binlog-row-image']);
    });
  });
});

describe('coordinates to start from', () => {
  test('are those of the first server: no other one is tried with them', async () => {
    const running = await startRun({
      servers: [{ address: '127.0.0.1:1' }, { address: replica.address, priority: 10 }],
      start: { file: 'mysql-bin.000001', position: 4 },
    });
    await running.until(/"event":"waiting","retryMs"/);
    running.signal('SIGTERM');
    const { stderr, code } = await running.ended;
    expect(code).toBe(0);
    expect(stderr).not.toContain('"stream.started"');
  });
});

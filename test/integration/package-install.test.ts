import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type OwnedZooKeeper, startServer, startZooKeeper, type TestServer } from '../servers/index.js';
import { findProgram } from '../setup/steps.mjs';
import { getNewestNode, newestNode } from '../suites/newest-node.js';
import { agentPrivileges } from '../support/grants.js';
import { command, install, pack } from '../support/package.js';

/** The package as it is published, installed where nothing can be compiled. */

const root = fileURLToPath(new URL('../..', import.meta.url));

let server: TestServer;
let zookeeper: OwnedZooKeeper;
let folder: string;
let tarball: string;

beforeAll(async () => {
  [server, zookeeper] = await Promise.all([startServer(), startZooKeeper()]);
  await server.query("CREATE USER waymark@'%' IDENTIFIED BY 'geheim'");
  await server.query(`GRANT ${agentPrivileges(server)} ON *.* TO waymark@'%'`);
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.orders (id INT PRIMARY KEY)');
  folder = await mkdtemp(join(tmpdir(), 'waymark-package-'));
  tarball = await pack(folder);
}, 120_000);

afterAll(async () => {
  await Promise.all([server.stop(), zookeeper.stop(), rm(folder, { recursive: true, force: true })]);
});

/** A search path with that Node.js, npm and a shell in it: no compiler, no Python. */
async function bareSearchPath(name: string, node: string): Promise<string> {
  const bin = join(folder, name);
  await mkdir(bin);
  await symlink(node, join(bin, 'node'));
  for (const tool of ['npm', 'sh']) await symlink(findProgram(tool) ?? tool, join(bin, tool));
  return bin;
}

async function configFile(cwd: string, change: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const config = {
    stream: 'packaged',
    servers: [server.address],
    user: 'waymark',
    password: 'geheim',
    checkpoint: { store: 'file', path: 'state' },
    sink: { type: 'file', path: 'audit.ndjson' },
    start: 'earliest',
    ...change,
  };
  await writeFile(join(cwd, 'waymark.yaml'), stringify(config));
  return 'waymark.yaml';
}

/** The installed command does its work, with a checkpoint in a file and with all that it keeps in ZooKeeper. */
async function expectWorks(cwd: string, path: string, id: number): Promise<void> {
  const waymark = join(cwd, 'node_modules/.bin/waymark');
  const where = { cwd, path };
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  expect(await command(waymark, ['--version'], where)).toMatchObject({ code: 0, stdout: `${version}\n` });

  const file = await configFile(cwd);
  expect(await command(waymark, ['check', '-c', file], where)).toMatchObject({ code: 0 });

  let stop = (): void => undefined;
  const running = command(waymark, ['run', '-c', file], where, (end) => (stop = end));
  try {
    await server.query('INSERT INTO shop.orders VALUES (?)', [id]);
    await expect
      .poll(() => readFile(join(cwd, 'audit.ndjson'), 'utf8').catch(() => ''), { timeout: 20_000 })
      .toContain(`"after":{"id":${String(id)}}`);
  } finally {
    stop();
  }
  expect(await running).toMatchObject({ code: 0 });

  const { connectString: connect } = zookeeper;
  const znodes = `/package-${String(id)}`;
  await configFile(cwd, {
    checkpoint: { store: 'zookeeper', connect, root: znodes },
    election: { backend: 'zookeeper', connect, root: znodes },
    sink: { type: 'file', path: 'elected.ndjson' },
  });
  expect(await command(waymark, ['check', '-c', file], where)).toMatchObject({ code: 0 });
  const elected = command(waymark, ['run', '-c', file], where, (end) => (stop = end));
  try {
    await expect
      .poll(() => readFile(join(cwd, 'elected.ndjson'), 'utf8').catch(() => ''), { timeout: 20_000 })
      .toContain(`"after":{"id":${String(id)}}`);
  } finally {
    stop();
  }
  const { code, stderr } = await elected;
  expect(code, stderr).toBe(0);
  const events = stderr.split('\n').flatMap((line) => {
    return line.startsWith('{') ? [JSON.parse(line) as { event?: string }] : [];
  });
  expect(events.filter(({ event }) => event === 'zookeeper.client')).toMatchObject([
    { client: 'javascript' },
  ]);
}

describe('without a compiler', () => {
  test('the package is installed and works', { timeout: 240_000 }, async ({ skip }) => {
    const path = await bareSearchPath('own', process.execPath);
    const cwd = join(folder, 'own-installation');
    if (!(await install(tarball, cwd, path))) return skip('no npm registry can be reached');
    await expectWorks(cwd, path, 1);
  });

  test('so it is on the newest Node.js', { timeout: 360_000 }, async ({ skip }) => {
    const node = await getNewestNode(join(folder, 'newest'));
    if (node === null) return skip(`no Node.js ${newestNode} can be had from an npm registry`);
    const path = await bareSearchPath('newest-bin', node);
    const { stdout } = await command('node', ['--version'], { cwd: folder, path });
    expect(stdout.split('.')[0]).toBe(`v${newestNode}`);
    const cwd = join(folder, 'newest-installation');
    if (!(await install(tarball, cwd, path))) return skip('no npm registry can be reached');
    await expectWorks(cwd, path, 2);
  });
});

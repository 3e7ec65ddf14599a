import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { access, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hasSystemCode } from '../../src/util/errors.js';
import { codeBlocks } from '../docs/markdown.js';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { startTopology, type Topology } from '../servers/index.js';
import { claimPort, releasePort } from '../servers/ports.js';
import { acquit, entrust } from '../servers/reaper.js';
import { until } from '../servers/wait.js';
import { install, pack } from '../support/package.js';

/**
 * The quick start of the README, word for word but for names of servers and the password, with the package as it is
 * published: packed, and installed in an empty folder.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const password = 'geheim';

let topology: Topology;
let folder: string;
let httpPort = 0;
let shell: ChildProcess | null = null;

beforeAll(async () => {
  topology = await startTopology();
  httpPort = await claimPort();
  folder = await makeRunFolder();
  await topology.source.query('CREATE DATABASE shop');
  await topology.source.query('CREATE TABLE shop.orders (id INT PRIMARY KEY, amount DECIMAL(8, 2))');
});

afterAll(async () => {
  await end('SIGKILL');
  releasePort(httpPort);
  await topology.stop();
  await removeRunFolder(folder);
});

/** Signals the shell and all that it has started, and waits until they have ended. */
async function end(signal: NodeJS.Signals): Promise<void> {
  const pid = shell?.pid;
  shell = null;
  if (pid === undefined) return;
  signalAll(pid, signal);
  await until('the commands have ended', () => Promise.resolve(!signalAll(pid, 0)));
  acquit('process', pid);
}

/** False when none of them is left. */
function signalAll(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch (error) {
    if (hasSystemCode(error, 'ESRCH')) return false;
    throw error;
  }
}

/** With our servers and our password in the place of the README's. */
function ours(text: string): string {
  const [first, second] = topology.replicas.map(({ address }) => address);
  return text
    .replaceAll('source.example.com:3306', topology.source.address)
    .replaceAll('db1.example.com:3306', first ?? '')
    .replaceAll('db2.example.com:3306', second ?? '')
    .replaceAll('127.0.0.1:9464', `127.0.0.1:${String(httpPort)}`)
    .replaceAll('…', password);
}

/** The statements for this vendor. */
function statements(sql: string): string[] {
  const other = topology.source.vendor === 'mysql' ? 'MariaDB' : 'MySQL';
  return ours(sql)
    .split('\n')
    .filter((line) => line !== '' && !line.endsWith(`-- ${other}`))
    .map((line) => line.replace(/;.*$/, ''));
}

/** What is done once the README's commands can be typed: `waymark` is in this search path. */
async function follow(path: string): Promise<void> {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const [sql = ''] = codeBlocks(readme, 'sql');
  const [yaml = ''] = codeBlocks(readme, 'yaml');
  const [script = ''] = codeBlocks(readme, 'sh').filter((block) => block.includes('waymark run'));
  const [look = ''] = codeBlocks(readme, 'sh').filter((block) => block.includes('waymark status'));
  for (const statement of statements(sql)) await topology.source.query(statement);
  await topology.waitForReplicas();
  // What the README says that MySQL needs besides.
  const isMySql = topology.source.vendor === 'mysql';
  await writeFile(join(folder, 'waymark.yaml'), ours(yaml) + (isMySql ? 'getServerPublicKey: true\n' : ''));
  const commands = isMySql ? script.replace('waymark inject', '$& --get-server-public-key') : script;
  shell = spawn('sh', ['-c', ours(commands)], {
    cwd: folder,
    detached: true,
    stdio: 'ignore',
    env: { PATH: path, HOME: folder },
  });
  if (shell.pid !== undefined) entrust('process', shell.pid);
  await until('the agent has begun', () =>
    access(join(folder, 'state', 'shop-audit.checkpoint')).then(
      () => true,
      () => false,
    ),
  );
  await topology.source.query('INSERT INTO shop.orders VALUES (7, 12.50)');
  await topology.source.query('UPDATE shop.orders SET amount = 14 WHERE id = 7');
  const lines = async (): Promise<string[]> =>
    (await readFile(join(folder, 'audit.ndjson'), 'utf8')).split('\n').filter((line) => line !== '');
  await until('both changes are delivered', async () => (await lines()).length >= 2);
  const records = (await lines()).map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(records).toMatchObject([
    { type: 'row', op: 'insert', schema: 'shop', table: 'orders', after: { id: 7, amount: '12.50' } },
    { op: 'update', before: { id: 7, amount: '12.50' }, after: { id: 7, amount: '14.00' } },
  ]);
  const shown = await promisify(execFile)('sh', ['-c', ours(look)], {
    ...{ cwd: folder, env: { PATH: path, HOME: folder }, timeout: 30_000 },
  });
  expect(shown.stdout).toContain('"after":{"id":7,"amount":"14.00"}');
  expect(shown.stdout).toMatch(/shop-audit: ✓ healthy/);
  await end('SIGTERM');
}

test('leads to a running agent, and each change to a line', { timeout: 240_000 }, async ({ skip }) => {
  const installation = join(folder, 'installation');
  if (!(await install(await pack(folder), installation))) return skip('no npm registry can be reached');
  const path = [
    join(installation, 'node_modules/.bin'),
    dirname(process.execPath),
    process.env['PATH'] ?? '',
  ];
  await follow(path.join(':'));
});

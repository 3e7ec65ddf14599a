import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { startServer, type TestServer } from '../servers/index.js';
import { until } from '../servers/wait.js';

/** An agent whose machine doesn't give it what a process has. */

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
let server: TestServer;
let folder: string;
let child: ChildProcess | null = null;
let rows = 0;

beforeAll(async () => {
  server = await startServer();
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.beats (id INT PRIMARY KEY)');
});

afterAll(() => server.stop());

beforeEach(async () => {
  folder = await makeRunFolder();
  const config = {
    ...{ stream: 'surroundings', user: server.user, password: server.password, getServerPublicKey: true },
    servers: [server.address],
    filter: { include: ['shop.*'] },
    checkpoint: { store: 'file', path: join(folder, 'state') },
  };
  await writeFile(join(folder, 'waymark.yaml'), stringify(config));
});

afterEach(async () => {
  child?.kill('SIGKILL');
  if (child !== null && child.exitCode === null && child.signalCode === null) await once(child, 'close');
  child = null;
  await removeRunFolder(folder);
});

/** Starts an agent by a line for the shell, in which `$AGENT` is it. */
function start(line: string): { lines: string[]; said: () => string; ended: Promise<unknown[]> } {
  const env = { ...process.env, AGENT: `${process.execPath} ${program} run -c ${folder}/waymark.yaml` };
  child = spawn('bash', ['-c', line], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  const lines: string[] = [];
  let said = '';
  createInterface(child.stdout!).on('line', (text) => lines.push(text));
  child.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return { lines, said: () => said, ended: once(child, 'close') };
}

/** Writes rows until one of them has come. */
async function delivers(lines: readonly string[]): Promise<void> {
  await until('a row comes', async () => {
    rows += 1;
    await server.query(`INSERT INTO shop.beats VALUES (${rows})`);
    return lines.some((line) => line.includes('"table":"beats"'));
  });
}

test.each([
  ['full', 'exec $AGENT 2>/dev/full'],
  ['closed', 'exec $AGENT 2>&-'],
  ['a pipe that nobody reads', 'exec $AGENT 2> >(exec true)'],
])('the log’s destination is %s: it delivers all the same, and ends when asked to', async (_, line) => {
  const { lines, ended } = start(line);
  await delivers(lines);
  child!.kill('SIGTERM');
  expect((await ended)[0]).toBe(0);
});

test('stdout is closed: no checkpoint moves past records that go nowhere', async () => {
  const { said, ended } = start('exec $AGENT >&-');
  expect((await ended)[0]).toBe(1);
  expect(said()).toMatch(/stdout is closed/);
  expect(said()).not.toMatch(/checkpoint\.saved|\n {4}at /);
});

test('no more files may be opened: said in a sentence', async () => {
  const { said, ended } = start('ulimit -n 24; exec $AGENT');
  expect((await ended)[0]).toBe(1);
  expect(said()).toMatch(/ulimit -n/);
  expect(said()).not.toMatch(/\n {4}at /);
});

test('SIGUSR1 opens no debugger', async () => {
  const { lines, said, ended } = start('exec $AGENT');
  await delivers(lines);
  child!.kill('SIGUSR1');
  lines.length = 0;
  await delivers(lines);
  child!.kill('SIGTERM');
  expect((await ended)[0]).toBe(0);
  expect(said()).not.toMatch(/debugger/i);
  for (const line of said().trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('level');
});

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { startServer, type TestServer } from '../servers/index.js';
import { documentOf, errorOf, runWaymark, startWaymark } from '../unit/cli/waymark.js';
import { agentPrivileges, monitorPrivileges } from '../support/grants.js';

let server: TestServer;
let folder: string;

beforeAll(async () => {
  server = await startServer();
  await server.query("CREATE USER waymark@'%' IDENTIFIED BY 'geheim'");
  await server.query(`GRANT ${agentPrivileges(server)} ON *.* TO waymark@'%'`);
  await server.query("CREATE USER bare@'%' IDENTIFIED BY 'geheim'");
  await server.query(`GRANT ${monitorPrivileges(server)} ON *.* TO bare@'%'`);
}, 60_000);

afterAll(async () => {
  await server.stop();
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waymark-run-'));
  return () => rm(folder, { recursive: true, force: true });
});

async function configFile(change: Record<string, unknown> = {}): Promise<string> {
  const path = join(folder, 'waymark.yaml');
  const config = {
    stream: 'test',
    servers: [server.address],
    user: 'waymark',
    password: 'geheim',
    getServerPublicKey: true,
    checkpoint: { store: 'file', path: join(folder, 'state') },
    sink: { type: 'file', path: join(folder, 'audit.ndjson') },
    ...change,
  };
  await writeFile(path, stringify(config));
  return path;
}

async function run(change: Record<string, unknown> = {}) {
  return runWaymark(['run', '-c', await configFile(change), '--json']);
}

/** Every line of the log must be a JSON document, an error's included. */
function logOf(stderr: string): Record<string, unknown>[] {
  return stderr
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('waymark run', () => {
  test('delivers, says that there is no hint, and stops cleanly on SIGTERM', async () => {
    const running = startWaymark(['run', '-c', await configFile(), '--json']);
    await running.until(/"stream\.started"/);
    await server.query('CREATE DATABASE IF NOT EXISTS shop');
    await server.query('CREATE TABLE shop.orders (id INT PRIMARY KEY)');
    await server.query('INSERT INTO shop.orders VALUES (1)');
    await expect
      .poll(() => readFile(join(folder, 'audit.ndjson'), 'utf8').catch(() => ''), { timeout: 20_000 })
      .toContain('"op":"insert"');
    running.signal('SIGTERM');
    const result = await running.ended;
    expect(result.code, result.stderr).toBe(0);
    expect(documentOf(result)).toEqual({ stream: 'test', stopped: true });
    expect(logOf(result.stderr).at(-1)).toMatchObject({ event: 'stopped' });
    expect(result.stderr).toMatch(/hint/i);
    expect(result.stderr + result.stdout).not.toContain('geheim');
  });

  test('what is wrong from the start ends it with 1 and says what to do', async () => {
    const cases: [Record<string, unknown>, string, RegExp][] = [
      [{ password: 'hunter2' }, 'access-denied', /refuses the account "waymark"/],
      [{ user: 'bare' }, 'missing-grant', /REPLICATION SLAVE/],
      [{ start: { file: 'mysql-bin.000001', position: 99_999_999 } }, 'coordinates', /bytes long/],
      [{ start: { file: 'mysql-bin.000077', position: 4 } }, 'coordinates', /no such file/],
    ];
    for (const [change, code, message] of cases) {
      const result = await run(change);
      expect(result.code, result.stderr).toBe(1);
      expect(errorOf(result).code).toBe(code);
      expect(errorOf(result).message).toMatch(message);
      expect(logOf(result.stderr).at(-1)).toMatchObject({ level: 'error', event: 'stopped', code });
      expect(result.stderr + result.stdout).not.toContain('hunter2');
    }
  });

  test('binlog_format and binlog_row_image', async () => {
    await server.query("SET GLOBAL binlog_format = 'MIXED'");
    await server.query("SET GLOBAL binlog_row_image = 'MINIMAL'");
    try {
      const result = await run();
      expect(result.code).toBe(1);
      expect(errorOf(result).code).toBe('unsuitable-server');
      expect(errorOf(result).message).toContain('binlog_format is MIXED');
      expect(errorOf(result).message).toContain('binlog_row_image is MINIMAL');
    } finally {
      await server.query("SET GLOBAL binlog_format = 'ROW'");
      await server.query("SET GLOBAL binlog_row_image = 'FULL'");
    }
  });

  test('a damaged checkpoint', async () => {
    await mkdir(join(folder, 'state'));
    await writeFile(join(folder, 'state', 'test.checkpoint'), 'what is this?');
    const result = await run();
    expect(result.code).toBe(1);
    expect(errorOf(result)).toMatchObject({ code: 'checkpoint-damaged', stream: 'test' });
  });

  test('an unknown key in the config file', async () => {
    const result = await run({ sinck: { type: 'stdout' } });
    expect(result.code).toBe(2);
    expect(errorOf(result).code).toBe('config');
    expect(errorOf(result).message).toContain('unknown key "sinck": did you mean "sink"?');
  });

  test('with records on stdout, an error keeps off it', async () => {
    const result = await run({ sink: { type: 'stdout' }, password: 'hunter2' });
    expect(result.code).toBe(1);
    expect(result.stdout).toBe('');
    expect(logOf(result.stderr).at(-1)).toMatchObject({ error: { code: 'access-denied' } });
  });
});

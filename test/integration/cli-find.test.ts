import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { startServer, type TestServer } from '../servers/index.js';
import { documentOf, errorOf, runWaymark } from '../unit/cli/waymark.js';
import { agentPrivileges, monitorPrivileges } from '../support/grants.js';

let server: TestServer;
const account = { WAYMARK_USER: 'waymark', WAYMARK_PASSWORD: 'geheim' };
const hints = [1, 2, 3].map(
  (counter) => `asc:6B01F8D${String(counter)}:000000000000000${String(counter)}:317ACA46`,
);
const [first, second, third] = hints as [string, string, string];

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

describe('without any hint', () => {
  test('find and last-hint say so, with 3', async () => {
    for (const args of [['last-hint'], ['find', '--hint', second]]) {
      const result = await runWaymark(
        [...args, '--server', server.address, '--get-server-public-key', '--json'],
        account,
      );
      expect(result.code).toBe(3);
      expect(errorOf(result)).toMatchObject({ code: 'not-found', server: server.address });
    }
  });
});

describe('with hints', () => {
  let place: { file: string; position: number };

  beforeAll(async () => {
    for (const hint of [first, second, third]) {
      await server.query('FLUSH BINARY LOGS');
      await server.query(`DROP VIEW IF EXISTS meta.\`_pseudo_gtid_hint__${hint}\``);
    }
    const events = await server.query<{ Pos: number; Info: string }>(
      "SHOW BINLOG EVENTS IN 'mysql-bin.000003'",
    );
    const event = events.find(({ Info }) => Info.includes(second));
    place = { file: 'mysql-bin.000003', position: event?.Pos ?? 0 };
  });

  test('find gives the place, for the hint in every form', async () => {
    const statement = `use \`shop\`; drop view if exists \`meta\`.\`_pseudo_gtid_hint__${second}\``;
    for (const text of [second, second.slice(4), statement]) {
      const result = await runWaymark(
        ['find', '--server', server.address, '--get-server-public-key', '--hint', text, '--json'],
        account,
      );
      expect(result.code, result.stderr).toBe(0);
      const document = documentOf(result);
      expect(Object.keys(document)).toEqual([
        'server',
        'hint',
        'gtid',
        'file',
        'position',
        'endPosition',
        'filesProbed',
        'bytesScanned',
        'elapsedMs',
      ]);
      expect(document).toMatchObject({ server: server.address, hint: second, ...place });
      expect(document['endPosition']).toBeGreaterThan(place.position);
    }
  });

  test('last-hint gives the newest', async () => {
    const result = await runWaymark(
      ['last-hint', '--server', server.address, '--get-server-public-key', '--json'],
      account,
    );
    expect(result.code).toBe(0);
    const document = documentOf(result);
    expect(Object.keys(document)).toEqual(['server', 'hint', 'file', 'position']);
    expect(document).toMatchObject({ server: server.address, hint: third, file: 'mysql-bin.000004' });
    const forPeople = await runWaymark(
      ['last-hint', '--server', server.address, '--get-server-public-key'],
      account,
    );
    expect(forPeople.stdout).toContain(`${third}\n`);
    expect(forPeople.stderr).toBe('');
  });

  test('exit codes tell: behind, purged, not found', async () => {
    const cases: [string, number, string][] = [
      ['asc:7B01F8D1:0000000000000001:317ACA46', 5, 'behind'],
      ['asc:5B01F8D1:0000000000000001:317ACA46', 6, 'purged'],
      [second.replace('317A', 'FFFF'), 3, 'not-found'],
    ];
    for (const [hint, exitCode, code] of cases) {
      const result = await runWaymark(
        ['find', '--server', server.address, '--get-server-public-key', '--hint', hint, '--json'],
        account,
      );
      expect(result.code).toBe(exitCode);
      expect(errorOf(result).code).toBe(code);
    }
  });

  test('account, TLS and the form of hints from a config file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'waymark-find-'));
    try {
      const path = join(folder, 'waymark.yaml');
      const config = {
        stream: 'test',
        servers: [server.address],
        user: 'waymark',
        password: 'geheim',
        getServerPublicKey: true,
        hints: { schema: 'elsewhere' },
        checkpoint: { store: 'file', path: folder },
      };
      await writeFile(path, stringify(config));
      const none = await runWaymark([
        'last-hint',
        '--server',
        server.address,
        '--get-server-public-key',
        '-c',
        path,
      ]);
      expect(none.code).toBe(3);
      expect(none.stderr).toContain('`elsewhere`.`_pseudo_gtid_hint__');
      await writeFile(path, stringify({ ...config, hints: {} }));
      const found = await runWaymark([
        'last-hint',
        '--server',
        server.address,
        '--get-server-public-key',
        '-c',
        path,
        '--json',
      ]);
      expect(documentOf(found)).toMatchObject({ hint: third });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('what is in the way', () => {
  const find = (address: string, environment: Record<string, string>) =>
    runWaymark(
      ['find', '--server', address, '--get-server-public-key', '--hint', second, '--json'],
      environment,
    );

  test('nobody listens there', async () => {
    const result = await find('127.0.0.1:1', account);
    expect(result.code).toBe(1);
    expect(errorOf(result)).toMatchObject({ code: 'server-unreachable', server: '127.0.0.1:1' });
  });

  test('no such host', async () => {
    const result = await find('no-such-host.invalid', account);
    expect(result.code).toBe(1);
    expect(errorOf(result)).toMatchObject({
      code: 'server-unreachable',
      server: 'no-such-host.invalid:3306',
    });
  });

  test('wrong password, which is not shown', async () => {
    const result = await find(server.address, { ...account, WAYMARK_PASSWORD: 'hunter2' });
    expect(result.code).toBe(1);
    expect(errorOf(result)).toMatchObject({ code: 'access-denied', server: server.address });
    expect(errorOf(result).message).toContain('WAYMARK_PASSWORD');
    expect(result.stdout + result.stderr).not.toContain('hunter2');
  });

  test('a missing grant, by its name', async () => {
    const result = await find(server.address, { ...account, WAYMARK_USER: 'bare' });
    expect(result.code).toBe(1);
    const error = errorOf(result);
    expect(error).toMatchObject({ code: 'missing-grant', server: server.address });
    expect(error.message).toContain("GRANT REPLICATION SLAVE ON *.* TO 'bare'@'%'");
    expect(error.message).not.toContain('MONITOR');
  });

  test('for people it is one sentence, without a stack', async () => {
    const result = await runWaymark(['last-hint', '--server', '127.0.0.1:1'], account);
    expect(result.stdout).toBe('');
    expect(result.stderr).toMatch(/^waymark: 127\.0\.0\.1:1 cannot be reached: .*\n$/);
  });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { defaultHintFormat, type Hint } from '../../src/hints/hint.js';
import { type InjectorNotice, type InjectorOptions, runInjector } from '../../src/hints/injector.js';
import { hintEventName, hintStateTable } from '../../src/hints/server-event.js';
import { hintSeconds } from '../../src/hints/next-hint.js';
import { lastHint } from '../../src/matching/locate.js';
import { Secret } from '../../src/config/secret.js';
import type { Instance } from '../../src/mysql/instance.js';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { startServer, startTopology, type TestServer, type Topology } from '../servers/index.js';
import { until } from '../servers/wait.js';
import { documentOf, errorOf, runWaymark, startWaymark } from '../unit/cli/waymark.js';
import { agentPrivileges } from '../support/grants.js';
import { expectAscending, hintsOf } from '../support/hint-log.js';

let topology: Topology;
let source: TestServer;
let replica: TestServer;
const format = defaultHintFormat;
const account = { WAYMARK_USER: 'injector', WAYMARK_PASSWORD: 'geheim' };

beforeAll(async () => {
  topology = await startTopology({ replicas: 1 });
  source = topology.source;
  replica = topology.replicas[0]!;
  await source.query("CREATE USER injector@'%' IDENTIFIED BY 'geheim'");
  await source.query(`GRANT ${agentPrivileges(source)} ON *.* TO injector@'%'`);
  await source.query("GRANT CREATE, DROP, EVENT, SELECT, INSERT, UPDATE ON meta.* TO injector@'%'");
  await source.query("CREATE USER only_drop@'%' IDENTIFIED BY 'geheim'");
  await source.query("GRANT DROP ON meta.* TO only_drop@'%'");
  await source.query("CREATE USER bare@'%' IDENTIFIED BY 'geheim'");
  await topology.waitForReplicas();
}, 120_000);

afterAll(async () => {
  await topology.stop();
});

function instanceOf(server: TestServer): Instance {
  const { user, password, host, port } = server;
  return {
    address: { host, port },
    account: { user, password: new Secret(password), getServerPublicKey: true },
  };
}

function injectorOptions(server: TestServer, signal: AbortSignal): InjectorOptions {
  const instance = instanceOf(server);
  return {
    instance,
    format,
    everyMs: 20,
    signal,
    newest: async () => (await lastHint({ instance, format, signal }))?.hint ?? null,
    onInjected: () => undefined,
  };
}

describe('waymark inject', () => {
  test('--once, with the least of grants and without the schema; the replica logs it as well', async () => {
    const args = ['inject', '--server', source.address, '--get-server-public-key', '--once', '--json'];
    const result = await runWaymark(args, { ...account, WAYMARK_USER: 'only_drop' });
    expect(result.code, result.stderr).toBe(0);
    const document = documentOf(result);
    expect(document).toMatchObject({ server: source.address });
    expect(result.stderr).toContain("can't see the newest hint");
    await topology.waitForReplicas();
    for (const server of [source, replica]) {
      expect((await hintsOf(server)).map(({ token }) => token)).toEqual([document['hint']]);
    }
  });

  test('every so often until SIGTERM, ascending over restarts', async () => {
    for (let round = 0; round < 2; round++) {
      const args = [
        'inject',
        '--get-server-public-key',
        '--server',
        source.address,
        '--every',
        '50ms',
        '--json',
        '--log-level',
        'debug',
      ];
      const running = startWaymark(args, account);
      await running.until(/(hint\.injected[\s\S]*){3}/);
      running.signal('SIGTERM');
      const result = await running.ended;
      expect(result.code, result.stderr).toBe(0);
      const document = documentOf(result);
      expect(document['injected']).toBeGreaterThanOrEqual(3);
      // One that was under way at the end is in the log, and is not counted.
      const last = (await hintsOf(source)).slice(-2).map(({ token }) => token);
      expect(last).toContain(document['lastHint']);
    }
    const hints = await hintsOf(source);
    expect(hints.length).toBeGreaterThanOrEqual(7);
    expectAscending(hints);
  });

  test('a second injector stands by, and takes over', async () => {
    const first = new AbortController();
    const second = new AbortController();
    const order: string[] = [];
    const notices: InjectorNotice[] = [];
    const note = (name: string) => () => {
      order.push(name);
    };
    const running = runInjector({ ...injectorOptions(source, first.signal), onInjected: note('first') });
    await until('the first works', () => Promise.resolve(order.length > 0));
    const waiting = runInjector({
      ...injectorOptions(source, second.signal),
      onInjected: note('second'),
      onNotice: (notice) => notices.push(notice),
    });
    await until('the second stands by', () => Promise.resolve(notices.length > 0));
    expect(notices[0]?.kind).toBe('standby');
    const once = await runWaymark(
      ['inject', '--server', source.address, '--get-server-public-key', '--once', '--json'],
      account,
    );
    expect(once.code).toBe(1);
    expect(errorOf(once).message).toContain('already being injected');
    expect(order).not.toContain('second');
    first.abort();
    await running;
    await until('the second works', () => Promise.resolve(order.includes('second')));
    second.abort();
    await waiting;
    expectAscending(await hintsOf(source));
  });

  test('goes on when the server is back, and keeps ascending', async () => {
    const server = await startServer();
    const { signal, ...controller } = abortable();
    const injected: Hint[] = [];
    const notices: InjectorNotice[] = [];
    const running = runInjector({
      ...injectorOptions(server, signal),
      onInjected: (hint) => injected.push(hint),
      onNotice: (notice) => notices.push(notice),
    });
    await until('it works', () => Promise.resolve(injected.length >= 3));
    await server.kill();
    await until('it has noticed', () => Promise.resolve(notices.some(({ kind }) => kind === 'failed')));
    const before = injected.length;
    await server.restart();
    await until('it works again', () => Promise.resolve(injected.length >= before + 3));
    controller.abort();
    await running;
    expectAscending(injected);
    expectAscending(await hintsOf(server));
    await server.stop();
  });

  test('ends at once when it is stopped while the server hangs', async () => {
    const { signal, abort } = abortable();
    let injected = 0;
    const running = runInjector({ ...injectorOptions(source, signal), onInjected: () => (injected += 1) });
    await until('it works', () => Promise.resolve(injected > 0));
    await source.freeze();
    try {
      const startedAt = performance.now();
      abort();
      await running;
      // Long before a statement would be given up.
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    } finally {
      await source.resume();
    }
  });
});

describe('refusals', () => {
  const once = (server: TestServer, environment: Record<string, string> = account) =>
    runWaymark(
      ['inject', '--server', server.address, '--get-server-public-key', '--once', '--json'],
      environment,
    );

  test('a replica: its source is named', async () => {
    const result = await once(replica);
    expect(result.code).toBe(1);
    expect(errorOf(result)).toMatchObject({ code: 'unsuitable-server', sources: [source.address] });
    expect(errorOf(result).message).toContain(source.address);
    // What it has came from its source.
    const there = await hintsOf(replica);
    expect(await hintsOf(source)).toEqual(expect.arrayContaining(there));
  });

  test('a missing grant is named', async () => {
    const result = await once(source, { ...account, WAYMARK_USER: 'bare' });
    expect(result.code).toBe(1);
    expect(errorOf(result)).toMatchObject({ code: 'missing-grant', server: source.address });
    expect(errorOf(result).message).toContain('GRANT DROP ON `meta`.* TO');
  });

  test('a missing grant, on the source of a pool', async () => {
    await source.query("CREATE USER reader@'%' IDENTIFIED BY 'geheim'");
    await source.query(`GRANT ${agentPrivileges(source)} ON *.* TO reader@'%'`);
    const folder = await makeRunFolder();
    try {
      const file = join(folder, 'waymark.yaml');
      const config = {
        ...{ stream: 'a', servers: [replica.address, source.address], user: 'reader', password: 'geheim' },
        ...{ getServerPublicKey: true, checkpoint: { store: 'file', path: folder } },
      };
      await topology.waitForReplicas();
      await writeFile(file, stringify(config));
      const result = await runWaymark(['inject', '--pool', '-c', file, '--json']);
      expect(result.code, result.stderr).toBe(1);
      expect(errorOf(result)).toMatchObject({ code: 'missing-grant', server: source.address });
    } finally {
      await removeRunFolder(folder);
    }
  });

  test('nobody listens there', async () => {
    const result = await runWaymark(['inject', '--server', '127.0.0.1:1', '--json'], account);
    expect(result.code).toBe(1);
    expect(errorOf(result).code).toBe('server-unreachable');
  });

  test('no binary log; a log of some databases only', async () => {
    for (const [settings, words] of [
      [{ skip_log_bin: 'ON' }, 'log_bin is OFF'],
      [{ binlog_do_db: 'shop' }, 'binlog_do_db'],
    ] as const) {
      const server = await startServer({ settings });
      const running = runInjector({ ...injectorOptions(server, abortable().signal), once: true });
      await expect(running).rejects.toMatchObject({ code: 'unsuitable-server' });
      await expect(running).rejects.toThrow(words);
      await server.stop();
    }
  });

  test('an account that is kept out of the binary log, a prefix that is too long', async () => {
    const options = { ...injectorOptions(source, abortable().signal), once: true };
    const longest = { schema: 'meta', prefix: 'x'.repeat(27) };
    await expect(runInjector({ ...options, format: longest })).rejects.toMatchObject({ code: 'config' });
    await source.query("CREATE USER unlogged@'%' IDENTIFIED BY 'geheim'");
    const privilege = source.vendor === 'mariadb' ? 'BINLOG ADMIN' : 'SYSTEM_VARIABLES_ADMIN';
    await source.query(`GRANT ${privilege} ON *.* TO unlogged@'%'`);
    await source.query("SET GLOBAL init_connect = 'SET sql_log_bin = 0'");
    try {
      const result = await once(source, { ...account, WAYMARK_USER: 'unlogged' });
      expect(errorOf(result).message).toContain('sql_log_bin is 0');
    } finally {
      await source.query("SET GLOBAL init_connect = ''");
    }
  });

  test('a read-only server', async () => {
    await source.query('SET GLOBAL read_only = ON');
    try {
      const result = await once(source);
      expect(errorOf(result).message).toContain('read-only');
    } finally {
      await source.query('SET GLOBAL read_only = OFF');
    }
  });
});

describe('waymark inject --install-event', () => {
  const install = (every: string) =>
    runWaymark(
      [
        'inject',
        '--get-server-public-key',
        '--server',
        source.address,
        '--get-server-public-key',
        '--every',
        every,
        '--install-event',
        '--json',
      ],
      account,
    );

  test('says how to turn the event scheduler on, and leaves it off', async () => {
    // MySQL has had it on by default since 8.0.
    await source.query('SET GLOBAL event_scheduler = OFF');
    const result = await install('1s');
    expect(result.code).toBe(1);
    expect(errorOf(result)).toMatchObject({ code: 'unsuitable-server', eventScheduler: 'OFF' });
    expect(errorOf(result).message).toContain('SET GLOBAL event_scheduler = ON');
    expect(await source.query("SHOW DATABASES LIKE 'meta'")).toEqual([]);
  });

  test('whole seconds only', async () => {
    await source.query('SET GLOBAL event_scheduler = ON');
    const result = await install('1500ms');
    expect(result.code).toBe(2);
    expect(errorOf(result).code).toBe('usage');
  });

  test('the server injects, ascending, also over a clock step backwards; again it changes the interval', async () => {
    const before = await hintsOf(source);
    const result = await install('1s');
    expect(result.code, result.stderr).toBe(0);
    expect(documentOf(result)).toMatchObject({
      event: `meta.${hintEventName}`,
      stateTable: `meta.${hintStateTable}`,
    });
    const count = async (): Promise<number> => (await hintsOf(source)).length - before.length;
    await until('the event has run twice', async () => (await count()) >= 2);

    // What a clock that was ahead, and has been set back, leaves behind.
    await source.query(`UPDATE meta.${hintStateTable} SET seconds = seconds + 1000`);
    const seen = await count();
    await until('it goes on', async () => (await count()) >= seen + 2);
    const hints = await hintsOf(source);
    expectAscending(hints);
    expect(hintSeconds(hints.at(-1)!)).toBeGreaterThan(Date.now() / 1000 + 900);

    expect((await install('3600s')).code).toBe(0);
    const [event] = await source.query<{ interval: string; status: string }>(
      'SELECT INTERVAL_VALUE AS `interval`, STATUS AS status FROM INFORMATION_SCHEMA.EVENTS WHERE EVENT_NAME = ?',
      [hintEventName],
    );
    expect(event).toEqual({ interval: '3600', status: 'ENABLED' });
  });

  test('on the replica it is there, disabled, and the replica has the hints', async () => {
    await topology.waitForReplicas();
    const [event] = await replica.query<{ status: string }>(
      'SELECT STATUS AS status FROM INFORMATION_SCHEMA.EVENTS WHERE EVENT_NAME = ?',
      [hintEventName],
    );
    // MySQL's word since 8.2.
    expect(['SLAVESIDE_DISABLED', 'REPLICA_SIDE_DISABLED']).toContain(event?.status);
    // To change the interval of an event has it run once more, at any time from then on.
    await vi.waitFor(
      async () => {
        const [newest, there] = [(await hintsOf(source)).at(-1), (await hintsOf(replica)).at(-1)];
        expect(newest).toBeDefined();
        expect(there).toEqual(newest);
      },
      { timeout: 20_000, interval: 100 },
    );
  });

  test('an injector goes on from the hints of the event', async () => {
    const result = await runWaymark(
      ['inject', '--server', source.address, '--get-server-public-key', '--once', '--json'],
      account,
    );
    expect(result.code).toBe(0);
    expectAscending(await hintsOf(source));
  });
});

function abortable(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    abort: () => {
      controller.abort();
    },
  };
}

import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAddress } from '../../src/config/address.js';
import { Secret } from '../../src/config/secret.js';
import { defaultHintFormat } from '../../src/hints/hint.js';
import { lastHint, locateHint } from '../../src/matching/locate.js';
import type { Instance } from '../../src/mysql/instance.js';
import { inspect } from '../../src/mysql/inspect.js';
import { preflight } from '../../src/preflight/preflight.js';
import { isBinlogServer } from '../../src/mysql/server-facts.js';
import { startServer, type TestServer } from '../servers/index.js';
import { BinlogServer, type BinlogServerOptions } from '../support/binlog-server.js';
import { startHints } from '../support/hints.js';
import { documentOf, errorOf, runWaymark } from '../unit/cli/waymark.js';
import { instanceOf, readTransactions } from './fixtures/log-reading.js';

const { signal } = new AbortController();
const account = { user: 'waymark', password: new Secret('whatever'), getServerPublicKey: true };

let source: TestServer;
let copy: BinlogServer;

beforeAll(async () => {
  source = await startServer();
  await source.query('CREATE DATABASE shop');
  await source.query('CREATE TABLE shop.t (id INT PRIMARY KEY, t TEXT)');
  const hints = startHints(source);
  for (let id = 0; id < 5; id += 1) {
    await source.query('INSERT INTO shop.t VALUES (?, REPEAT(?, 2000))', [id, 'x']);
    await hints.next();
    await source.query('FLUSH BINARY LOGS');
  }
  await hints.stop();
  await source.query("INSERT INTO shop.t VALUES (100, 'the last one')");
  copy = await BinlogServer.start(source);
});

afterAll(async () => {
  await copy.stop();
  await source.stop();
});

function instance(server: BinlogServer, kind?: Instance['kind']): Instance {
  return { address: parseAddress(server.address), account, ...(kind === undefined ? {} : { kind }) };
}

async function withServer<T>(
  options: BinlogServerOptions,
  work: (server: BinlogServer) => Promise<T>,
): Promise<T> {
  const server = await BinlogServer.start(source, options);
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

test('is recognised by what it can’t answer, by its greeting, or as declared', async () => {
  const seen = await inspect(instance(copy), signal, 3000);
  expect(isBinlogServer(seen.facts)).toBe(true);
  expect(seen.facts).toMatchObject({ serverId: copy.serverId, version: { vendor: source.vendor } });
  expect(seen.channels).toMatchObject([{ sourceHost: source.host, sourcePort: source.port }]);
  expect(seen.logEnd?.file).toBe((await inspect(instanceOf(source), signal, 3000)).logEnd?.file);
  await withServer({ greeting: '5.7.30-ripple' }, async (server) => {
    expect(isBinlogServer((await inspect(instance(server), signal, 3000)).facts)).toBe(true);
  });
  expect(isBinlogServer((await inspect(instance(copy, 'binlog-server'), signal, 3000)).facts)).toBe(true);
  await expect(inspect(instance(copy, 'server'), signal, 3000)).rejects.toMatchObject({ code: 'protocol' });
  expect(isBinlogServer((await inspect(instanceOf(source), signal, 3000)).facts)).toBe(false);
});

test('the same transactions and hints at the same places as on its source', async () => {
  const start = { file: 'mysql-bin.000001', position: 4 };
  const theirs = await readTransactions(source, start);
  expect(theirs.length).toBeGreaterThan(10);
  expect(await readTransactions(instance(copy), start)).toEqual(theirs);
  const middle = theirs[theirs.length >> 1]!.start;
  expect(await readTransactions(instance(copy), middle)).toEqual(theirs.slice(theirs.length >> 1));
  const format = defaultHintFormat;
  const last = await lastHint({ instance: instanceOf(source), format, signal });
  expect(await lastHint({ instance: instance(copy), format, signal })).toEqual(last);
  const found = await locateHint([last!.hint], { instance: instance(copy), format, signal });
  expect(found).toMatchObject({ file: last!.file, position: last!.position });
});

test('one that lists no logs: a place that is known is enough', async () => {
  await withServer({ listsLogs: false }, async (server) => {
    const format = defaultHintFormat;
    const last = (await lastHint({ instance: instanceOf(source), format, signal }))!;
    const options = { instance: instance(server), format, signal };
    const startHere = { file: last.file, position: 4 };
    expect(await locateHint([last.hint], { ...options, startHere })).toMatchObject({ file: last.file });
    await expect(locateHint([last.hint], options)).rejects.toThrow(/can't list its binary logs/);
  });
});

test('one that goes by GTID alone is refused: it begins elsewhere', async () => {
  await withServer({ goesByPosition: false }, async (server) => {
    const place = { file: 'mysql-bin.000003', position: 4 };
    await expect(readTransactions(instance(server), place)).rejects.toMatchObject({
      code: 'coordinates',
      message: expect.stringContaining('begins at mysql-bin.000001:4') as string,
    });
  });
});

test('check has nothing to say against it, topology shows it below its source, inject refuses it, repoint never moves it', async () => {
  expect(await preflight(instance(copy), { signal })).toEqual([]);
  const environment = { WAYMARK_USER: source.user, WAYMARK_PASSWORD: source.password };
  const report = documentOf(await runWaymark(['topology', '--server', copy.address, '--json'], environment));
  expect(report).toMatchObject({
    roots: [source.address],
    servers: [
      {
        server: copy.address,
        kind: 'binlog-server',
        notes: [],
        hint: expect.stringMatching(/^asc:/) as string,
      },
      { server: source.address, kind: 'server', replicas: [copy.address] },
    ],
  });
  const text = await runWaymark(['topology', '--server', copy.address], environment);
  expect(text.stdout).toMatch(/^└─ \S+ +\S+ \S+ +ROW +binlog server /m);
  const refusal = await runWaymark(['inject', '--server', copy.address, '--once', '--json'], environment);
  expect(errorOf(refusal)).toMatchObject({ code: 'unsuitable-server' });
  expect(errorOf(refusal).message).toContain('is a binlog server');
  const repoint = ['repoint', '--replica', copy.address, '--below', source.address, '--execute', '--json'];
  const moved = await runWaymark(repoint, environment);
  expect(errorOf(moved)).toMatchObject({ code: 'refused', reason: 'binlog-server' });
});

import { duplexPair } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DumpOptions, readDump } from '../../../src/dump/dump-stream.js';
import { runInjector } from '../../../src/hints/injector.js';
import { defaultHintFormat } from '../../../src/hints/hint.js';
import { readListedHead, readLogHead } from '../../../src/matching/log-head.js';
import { lastHint } from '../../../src/matching/locate.js';
import { withConnection } from '../../../src/mysql/connection.js';
import { inspect } from '../../../src/mysql/inspect.js';
import { listBinaryLogs } from '../../../src/mysql/log-list.js';
import { readDumpHosts, readReplicaList } from '../../../src/mysql/replica-list.js';
import { readReplicaStatus } from '../../../src/mysql/replica-status.js';
import {
  changeSource,
  startThread,
  stopThread,
  waitUntilApplied,
  withReplica,
} from '../../../src/mysql/replication-control.js';
import type { Vendor } from '../../../src/mysql/version.js';
import { readUnloggedCascades } from '../../../src/preflight/cascades.js';
import { preflight } from '../../../src/preflight/preflight.js';
import { surveyServer } from '../../../src/topology/surveyed-server.js';
import type { Answer } from '../../simulation/server/statements.js';
import { answer } from '../../simulation/server/statements.js';
import { serve } from '../../simulation/server/session.js';
import { LoopbackServer } from './loopback.js';
import { createOrders, idsOf, insertOf, modelOf } from './models.js';

const vendors: readonly Vendor[] = ['mysql', 'mariadb'];
let servers: LoopbackServer[] = [];
let ending: AbortController;

beforeEach(() => {
  ending = new AbortController();
});

afterEach(async () => {
  ending.abort(new Error('the test is over'));
  await Promise.all(servers.map((server) => server.kill()));
  servers = [];
});

async function start(vendor: Vendor, serverId: number): Promise<LoopbackServer> {
  const server = await LoopbackServer.start(
    { vendor, serverId, uuid: `00000000-0000-0000-0000-00000000000${serverId}` },
    servers,
  );
  servers.push(server);
  return server;
}

/** A source with a table, and a replica of it. */
async function startPair(vendor: Vendor): Promise<readonly [LoopbackServer, LoopbackServer]> {
  const [source, replica] = [await start(vendor, 1), await start(vendor, 2)];
  replica.model.replicateFrom(source.model, { by: 'place', place: source.model.binlog.end });
  source.model.commit(createOrders);
  replica.model.replication?.receive();
  replica.model.replication?.apply();
  return [source, replica];
}

/** All that was asked was known. */
function expectKnown(): void {
  expect(servers.flatMap(({ model }) => model.unknown)).toEqual([]);
}

describe.each(vendors)('%s answers', (vendor) => {
  test('what it is, and how it replicates', async () => {
    const [source, replica] = await startPair(vendor);
    const of = (server: LoopbackServer): ReturnType<typeof inspect> =>
      inspect(server.instance, ending.signal, 3000);
    expect(await of(source)).toMatchObject({
      facts: { version: { vendor }, serverId: 1, rowMetadata: 'FULL', gtidSet: source.model.gtidText },
      channels: [],
      logEnd: source.model.binlog.end,
    });
    expect(await of(replica)).toMatchObject({
      facts: { serverId: 2, logsReplicatedChanges: true, keepsCommitOrder: true },
      channels: [
        {
          ...{
            sourcePort: source.model.port,
            sourceServerId: 1,
            receiverRunning: true,
            applierRunning: true,
          },
          ...{ lagSeconds: 0, executed: source.model.binlog.end, received: source.model.binlog.end },
        },
      ],
    });
    expectKnown();
  });

  test('what is wrong with it', async () => {
    const [source, replica] = await startPair(vendor);
    const codes = async (server: LoopbackServer): Promise<string[]> =>
      (await preflight(server.instance, { signal: ending.signal })).map(({ code }) => code);
    expect(await codes(source)).toEqual([]);
    expect(await codes(replica)).toEqual([]);
    replica.model.replication?.stopApplier({ number: 1032, message: "Can't find record in 'orders_1'" });
    expect(await codes(replica)).toEqual(['replication-stopped']);
    expectKnown();
  });

  test('what its logs, replicas and readers are', async () => {
    const [source] = await startPair(vendor);
    source.model.flushLogs();
    expect(await listBinaryLogs(source.instance, ending.signal)).toEqual(
      source.model.binlog.files.map(({ name, size }) => ({ file: name, sizeBytes: size })),
    );
    const dump = events(source, { start: { file: '', position: 4 } }).next();
    await expect(dump).resolves.toMatchObject({ done: false });
    await withConnection(source.instance, { signal: ending.signal }, async (connection) => {
      const { facts } = await inspect(source.instance, ending.signal, 3000);
      expect(await readReplicaList(connection, facts.version)).toEqual([
        { serverId: 2, address: { host: '127.0.0.1', port: servers[1]?.model.port } },
      ]);
      expect(await readDumpHosts(connection)).toEqual(['127.0.0.1']);
      expect(await readUnloggedCascades(connection, facts.version)).toEqual({ cascades: [], seen: true });
    });
    expect(await surveyServer(source.instance, ending.signal, 3000)).toMatchObject({
      state: 'alive',
      gtids: true,
    });
    expectKnown();
  });

  test('what its logs begin with, in a list as in a dump', async () => {
    const [source] = await startPair(vendor);
    source.model.commit(insertOf(1));
    source.model.flushLogs();
    const { signal } = ending;
    await withConnection(source.instance, { signal }, async (connection) => {
      for (const { name, gtidsBefore } of source.model.binlog.files) {
        const listed = await readListedHead(name, connection);
        expect(listed?.toString()).toBe(gtidsBefore.text.replaceAll('\n', ''));
        expect((await readLogHead(name, { instance: source.instance, signal }))?.toString()).toBe(
          listed?.toString(),
        );
      }
      await expect(readListedHead('none.000001', connection)).rejects.toThrow('Could not find target log');
    });
    expectKnown();
  });

  test('to what moves a replica', async () => {
    const [source, replica] = await startPair(vendor);
    const other = await start(vendor, 3);
    const { version } = (await inspect(replica.instance, ending.signal, 3000)).facts;
    await withReplica(replica.instance, version, '', ending.signal, async (control) => {
      await stopThread(control, 'receiver');
      expect(await waitUntilApplied(control)).toBe('all');
      await stopThread(control, 'applier');
      const place = { by: 'position', ...other.model.binlog.end } as const;
      const { host, port } = other.model;
      await changeSource(control, { host, port, start: place, heartbeatSeconds: 30 });
      await startThread(control, 'applier');
      expect(await readReplicaStatus(control.connection, version)).toMatchObject([
        {
          sourcePort: port,
          receiverRunning: false,
          applierRunning: true,
          byGtid: false,
          heartbeatSeconds: 30,
        },
      ]);
    });
    other.model.commit(insertOrdersTable);
    replica.model.replication?.startReceiver();
    replica.model.replication?.receive();
    replica.model.replication?.apply();
    expect(replica.model.data.names).toContain('shop.other');
    expect(source.model.replicas.size).toBe(0);
    expectKnown();
  });

  test('hints are born on it', async () => {
    const source = await start(vendor, 1);
    const tokens: string[] = [];
    const options = { instance: source.instance, format: defaultHintFormat, signal: ending.signal };
    await runInjector({
      ...{ ...options, everyMs: 1000, once: true, newest: () => Promise.resolve(null) },
      onInjected: ({ token }) => tokens.push(token),
    });
    expect((await lastHint(options))?.hint.token).toBe(tokens[0]);
    source.model.readOnly = true;
    await expect(
      runInjector({
        ...{ ...options, everyMs: 1000, once: true, newest: () => Promise.resolve(null) },
        onInjected: () => undefined,
      }),
    ).rejects.toMatchObject({ code: 'unsuitable-server' });
    expectKnown();
  });

  test('nothing that it does not know', async () => {
    const server = await start(vendor, 1);
    await withConnection(server.instance, { signal: ending.signal }, async (connection) => {
      await expect(connection.query('SELECT 1')).rejects.toThrow(
        "The model doesn't know this statement: SELECT 1",
      );
      const foreign = vendor === 'mysql' ? 'SHOW MASTER STATUS' : 'SHOW BINARY LOG STATUS';
      await expect(connection.query(foreign)).rejects.toMatchObject({ code: 'protocol' });
      await expect(connection.run('SET SESSION time_zone = 1')).rejects.toMatchObject({ code: 'protocol' });
      expect(server.model.unknown).toEqual(['SELECT 1', foreign, 'SET SESSION time_zone = 1']);
    });
  });
});

const insertOrdersTable: Parameters<LoopbackServer['model']['commit']>[0] = {
  ...{ kind: 'statement', schema: '', sql: 'CREATE TABLE shop.other (id BIGINT PRIMARY KEY)', isHint: false },
  alters: {
    before: null,
    after: { schema: 'shop', name: 'other', columns: [{ name: 'id', type: 'bigint', nullable: false }] },
  },
};

/** The events of a dump, a batch at a time: their types, sizes and places. */
async function* events(
  server: LoopbackServer,
  options: Pick<DumpOptions, 'start'> & Partial<DumpOptions>,
): AsyncGenerator<{ type: number; bytes: string; place: string }[], void, undefined> {
  const { instance } = server;
  for await (const batch of readDump({
    instance,
    signal: ending.signal,
    verifyChecksums: true,
    ...options,
  })) {
    const seen: { type: number; bytes: string; place: string }[] = [];
    batch.forEach((buffer, begin, end, { file, start: position }) => {
      const bytes = buffer.toString('hex', begin, end);
      seen.push({ type: buffer.readUInt8(begin + 4), bytes, place: `${file}:${position}` });
    });
    yield seen;
  }
}

/** All events of a dump to the log's end. */
async function allEvents(
  server: LoopbackServer,
  start: DumpOptions['start'],
): Promise<{ type: number; bytes: string; place: string }[]> {
  const all: { type: number; bytes: string; place: string }[] = [];
  for await (const batch of events(server, { start, nonBlocking: true, annotations: true }))
    all.push(...batch);
  return all;
}

describe.each(vendors)('%s sends its log', (vendor) => {
  async function withLog(): Promise<LoopbackServer> {
    const server = await start(vendor, 1);
    server.model.commit(createOrders);
    server.model.commit(insertOf(1));
    server.model.flushLogs();
    server.model.commit(insertOf(...Array.from({ length: 5000 }, (_, index) => 10 + index)));
    server.model.shutDown();
    server.model.start();
    server.model.commit(insertOf(2));
    return server;
  }

  test('from the beginning of a file through all that follow, as they stand there', async () => {
    const server = await withLog();
    const { files } = server.model.binlog;
    const all = await allEvents(server, { file: files[0]?.name ?? '', position: 4 });
    const expected = files.flatMap(({ name, events: logged }) =>
      logged.map(({ start: position, bytes }) => ({ bytes, place: `${name}:${position}` })),
    );
    // Each file comes with a rotation to it that is in no file.
    const real = all.filter(({ bytes }) => bytes.slice(34, 36) !== '20');
    expect(all.length - real.length).toBe(3);
    expect(real).toHaveLength(expected.length);
    for (const [index, { type, bytes, place }] of real.entries()) {
      const { bytes: file, place: at = '' } = expected[index] ?? {};
      // The flag of a file in use isn't sent, and a rotation stands where it leads to.
      expect(bytes.slice(38)).toBe(file?.toString('hex', 19, file.length - 4));
      if (type !== 4) expect(place).toBe(at);
    }
  });

  test('with the texts of statements, where it has any, for whoever asks for them', async () => {
    const server = await withLog();
    const start = { file: server.model.binlog.files[0]?.name ?? '', position: 4 };
    const types = async (annotations: boolean): Promise<number[]> => {
      const all: number[] = [];
      for await (const batch of events(server, { start, nonBlocking: true, annotations })) {
        all.push(...batch.map(({ type }) => type));
      }
      return all;
    };
    const [all, without] = [await types(true), await types(false)];
    expect(all.filter((type) => type === 160)).toHaveLength(vendor === 'mariadb' ? 3 : 0);
    expect(without).toEqual(all.filter((type) => type !== 160));
  });

  test('from the middle of a file on', async () => {
    const server = await withLog();
    const [, file] = server.model.binlog.files;
    const at = file?.events.at(-4)?.start ?? 0;
    const all = await allEvents(server, { file: file?.name ?? '', position: at });
    // The rotation, and the description of the file that it begins in.
    expect(all.slice(0, 3).map(({ type, place }) => [type, place])).toEqual([
      [4, `${file?.name ?? ''}:${at}`],
      [15, `${file?.name ?? ''}:${at}`],
      [file?.events.at(-4)?.bytes.readUInt8(4), `${file?.name ?? ''}:${at}`],
    ]);
  });

  test('and what comes to it later', async () => {
    const server = await withLog();
    const { model } = server;
    const dump = events(server, { start: model.binlog.end });
    await dump.next();
    model.commit(insertOf(3));
    const types: number[] = [];
    while (!types.includes(16)) types.push(...((await dump.next()).value ?? []).map(({ type }) => type));
    model.flushLogs();
    while (types.filter((type) => type === 15).length < 1) {
      types.push(...((await dump.next()).value ?? []).map(({ type }) => type));
    }
    expect(types).toContain(4);
    await dump.return();
  });

  test('heartbeats while there is nothing else', async () => {
    const server = await withLog();
    const { end } = server.model.binlog;
    const dump = events(server, { start: end, heartbeatMs: 20, silenceMs: 500 });
    let seen: { type: number; place: string } | undefined;
    while (seen?.type !== 27) seen = (await dump.next()).value?.at(-1);
    expect(seen.place).toBe(`${end.file}:${end.position}`);
    await dump.return();
    const silent = events(server, { start: end, heartbeatMs: 0, silenceMs: 60 });
    await silent.next();
    await expect(silent.next()).rejects.toMatchObject({ code: 'stream-silent' });
  });

  test.each([
    ['a file that was purged', (file: string) => ({ file: file.replace(/1$/, '9'), position: 4 })],
    ['a place beyond the end', (file: string) => ({ file, position: 1_000_000 })],
    ['the middle of an event', (file: string) => ({ file, position: 7 })],
  ])('not from %s', async (_what, placeIn) => {
    const server = await withLog();
    const place = placeIn(server.model.binlog.files[0]?.name ?? '');
    await expect(allEvents(server, place)).rejects.toMatchObject({
      code: 'coordinates',
      details: { errorNumber: 1236 },
    });
  });

  test('also where files were purged or the log begins anew meanwhile', async () => {
    const server = await withLog();
    const { model } = server;
    const dump = events(server, { start: model.binlog.end });
    await dump.next();
    model.flushLogs();
    model.binlog.purgeTo(model.binlog.current.name);
    model.commit(insertOf(3));
    const types: number[] = [];
    while (!types.includes(16)) types.push(...((await dump.next()).value ?? []).map(({ type }) => type));
    model.resetLogs();
    await expect(async () => {
      while (!(await dump.next()).done);
    }).rejects.toMatchObject({ code: 'stream-broken' });
  });

  test('to one reader of an id at a time: an older one is taken for dead', async () => {
    const server = await withLog();
    const start = server.model.binlog.end;
    const older = events(server, { start, serverId: 77 });
    await older.next();
    const newer = events(server, { start, serverId: 77 });
    await newer.next();
    await expect(older.next()).rejects.toMatchObject({ code: 'stream-broken' });
    server.model.commit(insertOf(3));
    expect((await newer.next()).done).toBe(false);
    await newer.return();
  });

  test('until it is killed', async () => {
    const server = await withLog();
    const dump = events(server, { start: server.model.binlog.end });
    await dump.next();
    server.model.kill();
    await expect(dump.next()).rejects.toMatchObject({ code: 'stream-broken' });
    expect(server.model.sessions.size).toBe(0);
    await server.kill();
    await expect(inspect(server.instance, ending.signal, 3000)).rejects.toMatchObject({
      code: 'server-unreachable',
    });
    await server.restart();
    expect((await inspect(server.instance, ending.signal, 3000)).facts.serverId).toBe(1);
  });
});

test('a lock that another session holds is waited for', () => {
  const server = modelOf('mysql', 1);
  const ask = (id: number): Answer =>
    answer("SELECT GET_LOCK('waymark:meta', 5) AS held, IS_USED_LOCK('waymark:meta') AS holder", {
      ...{ server, id, user: 'waymark', variables: new Map<string, string>(), find: () => null },
    });
  expect(ask(1)).toMatchObject({ rows: [['1', '1']] });
  const waiting = ask(2);
  if (waiting.kind !== 'later') throw new Error('it was not waited for');
  expect(waiting.afterMs).toBe(5000);
  expect(waiting.answer()).toMatchObject({ rows: [['0', '1']] });
  server.locks.clear();
  expect(waiting.answer()).toMatchObject({ rows: [['1', '2']] });
});

test('any duplex stream will do, and time may be another', async () => {
  const server = modelOf('mysql', 1);
  server.commit(createOrders);
  server.commit(insertOf(1));
  expect(idsOf(server)).toEqual([1]);
  const [client, connection] = duplexPair();
  const timers: (() => void)[] = [];
  const scheduler = {
    after: (_ms: number, action: () => void) => {
      timers.push(action);
      return { cancel: () => undefined };
    },
  };
  serve(server, connection, { scheduler, find: () => null, client: 'somewhere:1' });
  const received: Buffer[] = [];
  client.on('data', (chunk: Buffer) => received.push(chunk));
  const send = (...payload: readonly number[]): void => {
    client.write(Buffer.from([payload.length, 0, 0, 0, ...payload]));
  };
  const login = Buffer.alloc(40);
  login.write('waymark', 32);
  send(...login);
  send(0x0e);
  send(0x99);
  await expect.poll(() => received.length).toBeGreaterThanOrEqual(4);
  const [greeted, loggedIn, pinged, refused] = received;
  expect(greeted?.toString('latin1', 5, 10)).toBe('8.4.3');
  expect([loggedIn, pinged].map((bytes) => bytes?.readUInt8(4))).toEqual([0, 0]);
  expect(refused?.toString('latin1')).toContain("The model doesn't know command 153");
  expect(server.unknown).toEqual(['command 153']);
  expect([...server.sessions].map(({ user }) => user)).toEqual(['waymark']);
  send(0x01);
  await expect.poll(() => server.sessions.size).toBe(0);
  expect(timers).toEqual([]);
});

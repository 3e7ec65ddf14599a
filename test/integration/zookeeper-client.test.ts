import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, test, vi } from 'vitest';
import { parseZooKeeperAddress } from '../../src/config/zookeeper-address.js';
import { ProcessConnection } from '../../src/zookeeper/process-connection.js';
import { SocketConnection } from '../../src/zookeeper/socket-connection.js';
import type { ConnectRequest } from '../../src/zookeeper/zookeeper-calls.js';
import { ZooKeeperClient, zookeeperCode } from '../../src/zookeeper/zookeeper-client.js';
import type { ZooKeeperConnection } from '../../src/zookeeper/zookeeper-connection.js';
import { type OwnedZooKeeper, startZooKeeper } from '../servers/index.js';
import { usesNativeClient } from '../support/zookeeper-client.js';

/** The two clients for ZooKeeper: which of them is used, and waymark's own by itself. */

const { signal } = new AbortController();
const sessionTimeoutMs = 3_000;
/** What is done at once; a busy machine gets as much. */
const promptMs = 5_000;

let zookeeper: OwnedZooKeeper;
let cleanup: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  zookeeper = await startZooKeeper();
});

afterEach(async () => {
  await zookeeper.resume();
  for (const step of cleanup.reverse()) await step();
  cleanup = [];
});

afterAll(async () => {
  await zookeeper.stop();
});

function requestOf(change: Partial<ConnectRequest> = {}, connect = zookeeper.connectString): ConnectRequest {
  return {
    address: parseZooKeeperAddress(connect),
    sessionTimeoutMs,
    digest: null,
    session: null,
    ...change,
  };
}

function use<T extends ZooKeeperConnection>(connection: T): T {
  cleanup.push(() => connection.close());
  return connection;
}

/** Waymark's own client. */
function own(change: Partial<ConnectRequest> = {}, connect = zookeeper.connectString): ZooKeeperClient {
  return new ZooKeeperClient(use(SocketConnection.start(requestOf(change, connect))));
}

async function msUntil(event: Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await event;
  return performance.now() - startedAt;
}

/** Something that listens, and is no ZooKeeper. */
async function listen(serve: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

describe('without the native client', () => {
  const broken = new URL('../support/broken-client.mjs', import.meta.url).href;

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test.each([
    ['was not compiled', 'throws', 'No native build was found for platform=linux'],
    ['was compiled for another Node.js', 'crashes', 'a process that loads it ends with SIGABRT'],
  ])("which %s, waymark's own stands in, and the log says so once", async (_what, how, reason) => {
    vi.stubEnv('NODE_OPTIONS', `--import ${broken}`);
    vi.stubEnv('BROKEN_CLIENT', how);
    // What was found out holds for a whole process; this one shall find it out anew.
    vi.resetModules();
    const { ZooKeeperSession } = await import('../../src/zookeeper/zookeeper-session.js');
    const said: object[] = [];
    const note = (fields: object): void => void said.push(fields);
    const session = new ZooKeeperSession({
      ...{ address: parseZooKeeperAddress(zookeeper.connectString), auth: null, sessionTimeoutMs },
      logger: { info: note, warn: note },
    });
    cleanup.push(() => session.close());
    session.start();
    await session.connected(signal);
    expect(session.client?.kind).toBe('javascript');
    const introduction = { event: 'zookeeper.client', client: 'javascript', reason };
    expect(said[0]).toEqual(introduction);
    // Another connection says nothing of it.
    await session.client?.abandon();
    await vi.waitUntil(
      () => said.filter((fields) => 'event' in fields && fields.event === 'zookeeper.connected').length > 1,
      {
        timeout: 20_000,
      },
    );
    expect(said.filter((fields) => 'event' in fields && fields.event === 'zookeeper.client')).toHaveLength(1);
  });
});

describe("waymark's own client", () => {
  it('keeps a session alive that nothing is asked in, and watches', async () => {
    const one = own();
    const other = own();
    await Promise.all([one.connected, other.connected]);
    await one.create('/idle', Buffer.alloc(0), 'ephemeral');
    // A session that is silent for that long is over.
    await new Promise((resolve) => setTimeout(resolve, 3 * sessionTimeoutMs));
    const changes: string[] = [];
    await other.sync('/');
    expect(await other.exists('/idle', () => changes.push('gone'))).toMatchObject({ ok: true });
    expect(await other.exists('/to-come', () => changes.push('come'))).toMatchObject({ ok: false });
    await one.create('/to-come', Buffer.from('1'), 'ephemeral');
    await one.delete('/idle');
    await expect.poll(() => changes).toEqual(['come', 'gone']);
    const told = new Promise<void>((resolve) => {
      void other.get('/to-come', resolve);
    });
    await other.sync('/');
    await one.set('/to-come', Buffer.from('2'), 0);
    await told;
    // Whoever watches learns that nobody can tell any more.
    const lost = new Promise<void>((resolve) => {
      void other.get('/to-come', resolve);
    });
    await other.sync('/');
    await other.abandon();
    await lost;
    expect(await other.sync('/')).toEqual({ ok: false, code: zookeeperCode.closing });
  });

  it('goes on with a session that another connection had, and tells one that is over from a lost connection', async () => {
    const first = own();
    const session = await first.connected;
    await first.create('/mine', Buffer.alloc(0), 'ephemeral');
    await first.abandon();
    expect(await first.lost).toMatchObject({ sessionExpired: false });
    const second = own({ session });
    expect((await second.connected).id).toBe(session.id);
    expect(await second.exists('/mine')).toMatchObject({ ok: true });
    await second.close();
    const third = own();
    await third.connected;
    expect(await third.exists('/mine')).toEqual({ ok: false, code: zookeeperCode.noNode });
    expect(await own({ session }).lost).toMatchObject({ sessionExpired: true });
    // Known, but not with this password.
    const { id } = await third.connected;
    expect(await own({ session: { id, password: '00'.repeat(16) } }).lost).toMatchObject({
      sessionExpired: true,
    });
  });

  it('and the native one go on with sessions of each other', async ({ skip }) => {
    if (!usesNativeClient()) return skip('there is no native client');
    // Starting the native client's process takes as long as it may.
    const patient = { sessionTimeoutMs: 30_000 };
    const first = own(patient);
    const session = await first.connected;
    await first.create('/handed-on', Buffer.alloc(0), 'ephemeral');
    await first.abandon();
    const native = use(ProcessConnection.start(requestOf({ ...patient, session })));
    expect((await native.connected).id).toBe(session.id);
    const again = await native.connected;
    await native.abandon();
    const last = own({ ...patient, session: again });
    expect((await last.connected).id).toBe(session.id);
    expect(await last.exists('/handed-on')).toMatchObject({ ok: true });
  });

  it('notices a server that hangs within the session’s time, and closes all the same', async () => {
    const client = own();
    const { timeoutMs } = await client.connected;
    const asked = client.sync('/');
    await asked;
    await zookeeper.freeze();
    const unanswered = client.sync('/');
    const waiting = own();
    const ms = await msUntil(client.lost);
    expect(ms).toBeLessThan(timeoutMs + promptMs);
    expect(await client.lost).toMatchObject({
      sessionExpired: false,
      reason: expect.stringMatching(/^the server was silent for /) as string,
    });
    expect(await unanswered).toEqual({ ok: false, code: zookeeperCode.connectionLoss });
    // One that is still waiting for its connect response, and one that has to close its session.
    expect(await msUntil(waiting.abandon())).toBeLessThan(promptMs);
  });

  it('turns to another server when one hangs or refuses', async () => {
    const silent = await listen(() => undefined);
    for (let round = 0; round < 4; round += 1) {
      const client = own({}, `127.0.0.1:1,${silent},${zookeeper.connectString}`);
      expect(await msUntil(client.connected)).toBeLessThan(promptMs);
      await client.close();
    }
  });

  test.each<[string, (socket: Socket) => void, RegExp]>([
    ['refuses', (socket) => socket.end(), /closed the connection/],
    [
      'greets as MySQL does',
      (socket) => socket.write(Buffer.from([0x4a, 0, 0, 0, 10, 0x38])),
      /^the server sent a packet of 1241513984 bytes$/,
    ],
    [
      'sends half a connect response',
      (socket) => socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0])),
      /^the server sent a record of 4 bytes/,
    ],
  ])('gives up, and says why, with one that %s', async (_what, serve, reason) => {
    const client = own({}, await listen(serve));
    expect(await client.lost).toEqual({
      sessionExpired: false,
      reason: expect.stringMatching(reason) as string,
    });
  });

  it('refuses what no server takes, and goes on', async () => {
    const client = own();
    await client.connected;
    const answer = await client.create('/large', Buffer.alloc(1 << 20));
    expect(answer).toEqual({ ok: false, code: zookeeperCode.marshalling });
    const large = Buffer.alloc(1_000_000, 7);
    expect(await client.create('/large', large, 'ephemeral')).toMatchObject({ ok: true });
    const read = await client.get('/large');
    expect(read.ok && read.value.data.equals(large)).toBe(true);
  });
});

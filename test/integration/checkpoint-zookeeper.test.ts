import { execFile } from 'node:child_process';
import { type Server, type Socket, connect as connectSocket, createServer } from 'node:net';
import { type AddressInfo } from 'node:net';
import { promisify } from 'node:util';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { CheckpointStore } from '../../src/checkpoint/checkpoint.js';
import { recordLimitBytes } from '../../src/checkpoint/codec.js';
import { createCheckpointStore } from '../../src/checkpoint/create-store.js';
import type { ZooKeeperClient } from '../../src/zookeeper/zookeeper-client.js';
import { type ZooKeeperStoreOptions, zookeeperStore } from '../../src/checkpoint/zookeeper-store.js';
import { Secret } from '../../src/config/secret.js';
import { hasCode } from '../../src/util/errors.js';
import { formatDuration } from '../../src/util/quantities.js';
import { type OwnedZooKeeper, startZooKeeper } from '../servers/index.js';
import { until } from '../servers/wait.js';
import { connectClient, usesNativeClient } from '../support/zookeeper-client.js';
import { type Child, startChild } from '../unit/checkpoint/child.js';
import { checkpointOf, longTrail } from '../unit/checkpoint/samples.js';

const exitAfterClose = new URL('../unit/checkpoint/fixtures/exit-after-close.ts', import.meta.url);
const { signal } = new AbortController();
/** Of a session where its end is not what is tested; a busy machine may take long to start a client's process. */
const sessionTimeoutMs = 20_000;
/** Of a session that is to be over, or given up, in the course of a test. */
const shortTimeoutMs = 4_000;
/** A save promises an answer within 2 s, however long the session: a busy machine gets more, but far from that. */
const quickMs = 8_000;
/** What is done at once; a busy machine gets as much. */
const promptMs = 8_000;

let zookeeper: OwnedZooKeeper;
let root: string;
let nextRoot = 0;
let cleanup: (() => Promise<unknown>)[];

beforeAll(async () => {
  zookeeper = await startZooKeeper();
});

afterAll(async () => {
  await zookeeper.stop();
});

beforeEach(() => {
  root = `/waymark-test/${String((nextRoot += 1))}`;
  cleanup = [];
});

afterEach(async () => {
  for (const step of cleanup.reverse()) await step();
});

function storeOf(options: Partial<ZooKeeperStoreOptions> = {}): CheckpointStore {
  const store = zookeeperStore({
    connect: zookeeper.connectString,
    root,
    stream: 'shop-audit',
    sessionTimeoutMs,
    ...options,
  });
  cleanup.push(() => store.close());
  return store;
}

async function openStore(options: Partial<ZooKeeperStoreOptions> = {}): Promise<CheckpointStore> {
  const store = storeOf(options);
  await store.open(signal);
  return store;
}

/** A client beside the store, to look at the znodes and to meddle with them. */
async function bystander(): Promise<ZooKeeperClient> {
  const client = await connectClient(zookeeper.connectString, { sessionTimeoutMs: 60_000 });
  cleanup.push(() => client.close());
  return client;
}

function withCode(code: string, message = /./): Error {
  return expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error;
}

/** Saves until it works; every refusal on the way must be quick and say that the store is away. */
async function saveWhenBack(
  store: CheckpointStore,
  sequence: number,
  expected: string | null,
): Promise<string> {
  const end = performance.now() + 40_000;
  for (;;) {
    const start = performance.now();
    try {
      return await store.save(checkpointOf([], { sequence }), expected, signal);
    } catch (error) {
      expect(performance.now() - start).toBeLessThan(quickMs);
      if (!hasCode(error, 'checkpoint-store') || performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Saves once and expects to be told soon that the store is away. */
async function saveInVain(store: CheckpointStore, sequence: number, expected: string | null): Promise<void> {
  const start = performance.now();
  await expect(store.save(checkpointOf([], { sequence }), expected, signal)).rejects.toThrow(
    withCode('checkpoint-store', /127\.0\.0\.1:\d+/),
  );
  expect(performance.now() - start).toBeLessThan(quickMs);
}

describe('a ZooKeeper store', () => {
  it('keeps the record in ROOT/STREAM/checkpoint, making what is missing', async () => {
    const stream = 'shop/audit ü';
    const store = await openStore({ stream });
    expect(await store.load(signal)).toBeNull();
    const checkpoint = checkpointOf(longTrail(3000), { stream });
    const version = await store.save(checkpoint, null, signal);
    expect(await store.load(signal)).toEqual({ checkpoint, version });
    const client = await bystander();
    expect(await client.exists(`${root}/shop%2Faudit%20%C3%BC/checkpoint`)).toMatchObject({ ok: true });
    expect(store.location).toContain(`${root}/shop%2Faudit%20%C3%BC/checkpoint`);
    await store.close();
    expect(await (await openStore({ stream })).load(signal)).toEqual({ checkpoint, version });
  });

  it('saves again and again, each on top of the last', async () => {
    const store = await openStore();
    let version: string | null = null;
    for (let sequence = 0; sequence < 50; sequence += 1) {
      version = await store.save(checkpointOf([], { sequence }), version, signal);
    }
    expect((await store.load(signal))?.checkpoint.sequence).toBe(49);
  });

  it('refuses the slower of two writers', async () => {
    const [one, other] = [await openStore(), await openStore()];
    const version = await one.save(checkpointOf(), null, signal);
    await expect(other.save(checkpointOf(), null, signal)).rejects.toThrow(
      withCode('checkpoint-conflict', /already exists/),
    );
    expect((await other.load(signal))?.version).toBe(version);
    await other.save(checkpointOf([], { sequence: 13 }), version, signal);
    const conflict = withCode('checkpoint-conflict', /changed or removed/);
    await expect(one.save(checkpointOf([], { sequence: 14 }), version, signal)).rejects.toThrow(conflict);
    await expect(one.save(checkpointOf(), 'not a version', signal)).rejects.toThrow(conflict);
    expect((await one.load(signal))?.checkpoint.sequence).toBe(13);
  });

  it('lets one of many concurrent writers through', async () => {
    const stores = await Promise.all(Array.from({ length: 5 }, () => openStore()));
    const outcomes = await Promise.allSettled(
      stores.map((store, sequence) => store.save(checkpointOf([], { sequence }), null, signal)),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(hasCode(outcome.reason, 'checkpoint-conflict')).toBe(true);
    }
  });

  it('takes a znode that was deleted and made again for another one, whatever its version', async () => {
    const store = await openStore();
    const version = await store.save(checkpointOf(), null, signal);
    const client = await bystander();
    const path = `${root}/shop-audit/checkpoint`;
    const before = await client.get(path);
    expect(await client.delete(path)).toMatchObject({ ok: true });
    await client.create(path, before.ok ? before.value.data : Buffer.alloc(0));
    expect(await client.get(path)).toMatchObject({ ok: true, value: { version: 0 } });
    await expect(store.save(checkpointOf([], { sequence: 13 }), version, signal)).rejects.toThrow(
      withCode('checkpoint-conflict'),
    );
    expect(await client.delete(path)).toMatchObject({ ok: true });
    await expect(store.save(checkpointOf([], { sequence: 13 }), version, signal)).rejects.toThrow(
      withCode('checkpoint-conflict'),
    );
  });

  it('refuses a writer with an older fencing token, and damaged or foreign content', async () => {
    const store = await openStore();
    const version = await store.save(checkpointOf([], { fencingToken: 3 }), null, signal);
    const late = await openStore();
    await expect(late.save(checkpointOf([], { fencingToken: 2 }), version, signal)).rejects.toThrow(
      withCode('checkpoint-conflict', /token 3.*older token 2/),
    );
    const client = await bystander();
    const path = `${root}/shop-audit/checkpoint`;
    await client.set(path, Buffer.from('created by zk-mkdir-p'), 0);
    await expect(store.load(signal)).rejects.toThrow(
      withCode('checkpoint-damaged', /not a waymark checkpoint/),
    );
    await client.set(path, Buffer.alloc(0), 1);
    await expect(store.load(signal)).rejects.toThrow(withCode('checkpoint-damaged', /empty/));
    const billing = await openStore({ stream: 'billing' });
    await billing.save(checkpointOf([], { stream: 'billing' }), null, signal);
    const foreign = await client.get(`${root}/billing/checkpoint`);
    await client.set(path, foreign.ok ? foreign.value.data : Buffer.alloc(0), 2);
    await expect(store.load(signal)).rejects.toThrow(withCode('checkpoint-foreign', /"billing"/));
  });

  it('never sends more than its own limit', async () => {
    const store = await openStore();
    await store.save(checkpointOf(longTrail(200_000)), null, signal);
    const found = await (await bystander()).get(`${root}/shop-audit/checkpoint`);
    expect(found.ok && found.value.data.length).toBeLessThanOrEqual(recordLimitBytes);
    const noise = Array.from({ length: 200_000 }, (_, n) => Math.sin(n).toString(36)).join('');
    await expect(store.save(checkpointOf([], { gtidSet: noise }), null, signal)).rejects.toThrow(
      withCode('checkpoint-store', /262144 bytes/),
    );
  });

  it('is made from the configuration', async () => {
    const store = createCheckpointStore(
      { store: 'zookeeper', connect: `${zookeeper.connectString}/`, root: '/' },
      `direct-${root}`,
      { account: { user: '', password: new Secret('') } },
    );
    cleanup.push(() => store.close());
    await store.open(signal);
    await store.save(checkpointOf([], { stream: `direct-${root}` }), null, signal);
  });

  it('says when the path behind the servers is not there', async () => {
    const store = await openStore({ connect: `${zookeeper.connectString}/nowhere` });
    await expect(store.save(checkpointOf(), null, signal)).rejects.toThrow(
      withCode('checkpoint-store', /-101.*parent znode is missing/),
    );
  });
});

describe('while ZooKeeper is away', () => {
  afterEach(async () => {
    await zookeeper.resume();
    await zookeeper.restart();
  });

  it('a killed one keeps the record, and saving goes on when it is back', { timeout: 180_000 }, async () => {
    const store = await openStore();
    let version = await store.save(checkpointOf([], { sequence: 1 }), null, signal);
    let sequence = 1;
    for (let kill = 0; kill < 3; kill += 1) {
      let killed = false;
      const killing = zookeeper.kill().then(() => (killed = true));
      // Saves run into the kill at any point of theirs.
      while (!killed) {
        try {
          version = await store.save(checkpointOf([], { sequence: sequence + 1 }), version, signal);
          sequence += 1;
        } catch (error) {
          expect(hasCode(error, 'checkpoint-store')).toBe(true);
          break;
        }
      }
      await killing;
      await saveInVain(store, sequence + 1, version);
      await zookeeper.restart();
      sequence += 1;
      version = await saveWhenBack(store, sequence, version);
      const stored = await store.load(signal);
      expect(stored).toEqual({ checkpoint: checkpointOf([], { sequence }), version });
    }
  });

  it('a frozen one is reported at once, and saving goes on when it thaws, the session long over', async () => {
    const store = await openStore({ sessionTimeoutMs: shortTimeoutMs });
    const version = await store.save(checkpointOf([], { sequence: 1 }), null, signal);
    await zookeeper.freeze();
    const end = performance.now() + shortTimeoutMs * 2;
    while (performance.now() < end) await saveInVain(store, 2, version);
    await zookeeper.resume();
    const next = await saveWhenBack(store, 3, version);
    expect(await store.load(signal)).toEqual({
      checkpoint: checkpointOf([], { sequence: 3 }),
      version: next,
    });
  });

  it('opening gives up in time, naming the servers, and can be tried again', async () => {
    await zookeeper.kill();
    const store = storeOf({ sessionTimeoutMs: shortTimeoutMs });
    const start = performance.now();
    await expect(store.open(signal)).rejects.toThrow(
      withCode(
        'checkpoint-store',
        new RegExp(`${zookeeper.connectString}.*within ${formatDuration(shortTimeoutMs)}`),
      ),
    );
    expect(performance.now() - start).toBeLessThan(shortTimeoutMs + promptMs);
    await expect(store.load(signal)).rejects.toThrow(withCode('checkpoint-store', /not open/));
    await zookeeper.restart();
    // A busy machine may need more than one such time.
    await until('it opens', () =>
      store.open(signal).then(
        () => true,
        () => false,
      ),
    );
    await store.save(checkpointOf(), null, signal);
  });

  it('opening ends with its signal', async () => {
    await zookeeper.kill();
    const controller = new AbortController();
    const start = performance.now();
    const opening = storeOf().open(controller.signal);
    setTimeout(() => {
      controller.abort(new Error('stop'));
    }, 100);
    await expect(opening).rejects.toThrow('stop');
    expect(performance.now() - start).toBeLessThan(promptMs);
  });

  it('closing ends what is under way', async () => {
    const store = await openStore();
    await zookeeper.freeze();
    const save = store.save(checkpointOf(), null, signal);
    const outcome = expect(save).rejects.toThrow(withCode('checkpoint-store', /closed/));
    await store.close();
    await outcome;
    await expect(store.open(signal)).rejects.toThrow(withCode('checkpoint-store', /closed/));
  });
});

describe('a save whose answer is lost', () => {
  it.each([
    ['first save', true],
    ['later save', false],
  ])('is found to be our own at the next one: %s', async (_, first) => {
    const proxy = await startProxy(zookeeper.connectString);
    const store = await openStore({ connect: proxy.address });
    // The parents are there, so that the first request to create is the one for the record.
    const client = await bystander();
    for (const path of ['/waymark-test', root, `${root}/shop-audit`])
      await client.create(path, Buffer.alloc(0));
    const version = first ? null : await store.save(checkpointOf([], { sequence: 1 }), null, signal);
    proxy.swallowAnswersTo(first ? 'create' : 'set');
    await saveInVain(store, 2, version);
    // The server has done it, and only we don't know.
    const other = await openStore();
    expect((await other.load(signal))?.checkpoint.sequence).toBe(2);
    proxy.cut();
    const next = await saveWhenBack(store, 3, version);
    expect(await other.load(signal)).toEqual({
      checkpoint: checkpointOf([], { sequence: 3 }),
      version: next,
    });
  });

  it("does not hide somebody else's write", async () => {
    const proxy = await startProxy(zookeeper.connectString);
    const store = await openStore({ connect: proxy.address });
    const version = await store.save(checkpointOf([], { sequence: 1 }), null, signal);
    proxy.swallowAnswersTo('set');
    await saveInVain(store, 2, version);
    const other = await openStore();
    const theirs = await other.load(signal);
    await other.save(checkpointOf([], { sequence: 99 }), theirs?.version ?? null, signal);
    proxy.cut();
    await expect(saveWhenBack(store, 3, version)).rejects.toThrow(withCode('checkpoint-conflict'));
    expect((await other.load(signal))?.checkpoint.sequence).toBe(99);
  });
});

describe("the store's process for the native client", () => {
  beforeEach(({ skip }) => {
    if (!usesNativeClient()) skip('there is no native client');
  });

  it('is replaced when it dies, and saving goes on', async () => {
    const store = await openStore();
    const version = await store.save(checkpointOf([], { sequence: 1 }), null, signal);
    const [pid] = await nativeProcesses(process.pid);
    if (pid === undefined) throw new Error('the store has no process');
    process.kill(pid, 'SIGKILL');
    const next = await saveWhenBack(store, 2, version);
    expect(await store.load(signal)).toEqual({
      checkpoint: checkpointOf([], { sequence: 2 }),
      version: next,
    });
    expect(await nativeProcesses(process.pid)).not.toContain(pid);
  });

  it('ends when its owner is killed', async () => {
    const owner = startChild(exitAfterClose, [zookeeper.connectString, root, 'wait']);
    cleanup.push(() => owner.kill());
    await owner.line((line) => line === 'opened');
    const [pid] = await nativeProcesses(owner.pid);
    if (pid === undefined) throw new Error('the store has no process');
    await owner.kill();
    await expect.poll(() => isRunning(pid), { timeout: 30_000 }).toBe(false);
  });
});

/** The processes below `ancestor` that run the native client. */
async function nativeProcesses(ancestor: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid=,ppid=,args=']);
  const rows = stdout.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s(.*)$/.exec(line);
    return match ? [{ pid: Number(match[1]), parent: Number(match[2]), args: match[3] ?? '' }] : [];
  });
  const parents = new Map(rows.map(({ pid, parent }) => [pid, parent]));
  const isBelow = (pid: number | undefined): boolean =>
    pid !== undefined && pid > 1 && (pid === ancestor || isBelow(parents.get(pid)));
  return rows.flatMap(({ pid, parent, args }) =>
    args.includes('zookeeper-process') && isBelow(parent) ? [pid] : [],
  );
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a process that has closed its store', () => {
  const start = (connect: string, ...more: string[]): Child => {
    const child = startChild(exitAfterClose, [connect, root, ...more]);
    cleanup.push(() => child.kill());
    return child;
  };
  const expectQuietEnd = async (child: Child): Promise<void> => {
    await child.line((line) => line === 'closed');
    const closed = performance.now();
    expect(await child.ended).toEqual({ code: 0, errors: '' });
    expect(performance.now() - closed).toBeLessThan(promptMs);
  };

  it('ends by itself, having written nothing to stderr', async () => {
    const child = start(zookeeper.connectString);
    await child.line((line) => line === 'opened');
    await expectQuietEnd(child);
  });

  it('ends by itself with ZooKeeper killed, frozen, or never there', async () => {
    const killed = start(zookeeper.connectString, 'wait');
    await killed.line((line) => line === 'opened');
    await zookeeper.kill();
    killed.tell('close');
    await expectQuietEnd(killed);

    const absent = start(zookeeper.connectString);
    await absent.line((line) => line === 'checkpoint-store');
    await expectQuietEnd(absent);

    await zookeeper.restart();
    root += '-frozen';
    const frozen = start(zookeeper.connectString, 'wait');
    await frozen.line((line) => line === 'opened');
    await zookeeper.freeze();
    frozen.tell('close');
    await expectQuietEnd(frozen);
    await zookeeper.resume();
  });
});

/** Operation numbers in a request's header. */
const operations = { create: 1, set: 5 } as const;

type Proxy = {
  readonly address: string;
  /** From the next request of that kind on, the client gets no answers: the server's are thrown away. */
  swallowAnswersTo(operation: keyof typeof operations): void;
  /** Cuts all connections; answers pass again. */
  cut(): void;
};

/** A man in the middle who can lose answers. */
async function startProxy(target: string): Promise<Proxy> {
  const [host = '', port = ''] = target.split(':');
  const sockets = new Set<Socket>();
  let trap: number | null = null;
  let swallowing = false;
  const server: Server = createServer((client) => {
    const upstream = connectSocket(Number(port), host);
    let handshake = true;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    let received = Buffer.alloc(0);
    client.on('data', (chunk: Buffer) => {
      // Frames of length, xid, operation, in whatever pieces they come. The first is the handshake, which has no header.
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        if (!handshake && received.readInt32BE(8) === trap) swallowing = true;
        handshake = false;
        received = received.subarray(4 + received.readInt32BE(0));
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (!swallowing) client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    swallowing = false;
    trap = null;
    for (const socket of sockets) socket.destroy();
  };
  cleanup.push(() => {
    cut();
    return new Promise((resolve) => server.close(resolve));
  });
  return {
    address: `127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    swallowAnswersTo: (operation) => (trap = operations[operation]),
    cut,
  };
}

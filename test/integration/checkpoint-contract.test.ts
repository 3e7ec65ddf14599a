import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import type { CheckpointStore } from '../../src/checkpoint/checkpoint.js';
import { recordLimitBytes } from '../../src/checkpoint/codec.js';
import { createCheckpointStore } from '../../src/checkpoint/create-store.js';
import { checkpointTable } from '../../src/checkpoint/checkpoint-table.js';
import { parseAddress } from '../../src/config/address.js';
import type { CheckpointConfig } from '../../src/config/schema.js';
import { Secret } from '../../src/config/secret.js';
import { hasCode } from '../../src/util/errors.js';
import { type OwnedZooKeeper, startServer, startZooKeeper } from '../servers/index.js';
import type { TestServer } from '../servers/types.js';
import { until } from '../servers/wait.js';
import { checkpointOf, longTrail } from '../unit/checkpoint/samples.js';

/** What every store promises; what only one of them does is in the tests of that one. */

const { signal } = new AbortController();
const stream = 'shop-audit';

let zookeeper: OwnedZooKeeper;
let server: TestServer;
let folder: string;
let places = 0;
let open: CheckpointStore[] = [];

beforeAll(async () => {
  [zookeeper, server, folder] = await Promise.all([
    startZooKeeper(),
    startServer(),
    mkdtemp(join(tmpdir(), 'waymark-contract-')),
  ]);
});

afterEach(async () => {
  await Promise.all(open.map((store) => store.close()));
  open = [];
});

afterAll(async () => {
  await Promise.all([zookeeper.stop(), server.stop(), rm(folder, { recursive: true })]);
});

/** A place of its own for each test. */
const configs: Readonly<Record<CheckpointConfig['store'], (place: string) => Promise<CheckpointConfig>>> = {
  file: (place) => Promise.resolve({ store: 'file', path: join(folder, place) }),
  zookeeper: (place) =>
    Promise.resolve({ store: 'zookeeper', connect: zookeeper.connectString, root: `/${place}` }),
  mysql: async (place) => {
    await server.query(`CREATE DATABASE ${place}`);
    await server.query(checkpointTable(place).sql);
    return { store: 'mysql', server: parseAddress(server.address), schema: place };
  },
};

describe.each(['file', 'zookeeper', 'mysql'] as const)('a checkpoint store: %s', (kind) => {
  async function newPlace(): Promise<CheckpointConfig> {
    return configs[kind](`place${String((places += 1))}`);
  }

  async function openStore(config: CheckpointConfig, name = stream): Promise<CheckpointStore> {
    const account = { user: server.user, password: new Secret(server.password), getServerPublicKey: true };
    const store = createCheckpointStore(config, name, { account });
    open.push(store);
    await store.open(signal);
    return store;
  }

  /** Another process's view of the same place; a folder can be open but once. */
  async function reopen(store: CheckpointStore, config: CheckpointConfig): Promise<CheckpointStore> {
    if (kind === 'file') await store.close();
    return openStore(config);
  }

  const conflict = expect.objectContaining({ code: 'checkpoint-conflict' }) as Error;

  it('keeps the record, for whoever opens it next', async () => {
    const config = await newPlace();
    const store = await openStore(config);
    expect(await store.load(signal)).toBeNull();
    const checkpoint = checkpointOf(longTrail(3_000), { fencingToken: 7 });
    const version = await store.save(checkpoint, null, signal);
    expect(await store.load(signal)).toEqual({ checkpoint, version });
    expect(await (await reopen(store, config)).load(signal)).toEqual({ checkpoint, version });
  });

  it('keeps the record of the layouts beside it, the last one that was written', async () => {
    const config = await newPlace();
    const store = await openStore(config);
    expect(await store.loadLayouts(signal)).toBeNull();
    await store.saveLayouts(Buffer.from('one'), 3, signal);
    await store.saveLayouts(Buffer.from('two'), 3, signal);
    const checkpoint = checkpointOf([], { fencingToken: 3, layouts: { id: 'x', version: 7 } });
    await store.save(checkpoint, null, signal);
    const other = await reopen(store, config);
    expect(await other.loadLayouts(signal)).toEqual(Buffer.from('two'));
    expect((await other.load(signal))?.checkpoint).toEqual(checkpoint);
    await other.saveLayouts(Buffer.from('three'), 4, signal);
    expect(await other.loadLayouts(signal)).toEqual(Buffer.from('three'));
  });

  it('refuses the layouts of an earlier leader once a later one has written its own', async () => {
    const config = await newPlace();
    const earlier = await openStore(config);
    const version = await earlier.save(checkpointOf([], { fencingToken: 1 }), null, signal);
    await earlier.saveLayouts(Buffer.from('earlier'), 1, signal);
    const later = await openStore(config);
    await later.save(checkpointOf([], { fencingToken: 2 }), version, signal);
    expect(await later.loadLayouts(signal)).toEqual(Buffer.from('earlier'));
    await later.saveLayouts(Buffer.from('later'), 2, signal);
    const code = kind === 'file' ? 'not-leader' : 'checkpoint-conflict';
    const refused = expect.objectContaining({ code }) as Error;
    await expect(earlier.saveLayouts(Buffer.from('late'), 1, signal)).rejects.toThrow(refused);
    expect(await later.loadLayouts(signal)).toEqual(Buffer.from('later'));
  });

  it('writes only on top of the version that was named', async () => {
    const store = await openStore(await newPlace());
    const first = await store.save(checkpointOf([], { sequence: 1 }), null, signal);
    const second = await store.save(checkpointOf([], { sequence: 2 }), first, signal);
    for (const wrong of [null, first, 'not a version']) {
      await expect(store.save(checkpointOf([], { sequence: 3 }), wrong, signal)).rejects.toThrow(conflict);
    }
    expect((await store.load(signal))?.version).toBe(second);
    await store.save(checkpointOf([], { sequence: 3 }), second, signal);
    expect((await store.load(signal))?.checkpoint.sequence).toBe(3);
  });

  it('refuses a write with an older fencing token, also from who never read the newer one', async () => {
    const config = await newPlace();
    const store = await openStore(config);
    const version = await store.save(checkpointOf([], { fencingToken: 5 }), null, signal);
    const late = await reopen(store, config);
    await expect(late.save(checkpointOf([], { fencingToken: 4 }), version, signal)).rejects.toThrow(
      expect.objectContaining({
        code: 'checkpoint-conflict',
        message: expect.stringMatching(/token 5.*older token 4/) as string,
      }) as Error,
    );
    const same = await late.save(checkpointOf([], { fencingToken: 5, sequence: 2 }), version, signal);
    await late.save(checkpointOf([], { fencingToken: 6, sequence: 3 }), same, signal);
    expect((await late.load(signal))?.checkpoint).toMatchObject({ fencingToken: 6, sequence: 3 });
  });

  it('keeps streams apart, and refuses what is larger than a record may be', async () => {
    const config = await newPlace();
    const [shop, billing] = [await openStore(config), await openStore(config, 'billing')];
    await shop.save(checkpointOf(longTrail(200_000)), null, signal);
    expect(await billing.load(signal)).toBeNull();
    const noise = Array.from({ length: 200_000 }, (_, n) => Math.sin(n).toString(36)).join('');
    await expect(
      billing.save(checkpointOf([], { stream: 'billing', gtidSet: noise }), null, signal),
    ).rejects.toThrow(
      expect.objectContaining({
        code: 'checkpoint-store',
        message: expect.stringMatching(new RegExp(String(recordLimitBytes))) as string,
      }) as Error,
    );
  });

  it('is not to be used before it is open, nor when it is closed', async () => {
    const store = await openStore(await newPlace());
    await store.close();
    await expect(store.save(checkpointOf(), null, signal)).rejects.toThrow(
      expect.objectContaining({ code: 'checkpoint-store' }) as Error,
    );
  });
});

describe('the MySQL store', () => {
  const account = (): { user: string; password: Secret } => ({
    user: server.user,
    password: new Secret(server.password),
  });

  it('lets one of many concurrent writers through', async () => {
    const config = await configs.mysql('together');
    const stores = Array.from({ length: 5 }, () =>
      createCheckpointStore(config, stream, { account: account() }),
    );
    open.push(...stores);
    await Promise.all(stores.map((store) => store.open(signal)));
    const outcomes = await Promise.allSettled(
      stores.map((store, sequence) => store.save(checkpointOf([], { sequence }), null, signal)),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(hasCode(outcome.reason, 'checkpoint-conflict')).toBe(true);
    }
  });

  it('makes no table by itself, and says what to do', async () => {
    const config = { store: 'mysql', server: parseAddress(server.address), schema: 'nowhere' } as const;
    const store = createCheckpointStore(config, stream, { account: account() });
    open.push(store);
    await expect(store.open(signal)).rejects.toThrow(
      expect.objectContaining({
        code: 'checkpoint-store',
        message: expect.stringMatching(/nowhere.*check --fix/) as string,
      }) as Error,
    );
  });

  it('is told in time that its server hangs, and saves when it is back; a save that was done after all is its own', async () => {
    const config = await configs.mysql('hanging');
    const store = createCheckpointStore(config, stream, { account: account() });
    open.push(store);
    await store.open(signal);
    let version = await store.save(checkpointOf([], { sequence: 1 }), null, signal);
    // What is sent to a frozen server waits for it, and is done when it goes on, unheard.
    await server.freeze();
    const start = performance.now();
    await expect(store.save(checkpointOf([], { sequence: 2 }), version, signal)).rejects.toThrow(
      expect.objectContaining({ code: 'checkpoint-store' }) as Error,
    );
    expect(performance.now() - start).toBeLessThan(6_000);
    await server.resume();
    const sequence = async (): Promise<number> => {
      const [row] = await server.query<{ n: number }>('SELECT COUNT(*) AS n FROM hanging.stream_checkpoint');
      return Number(row?.n);
    };
    expect(await sequence()).toBe(1);
    const before = version;
    // A server that has just gone on may still be too slow; a conflict with what it did meanwhile is none of that.
    version = await until(
      'it saves again',
      () =>
        store.save(checkpointOf([], { sequence: 3 }), before, signal).catch((error: unknown) => {
          if (hasCode(error, 'checkpoint-store')) return false;
          throw error;
        }),
      { timeoutMs: 20_000 },
    );
    await server.restart();
    await expect
      .poll(
        () =>
          store.save(checkpointOf([], { sequence: 4 }), version, signal).then(
            () => true,
            () => false,
          ),
        {
          timeout: 20_000,
        },
      )
      .toBe(true);
    expect((await store.load(signal))?.checkpoint.sequence).toBe(4);
  });
});

import { randomBytes } from 'node:crypto';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { zookeeperStore } from '../../src/checkpoint/zookeeper-store.js';
import { Secret } from '../../src/config/secret.js';
import { parseZooKeeperAddress } from '../../src/config/zookeeper-address.js';
import type { Elections } from '../../src/election/election.js';
import { zookeeperElections } from '../../src/election/zookeeper-election.js';
import { type ZooKeeperClient, zookeeperCode } from '../../src/zookeeper/zookeeper-client.js';
import { shareSession } from '../../src/zookeeper/shared-session.js';
import { type OwnedEnsemble, startZooKeeperEnsemble } from '../servers/index.js';
import { connectClient } from '../support/zookeeper-client.js';
import { checkpointOf } from '../unit/checkpoint/samples.js';

const { signal } = new AbortController();
const logger = { info: () => undefined, warn: () => undefined };

let ensemble: OwnedEnsemble;
let cleanup: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  ensemble = await startZooKeeperEnsemble(3);
});

afterEach(async () => {
  for (const step of cleanup.reverse()) await step();
  cleanup = [];
});

afterAll(async () => {
  await ensemble.stop();
});

function electionsOf(host: string, timeoutMs = 8_000): Elections {
  const elections = zookeeperElections({
    ...{ connect: ensemble.connectString, root: '/ensemble', timeoutMs, intervalMs: 300, marginMs: 1_000 },
    ...{ self: { host, pid: process.pid, run: randomBytes(4).toString('hex') }, logger },
  });
  cleanup.push(() => elections.close());
  return elections;
}

async function clientOf(digest: string | null, connect = ensemble.connectString): Promise<ZooKeeperClient> {
  const client = await connectClient(connect, { digest });
  cleanup.push(() => client.close());
  return client;
}

describe('an ensemble of three', () => {
  it('may lose its leader: who leads a stream goes on leading it, in the same session', async () => {
    // Long enough for three busy JVMs to elect, and for us to connect anew.
    const leaseMs = 20_000;
    const leadership = await electionsOf('one', leaseMs).of('shop').campaign(signal);
    const other = electionsOf('other', leaseMs + 1);
    let taken = false;
    const waiting = new AbortController();
    const campaign = other
      .of('shop')
      .campaign(waiting.signal)
      .then(
        () => (taken = true),
        () => undefined,
      );
    await expect
      .poll(async () => (await other.of('shop').show(signal)).waiting?.length, { timeout: 20_000 })
      .toBe(1);
    const dead = await ensemble.leader();
    await dead.kill();
    expect((await ensemble.leader()).connectString).not.toBe(dead.connectString);
    // A lease that had not been renewed since would be over.
    await new Promise((resolve) => setTimeout(resolve, leaseMs + 2_000));
    leadership.assertHeld();
    expect(taken).toBe(false);
    expect(await other.of('shop').show(signal)).toMatchObject({
      ...{ leader: { host: 'one' }, token: leadership.token },
    });
    await dead.restart();
    waiting.abort(new Error('enough'));
    await campaign;
  }, 120_000);

  it('counts tokens up over elections, sessions and leaders of its own', async () => {
    const tokens: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      const elections = electionsOf(`host${round}`, 8_100 + round);
      const leadership = await elections.of('tokens').campaign(signal);
      tokens.push(leadership.token);
      // Once giving up, once by the end of the session.
      if (round % 2 === 0) await leadership.resign();
      await elections.close();
      if (round === 1) {
        const leader = await ensemble.leader();
        await leader.kill();
        await leader.restart();
      }
    }
    expect(tokens).toEqual([...tokens].sort((one, other) => one - other));
    expect(new Set(tokens).size).toBe(tokens.length);
  });
});

describe('a session', () => {
  it('is one for all streams, and leaves nothing but the parents of nodes behind', async () => {
    const elections = electionsOf('one', 9_000);
    const streams = Array.from({ length: 20 }, (_, n) => `many-${n}`);
    await elections.join(signal);
    const leaderships = await Promise.all(streams.map((stream) => elections.of(stream).campaign(signal)));
    const address = parseZooKeeperAddress(ensemble.connectString);
    const shared = shareSession({ address, auth: null, sessionTimeoutMs: 9_000 });
    expect(shared.value.number).toBe(1);
    await shared.release();
    expect(new Set(leaderships.map(({ token }) => token)).size).toBe(streams.length);
    await elections.close();
    const client = await clientOf(null);
    for (const path of [...streams.map((stream) => `/ensemble/${stream}/election`), '/ensemble/_agents']) {
      expect(await client.children(path)).toEqual({ ok: true, value: [] });
    }
  });
});

describe('the process of an agent that is frozen', () => {
  it('ends the session, although it could keep it alive', async ({ skip }) => {
    // First, since its process may take longer to start than the other's session lasts.
    const bystander = await clientOf(null);
    const frozen = await connectClient(ensemble.connectString, { sessionTimeoutMs: 6_000 });
    cleanup.push(() => frozen.close());
    if (frozen.kind === 'javascript')
      return skip("waymark's own client is in the agent's process, and frozen with it");
    await frozen.create('/frozen', Buffer.alloc(0), 'ephemeral');
    // The bystander's server may learn of it a little later.
    await bystander.sync('/');
    expect(await bystander.exists('/frozen')).toMatchObject({ ok: true });
    // Nothing is asked from now on.
    await expect
      .poll(() => bystander.exists('/frozen'), { timeout: 40_000 })
      .toEqual({ ok: false, code: zookeeperCode.noNode });
  });
});

describe('an account', () => {
  it('has its nodes for itself alone, below the path of the connection', async () => {
    const root = await clientOf(null);
    await root.create('/apps', Buffer.alloc(0));
    const auth = { user: 'waymark', password: new Secret('s3cret') };
    const connect = `${ensemble.connectString}/apps`;
    const store = zookeeperStore({ connect, root: '/waymark', stream: 'shop-audit', auth });
    cleanup.push(() => store.close());
    await store.open(signal);
    const version = await store.save(checkpointOf(), null, signal);
    const elections = zookeeperElections({
      ...{ connect, root: '/waymark', auth, timeoutMs: 10_000, intervalMs: 300, marginMs: 1_000, logger },
      self: { host: 'one', pid: 1, run: '00000001' },
    });
    cleanup.push(() => elections.close());
    await elections.of('shop-audit').campaign(signal);
    expect(await elections.of('shop-audit').show(signal)).toMatchObject({ mine: true });

    const path = '/apps/waymark/shop-audit/checkpoint';
    const denied = { ok: false, code: zookeeperCode.noAuth };
    const others = [root, await clientOf('waymark:wrong')];
    for (const client of others) {
      expect(await client.get(path)).toEqual(denied);
      expect(await client.set(path, Buffer.from('x'), -1)).toEqual(denied);
      expect(await client.children('/apps/waymark/shop-audit/election')).toEqual(denied);
    }
    const us = await clientOf('waymark:s3cret');
    expect(await us.get(path)).toMatchObject({ ok: true });
    expect(await us.children('/apps/waymark/shop-audit/election')).toMatchObject({ ok: true });
    expect(await store.save(checkpointOf([], { sequence: 13 }), version, signal)).not.toBe(version);

    const stranger = zookeeperStore({ connect, root: '/waymark', stream: 'shop-audit', auth: undefined });
    cleanup.push(() => stranger.close());
    await stranger.open(signal);
    await expect(stranger.load(signal)).rejects.toThrow(
      expect.objectContaining({
        code: 'checkpoint-store',
        message: expect.stringMatching(/ACL/) as string,
      }) as Error,
    );
  });
});

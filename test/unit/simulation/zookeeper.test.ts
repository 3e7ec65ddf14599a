import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/config/secret.js';
import { parseZooKeeperAddress } from '../../../src/config/zookeeper-address.js';
import { SocketConnection } from '../../../src/zookeeper/socket-connection.js';
import type { SessionKey } from '../../../src/zookeeper/zookeeper-calls.js';
import { ZooKeeperClient, zookeeperCode } from '../../../src/zookeeper/zookeeper-client.js';
import { ZooKeeperSession } from '../../../src/zookeeper/zookeeper-session.js';
import type { Machine } from '../../simulation/world/machine.js';
import type { SimulatedProcess } from '../../simulation/world/process.js';
import { SimulatedZooKeeper } from '../../simulation/world/zookeeper.js';
import { seeds, settled, smallWorld, watched } from './small-world.js';

/** Three servers, and a process on another machine. */
function ensemble(seed: string) {
  const { world, network, machines } = smallWorld(seed, 4);
  const [machine, ...others] = machines as [Machine, Machine, Machine, Machine];
  const zookeeper = new SimulatedZooKeeper(world, others);
  return { world, network, machine, zookeeper, process: machine.start('agent') };
}

type Ensemble = ReturnType<typeof ensemble>;

type Wanted = {
  readonly process?: SimulatedProcess;
  readonly digest?: string;
  readonly session?: SessionKey;
  readonly chroot?: string;
  /** Of the three; all of them unless given. */
  readonly server?: number;
};

/** A client of ours, which connects. */
function start(of: Ensemble, { process = of.process, digest, session, chroot = '', server }: Wanted = {}) {
  const all = parseZooKeeperAddress(`${of.zookeeper.addresses}${chroot}`);
  const servers = server === undefined ? all.servers : all.servers.slice(server, server + 1);
  const request = { address: { ...all, servers }, sessionTimeoutMs: 10_000 };
  return process.run(
    () =>
      new ZooKeeperClient(
        SocketConnection.start({ ...request, digest: digest ?? null, session: session ?? null }),
      ),
  );
}

/** The same, connected. */
async function connect(of: Ensemble, wanted: Wanted = {}) {
  const client = start(of, wanted);
  const session = await settled(of.world, client.connected);
  const ask = <T>(work: (client: ZooKeeperClient) => Promise<T>): Promise<T> =>
    settled(
      of.world,
      (wanted.process ?? of.process).run(() => work(client)),
    );
  return { client, session, ask };
}

const bytes = (text: string): Buffer => Buffer.from(text);

describe('nodes', () => {
  test('are made, read, changed, listed and deleted', async () => {
    const of = ensemble('1');
    const { ask } = await connect(of);
    expect(await ask((client) => client.create('/a', bytes('one')))).toEqual({ ok: true, value: 'a' });
    const made = await ask((client) => client.get('/a'));
    expect(made).toMatchObject({ ok: true, value: { version: 0, data: bytes('one') } });
    const changed = await ask((client) => client.set('/a', bytes('two'), 0));
    expect(changed).toMatchObject({ ok: true, value: { version: 1 } });
    expect(await ask((client) => client.exists('/a'))).toEqual(changed);
    await ask((client) => client.create('/a/x', bytes('')));
    await ask((client) => client.create('/a/y', bytes('')));
    expect(await ask((client) => client.children('/a'))).toEqual({ ok: true, value: ['x', 'y'] });
    await ask((client) => client.delete('/a/x'));
    expect(await ask((client) => client.children('/a'))).toEqual({ ok: true, value: ['y'] });
    expect(of.zookeeper.tree.get('/a')?.data.toString()).toBe('two');
  });

  test('made again are others, by their czxid', async () => {
    const { ask } = await connect(ensemble('1'));
    const czxid = async (): Promise<number> => {
      await ask((client) => client.create('/a', bytes('')));
      const found = await ask((client) => client.exists('/a'));
      return found.ok ? found.value.czxid : 0;
    };
    const before = await czxid();
    await ask((client) => client.delete('/a'));
    expect(await czxid()).toBeGreaterThan(before);
  });

  test.each<readonly [string, number, (client: ZooKeeperClient) => Promise<unknown>]>([
    ['read that is not there', zookeeperCode.noNode, (client) => client.get('/none')],
    ['changed that is not there', zookeeperCode.noNode, (client) => client.set('/none', bytes(''), 0)],
    ['made where there is one', zookeeperCode.nodeExists, (client) => client.create('/a', bytes(''))],
    ['made below none', zookeeperCode.noNode, (client) => client.create('/none/a', bytes(''))],
    ['changed by another version', zookeeperCode.badVersion, (client) => client.set('/a', bytes(''), 1)],
    ['deleted with others below', -111, (client) => client.delete('/a')],
    ['made below an ephemeral one', -108, (client) => client.create('/a/e/x', bytes(''))],
  ])('are not %s', async (_what, code, work) => {
    const { ask } = await connect(ensemble('1'));
    await ask((client) => client.create('/a', bytes('')));
    await ask((client) => client.create('/a/e', bytes(''), 'ephemeral'));
    expect(await ask(work)).toEqual({ ok: false, code });
  });

  test('get numbers behind their names, each higher than those before', async () => {
    const { ask } = await connect(ensemble('1'));
    const made = async (): Promise<string> => {
      const reply = await ask((client) => client.create('/n-', bytes(''), 'ephemeral-sequential'));
      return reply.ok ? reply.value : '';
    };
    const [first, second] = [await made(), await made()];
    await ask((client) => client.delete(`/${first}`));
    const third = await made();
    expect([first, second, third].every((name) => /^n-\d{10}$/.test(name))).toBe(true);
    expect([third, first, second].toSorted()).toEqual([first, second, third]);
  });

  test('are below the path that the address ends in', async () => {
    const of = ensemble('1');
    const { ask } = await connect(of);
    await ask((client) => client.create('/base', bytes('')));
    const below = await connect(of, { chroot: '/base' });
    await below.ask((client) => client.create('/a', bytes('here')));
    expect(of.zookeeper.tree.get('/base/a')?.data.toString()).toBe('here');
  });

  test('of an account are refused to others', async () => {
    const of = ensemble('1');
    const owner = await connect(of, { digest: 'me:secret' });
    const other = await connect(of, { digest: 'you:secret' });
    await owner.ask((client) => client.create('/a', bytes('mine')));
    await owner.ask((client) => client.sync('/'));
    await other.ask((client) => client.sync('/'));
    const refused = { ok: false, code: zookeeperCode.noAuth };
    expect(await other.ask((client) => client.get('/a'))).toEqual(refused);
    expect(await other.ask((client) => client.set('/a', bytes(''), 0))).toEqual(refused);
    expect(await other.ask((client) => client.create('/a/x', bytes('')))).toEqual(refused);
    expect(await other.ask((client) => client.exists('/a'))).toMatchObject({ ok: true });
    expect(await owner.ask((client) => client.set('/a', bytes(''), 0))).toMatchObject({ ok: true });
  });
});

describe('watches', () => {
  test('are told once, of what others do', async () => {
    const of = ensemble('1');
    const mine = await connect(of);
    const theirs = await connect(of, { process: of.machine.start('other') });
    const told: string[] = [];
    await mine.ask((client) => client.exists('/a', () => told.push('made')));
    await theirs.ask((client) => client.create('/a', bytes('')));
    await mine.ask((client) => client.sync('/'));
    expect(told).toEqual(['made']);
    await mine.ask((client) => client.get('/a', () => told.push('changed')));
    await theirs.ask((client) => client.set('/a', bytes('x'), -1));
    await theirs.ask((client) => client.set('/a', bytes('y'), -1));
    await mine.ask((client) => client.sync('/'));
    expect(told).toEqual(['made', 'changed']);
    await mine.ask((client) => client.exists('/a', () => told.push('gone')));
    await theirs.ask((client) => client.delete('/a'));
    await mine.ask((client) => client.sync('/'));
    expect(told).toEqual(['made', 'changed', 'gone']);
  });

  test('are not set by a read that fails', async () => {
    const of = ensemble('1');
    const { ask } = await connect(of);
    const told: string[] = [];
    await ask((client) => client.get('/a', () => told.push('made')));
    await ask((client) => client.create('/a', bytes('')));
    await ask((client) => client.sync('/'));
    expect(told).toEqual([]);
  });
});

describe('servers', () => {
  test('lag behind, and know all that was done before once they are synced', async () => {
    let stale = 0;
    for (const seed of seeds(15)) {
      const of = ensemble(seed);
      of.zookeeper.meanMs = 20;
      const writer = await connect(of, { server: 0 });
      const reader = await connect(of, { server: 1 });
      await writer.ask((client) => client.create('/a', bytes('')));
      if (!(await reader.ask((client) => client.exists('/a'))).ok) stale += 1;
      await reader.ask((client) => client.sync('/'));
      expect(await reader.ask((client) => client.exists('/a'))).toMatchObject({ ok: true });
    }
    expect(stale).toBeGreaterThan(0);
  });

  test('tell of a write when they know it themselves', async () => {
    for (const seed of seeds(10)) {
      const of = ensemble(seed);
      of.zookeeper.meanMs = 20;
      const { ask } = await connect(of);
      await ask((client) => client.create('/a', bytes('')));
      expect(await ask((client) => client.exists('/a'))).toMatchObject({ ok: true });
    }
  });

  test('that are killed are left for others; started again they learn what they have missed', async () => {
    const of = ensemble('1');
    const { client, session, ask } = await connect(of, { server: 0 });
    await ask((each) => each.create('/a', bytes(''), 'ephemeral'));
    const [first] = of.zookeeper.servers;
    first?.process.kill();
    expect(await settled(of.world, client.lost)).toMatchObject({ sessionExpired: false });
    const again = await connect(of, { session, server: 1 });
    expect(again.session.id).toBe(session.id);
    await again.ask((each) => each.create('/b', bytes('')));
    first?.restart();
    await of.world.run({ forMs: 1000 });
    expect(first?.tree.get('/a')).toBeDefined();
    expect(first?.tree.get('/b')).toBeDefined();
  });

  test('decide nothing when most of them stand still', async () => {
    const of = ensemble('1');
    const { client } = await connect(of, { server: 0 });
    for (const { process } of of.zookeeper.servers.slice(1)) process.stop();
    expect(of.zookeeper.hasLeader).toBe(false);
    const reply = of.process.run(() => client.create('/a', bytes('')));
    expect(await settled(of.world, reply)).toEqual({ ok: false, code: zookeeperCode.connectionLoss });
    await of.world.run({ forMs: 60_000 });
    expect(of.zookeeper.tree.get('/a')).toBeUndefined();
    expect(of.zookeeper.sessions).toHaveLength(1);
  });
});

describe('a session', () => {
  test('goes on over another connection, and then not over the one before', async () => {
    const of = ensemble('1');
    const before = await connect(of, { server: 0 });
    await before.ask((client) => client.create('/a', bytes(''), 'ephemeral'));
    of.zookeeper.servers[0]?.process.stop(5000);
    const late = watched(
      of.world,
      of.process.run(() => before.client.create('/late', bytes(''))),
    );
    await of.world.run({ forMs: 100 });
    const after = await connect(of, { server: 1, session: before.session });
    expect(after.session.id).toBe(before.session.id);
    await of.world.run({ forMs: 8000 });
    expect(late()).toMatchObject({ state: 'done', value: { ok: false } });
    expect(of.zookeeper.tree.get('/late')).toBeUndefined();
    expect(of.zookeeper.tree.get('/a')).toBeDefined();
  });

  test('has one connection: the one before is ended by its server', async () => {
    const of = ensemble('1');
    const before = await connect(of, { server: 0 });
    await connect(of, { server: 1, session: before.session });
    await of.world.run({ forMs: 100 });
    expect(of.network.connections).toHaveLength(1);
    expect(await settled(of.world, before.client.lost, 100)).toMatchObject({ sessionExpired: false });
  });

  test('ends with what belongs to it when it is closed', async () => {
    const of = ensemble('1');
    const { client, ask } = await connect(of);
    await ask((each) => each.create('/a', bytes(''), 'ephemeral'));
    await ask(() => client.close());
    await of.world.run({ forMs: 100 });
    expect([of.zookeeper.tree.get('/a'), of.zookeeper.sessions]).toEqual([undefined, []]);
    expect(of.network.connections).toEqual([]);
  });

  test('ends when nothing is heard of it for its time, and not before', async () => {
    for (const seed of seeds(10)) {
      const of = ensemble(seed);
      const { client, session, ask } = await connect(of);
      await ask((each) => each.create('/a', bytes(''), 'ephemeral'));
      await of.world.run({ forMs: 60_000 });
      expect(of.zookeeper.sessions).toHaveLength(1);
      of.process.kill();
      await of.world.run({ forMs: session.timeoutMs * (2 / 3) - 500 });
      expect(of.zookeeper.tree.get('/a')).toBeDefined();
      await of.world.run({ forMs: session.timeoutMs / 3 + 3000 });
      expect(of.zookeeper.tree.get('/a')).toBeUndefined();
      expect(client).toBeDefined();
      const process = of.machine.start('again');
      const late = start(of, { process, session });
      expect(await settled(of.world, late.lost)).toMatchObject({ sessionExpired: true });
    }
  });

  test('is refused to who does not know its password', async () => {
    const of = ensemble('1');
    const { session } = await connect(of);
    const client = start(of, { session: { id: session.id, password: '00'.repeat(16) } });
    expect(await settled(of.world, client.lost)).toMatchObject({ sessionExpired: true });
  });

  test('has a timeout that the servers keep within bounds', async () => {
    const of = ensemble('1');
    const address = parseZooKeeperAddress(of.zookeeper.addresses);
    const [hasty, patient] = [1, 1_000_000].map((sessionTimeoutMs) =>
      of.process.run(() =>
        SocketConnection.start({ address, sessionTimeoutMs, digest: null, session: null }),
      ),
    );
    expect(await settled(of.world, hasty!.connected)).toMatchObject({ timeoutMs: 4000 });
    expect(await settled(of.world, patient!.connected)).toMatchObject({ timeoutMs: 40_000 });
  });
});

describe('faults', () => {
  test('while there is no leader, nobody is answered; then sessions have their whole time again', async () => {
    for (const seed of seeds(10)) {
      const of = ensemble(seed);
      const { client, session, ask } = await connect(of);
      await ask((each) => each.create('/a', bytes(''), 'ephemeral'));
      of.zookeeper.away(30_000);
      const end = of.world.nowMs + 30_000;
      expect(await settled(of.world, client.lost)).toMatchObject({ sessionExpired: false });
      const inVain = start(of, { session });
      expect(await settled(of.world, inVain.lost)).toMatchObject({ sessionExpired: false });
      await of.world.run({ forMs: end - of.world.nowMs + 9500 });
      expect(of.zookeeper.tree.get('/a')).toBeDefined();
      expect((await connect(of, { session })).session.id).toBe(session.id);
    }
  });

  test('an answer that is lost is one to a write that was done', async () => {
    const of = ensemble('1');
    const { ask } = await connect(of);
    of.zookeeper.lostAnswers = 1;
    const reply = await ask((client) => client.create('/a', bytes('')));
    expect(reply).toEqual({ ok: false, code: zookeeperCode.connectionLoss });
    expect(of.zookeeper.tree.get('/a')).toBeDefined();
  });

  test('a session that is ended takes along what belongs to it', async () => {
    const of = ensemble('1');
    const { client, session, ask } = await connect(of);
    await ask((each) => each.create('/a', bytes(''), 'ephemeral'));
    of.zookeeper.expire(BigInt(`0x${session.id}`));
    expect(await settled(of.world, client.lost)).toMatchObject({ sessionExpired: false });
    expect(of.zookeeper.tree.get('/a')).toBeUndefined();
    expect(await settled(of.world, start(of, { session }).lost)).toMatchObject({ sessionExpired: true });
  });

  test('a slow one answers late', async () => {
    const of = ensemble('1');
    const { ask } = await connect(of);
    of.zookeeper.meanMs = 2000;
    const before = of.world.nowMs;
    expect(await ask((client) => client.sync('/'))).toMatchObject({ ok: true });
    expect(of.world.nowMs - before).toBeGreaterThan(500);
  });
});

describe('a session of ours', () => {
  /** As agents keep one. */
  function keepSession(of: Ensemble) {
    const address = parseZooKeeperAddress(of.zookeeper.addresses);
    const auth = { user: 'me', password: new Secret('secret') };
    return of.process.run(() => {
      const session = new ZooKeeperSession({ address, auth, sessionTimeoutMs: 10_000 });
      session.start();
      return session;
    });
  }

  test('comes back after whatever happens, as the same one while the servers know it', async () => {
    for (const seed of seeds(10)) {
      const of = ensemble(seed);
      const session = keepSession(of);
      const back = (): Promise<unknown> =>
        settled(
          of.world,
          of.process.run(() => session.connected(new AbortController().signal)),
        );
      await back();
      expect(session.number).toBe(1);
      const faults = [
        () => of.network.connections[0]?.reset(),
        () => of.network.connections[0]?.silence(),
        () => {
          of.zookeeper.away(5000);
        },
        () => of.zookeeper.servers[0]?.process.stop(3000),
        () => {
          of.process.stop(2000);
        },
      ];
      for (const fault of faults) {
        fault();
        await of.world.run({ forMs: 20_000, until: () => session.client === null });
        await back();
      }
      expect(session.number).toBe(1);
      const [{ id }] = of.zookeeper.sessions as [(typeof of.zookeeper.sessions)[0]];
      of.zookeeper.expire(id);
      await of.world.run({ forMs: 20_000, until: () => session.client === null });
      await back();
      expect(session.number).toBe(2);
      const confirmed = of.process.run(() => session.confirm());
      expect(await settled(of.world, confirmed)).toMatchObject({ timeoutMs: 10_000 });
      await settled(
        of.world,
        of.process.run(() => session.close()),
      );
      await of.world.run({ forMs: 1000 });
      expect(of.zookeeper.sessions).toEqual([]);
    }
  });
});

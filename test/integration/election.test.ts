import { randomBytes } from 'node:crypto';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { parseAddress } from '../../src/config/address.js';
import { Secret } from '../../src/config/secret.js';
import type { Elections, Leadership, AgentId } from '../../src/election/election.js';
import { mysqlElections } from '../../src/election/mysql-election.js';
import { electionTable } from '../../src/election/election-sql.js';
import { zookeeperElections } from '../../src/election/zookeeper-election.js';
import { type OwnedZooKeeper, startServer, startZooKeeper } from '../servers/index.js';
import type { TestServer } from '../servers/types.js';

const { signal } = new AbortController();
/** A lease of 6 s: a busy machine keeps a renewal waiting for seconds. */
const times = { timeoutMs: 8_000, intervalMs: 200, marginMs: 2_000 };
const logger = { info: () => undefined, warn: () => undefined };

type Backend = {
  readonly elections: (self: AgentId) => Elections;
  readonly freeze: () => Promise<void>;
  readonly resume: () => Promise<void>;
};

let zookeeper: OwnedZooKeeper;
let server: TestServer;
let nextStream = 0;
const open: Elections[] = [];

beforeAll(async () => {
  [zookeeper, server] = await Promise.all([startZooKeeper(), startServer()]);
  await server.query('CREATE DATABASE waymark');
  await server.query(electionTable('waymark').sql);
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((elections) => elections.close()));
});

afterAll(async () => {
  await Promise.all([zookeeper.stop(), server.stop()]);
});

const backends: readonly [string, () => Backend][] = [
  [
    'ZooKeeper',
    () => ({
      elections: (self) =>
        zookeeperElections({ connect: zookeeper.connectString, root: '/waymark', self, logger, ...times }),
      freeze: () => zookeeper.freeze(),
      resume: () => zookeeper.resume(),
    }),
  ],
  [
    'MySQL',
    () => ({
      elections: (self) =>
        mysqlElections({
          tables: { server: parseAddress(server.address), schema: 'waymark' },
          account: { user: server.user, password: new Secret(server.password), getServerPublicKey: true },
          self,
          logger,
          ...times,
        }),
      freeze: () => server.freeze(),
      resume: () => server.resume(),
    }),
  ],
];

describe.each(backends)('an election in %s', (_name, backendOf) => {
  /** An agent, on a host of its own so that one process can play several. */
  function agent(host: string): Elections {
    const run = randomBytes(4).toString('hex');
    const elections = backendOf().elections({ host, pid: process.pid, run });
    open.push(elections);
    return elections;
  }

  const newStream = (): string => `stream-${String((nextStream += 1))}`;

  /** Whether a campaign has been won yet. */
  function observed(campaign: Promise<Leadership>): { readonly won: Leadership | null } {
    const state: { won: Leadership | null } = { won: null };
    campaign.then(
      (leadership) => (state.won = leadership),
      () => undefined,
    );
    return state;
  }

  it('has one leader; who gives up lets the next one lead, with a larger token', async () => {
    const stream = newStream();
    const [one, other] = [agent('one'), agent('other')];
    const first = await one.of(stream).campaign(signal);
    const waiting = observed(other.of(stream).campaign(signal));
    first.assertHeld();
    expect(await other.of(stream).show(signal)).toMatchObject({
      ...{ leader: { host: 'one' }, mine: false, token: first.token },
    });
    await new Promise((resolve) => setTimeout(resolve, times.timeoutMs + 2_000));
    first.assertHeld();
    expect(waiting.won).toBeNull();
    await first.resign();
    expect(() => {
      first.assertHeld();
    }).toThrow(expect.objectContaining({ code: 'not-leader' }) as Error);
    await expect.poll(() => waiting.won, { timeout: 20_000 }).not.toBeNull();
    expect(waiting.won?.token).toBeGreaterThan(first.token);
    expect(await one.of(stream).show(signal)).toMatchObject({ leader: { host: 'other' }, mine: false });
    expect(await other.of(stream).show(signal)).toMatchObject({ mine: true });
  });

  it('is taken over by force, and held anew', async () => {
    const stream = newStream();
    const [one, two, three] = [agent('one'), agent('two'), agent('three')];
    const first = await one.of(stream).campaign(signal);
    const second = observed(two.of(stream).campaign(signal));
    await expect
      .poll(async () => (await two.of(stream).show(signal)).waiting?.length ?? 1, { timeout: 20_000 })
      .toBe(1);
    const third = observed(three.of(stream).campaign(signal));
    await expect
      .poll(async () => (await two.of(stream).show(signal)).waiting?.length ?? 2, { timeout: 20_000 })
      .toBe(2);

    const taken = await agent('command-line').of(stream).take('three', signal);
    expect(taken.leader?.host).toBe('three');
    expect(first.lost.aborted).toBe(true);
    await expect.poll(() => third.won, { timeout: 20_000 }).not.toBeNull();
    expect(third.won?.token).toBeGreaterThan(first.token);
    expect(second.won).toBeNull();

    await expect(agent('command-line').of(stream).stepDown('one', signal)).rejects.toThrow(
      expect.objectContaining({ code: 'not-leader' }) as Error,
    );
    const next = await agent('command-line').of(stream).stepDown(null, signal);
    expect(next.leader?.host).toBe('two');
    await expect.poll(() => second.won, { timeout: 20_000 }).not.toBeNull();
    expect(second.won?.token).toBeGreaterThan(third.won?.token ?? Number.POSITIVE_INFINITY);
  });

  it('ends a campaign with its signal, and leaves nothing in the way of others', async () => {
    const stream = newStream();
    const [one, two, three] = [agent('one'), agent('two'), agent('three')];
    const first = await one.of(stream).campaign(signal);
    const stop = new AbortController();
    const second = two.of(stream).campaign(stop.signal);
    const third = observed(three.of(stream).campaign(signal));
    stop.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    await first.resign();
    await expect.poll(() => third.won, { timeout: 20_000 }).not.toBeNull();
  });

  it('is lost by our own clock before the backend lets anybody else lead, and won again', async () => {
    const { freeze, resume } = backendOf();
    const stream = newStream();
    const one = agent('one');
    const leadership = await one.of(stream).campaign(signal);
    await freeze();
    try {
      const frozenAt = performance.now();
      await expect.poll(() => leadership.lost.aborted, { timeout: 20_000, interval: 20 }).toBe(true);
      // The last renewal was sent before the freeze.
      expect(performance.now() - frozenAt).toBeLessThan(times.timeoutMs);
      expect(leadership.lost.reason).toMatchObject({ code: 'not-leader' });
    } finally {
      await resume();
    }
    const again = await one.of(stream).campaign(signal);
    expect(again.token).toBeGreaterThan(leadership.token);
  });

  it('knows the agents that live', async () => {
    const [one, two] = [agent('host-a'), agent('host-b')];
    await one.join(signal);
    await two.join(signal);
    const hosts = async (): Promise<string[]> => (await one.agents(signal)).map(({ host }) => host);
    expect(await hosts()).toEqual(expect.arrayContaining(['host-a', 'host-b']));
    await two.close();
    await expect.poll(hosts, { timeout: 20_000 }).not.toContain('host-b');
  });
});

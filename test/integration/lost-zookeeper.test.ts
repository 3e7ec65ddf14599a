import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { zookeeperStore } from '../../src/checkpoint/zookeeper-store.js';
import { Secret } from '../../src/config/secret.js';
import type { Elections } from '../../src/election/election.js';
import { ownAgentId } from '../../src/election/agent-id.js';
import { zookeeperElections } from '../../src/election/zookeeper-election.js';
import { type ErrorCode, WaymarkError } from '../../src/util/errors.js';
import { type OwnedZooKeeper, startZooKeeper } from '../servers/index.js';
import { checkpointOf } from '../unit/checkpoint/samples.js';

/** Everything that waits on ZooKeeper, with ZooKeeper lost in each of the ways. */

const { signal } = new AbortController();
const logger = { info: () => undefined, warn: () => undefined };
const sessionTimeoutMs = 4000;
/** Longer than any operation's own limit, with a busy machine's share. */
const patienceMs = 5000 + 8000;

let zookeeper: OwnedZooKeeper;
let roots = 0;

beforeAll(async () => {
  zookeeper = await startZooKeeper();
});

afterAll(async () => {
  await zookeeper.stop();
});

type Account = { readonly user: string; readonly password: Secret } | undefined;

const openStore = async (root: string, auth?: Account) => {
  const store = zookeeperStore({
    ...{ connect: zookeeper.connectString, root, stream: 'shop', sessionTimeoutMs, auth, logger },
  });
  try {
    await store.open(signal);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
};

const electionsAt = (root: string, auth?: Account): Elections =>
  zookeeperElections({
    ...{ connect: zookeeper.connectString, root, auth, self: ownAgentId(), logger },
    ...{ timeoutMs: sessionTimeoutMs, intervalMs: 300, marginMs: 1000 },
  });

/** How ZooKeeper is lost. */
const faults = {
  killed: { lose: () => zookeeper.kill(), mend: () => zookeeper.restart() },
  frozen: { lose: () => zookeeper.freeze(), mend: () => zookeeper.resume() },
} as const;

/** What waits on it: what must stand before it is lost, and what is asked then. */
type Operation = {
  readonly name: string;
  readonly code: ErrorCode;
  readonly prepare: (root: string) => Promise<{ run: () => Promise<unknown>; close: () => Promise<void> }>;
};

const store = (
  name: string,
  ask: (opened: Awaited<ReturnType<typeof openStore>>, version: string) => Promise<unknown>,
): Operation => ({
  name,
  code: 'checkpoint-store',
  prepare: async (root) => {
    const opened = await openStore(root);
    const version = await opened.save(checkpointOf([], { stream: 'shop' }), null, signal);
    return { run: () => ask(opened, version), close: () => opened.close() };
  },
});

const election = (name: string, ask: (elections: Elections) => Promise<unknown>): Operation => ({
  name,
  code: 'election-store',
  prepare: async (root) => {
    const elections = electionsAt(root);
    const leadership = await elections.of('shop').campaign(signal);
    await leadership.resign();
    return { run: () => ask(elections), close: () => elections.close() };
  },
});

const operations: readonly Operation[] = [
  {
    name: 'open a store',
    code: 'checkpoint-store',
    prepare: (root) =>
      Promise.resolve({
        run: async () => (await openStore(root)).close(),
        close: () => Promise.resolve(),
      }),
  },
  store('read a checkpoint', (opened) => opened.load(signal)),
  store('write a checkpoint', (opened, version) =>
    opened.save(checkpointOf([], { stream: 'shop', sequence: 13 }), version, signal),
  ),
  election('show who leads', (elections) => elections.of('shop').show(signal)),
  election('take the lead', (elections) => elections.of('shop').take('elsewhere', signal)),
  election('have the leader step down', (elections) => elections.of('shop').stepDown(null, signal)),
  election('list the agents', (elections) => elections.agents(signal)),
  election('join the agents', (elections) => elections.join(signal)),
];

async function outcomeOf(run: () => Promise<unknown>): Promise<{ error: unknown; ms: number }> {
  const startedAt = performance.now();
  const error = await run().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return { error, ms: performance.now() - startedAt };
}

describe.each(Object.entries(faults))('ZooKeeper is %s', (_, { lose, mend }) => {
  let prepared: Awaited<ReturnType<Operation['prepare']>> | null = null;
  let root = '';

  beforeEach(() => {
    root = `/lost${(roots += 1)}`;
  });

  afterEach(async () => {
    await mend();
    await prepared?.close();
    prepared = null;
  });

  test.each(operations)('$name', async ({ code, prepare }) => {
    prepared = await prepare(root);
    await lose();
    const { error, ms } = await outcomeOf(prepared.run);
    expect(error).toBeInstanceOf(WaymarkError);
    expect((error as WaymarkError).code).toBe(code);
    expect((error as WaymarkError).message).toContain(zookeeper.connectString);
    expect(ms).toBeLessThan(patienceMs);
  });
});

test('ZooKeeper refuses the account: the same codes, and it says that it is not allowed', async () => {
  const root = `/lost${(roots += 1)}`;
  const owner = await openStore(root, { user: 'owner', password: new Secret('one') });
  const stranger = { user: 'stranger', password: new Secret('other') };
  const elections = electionsAt(root, stranger);
  const refused = await openStore(root, stranger);
  try {
    await owner.save(checkpointOf([], { stream: 'shop' }), null, signal);
    for (const [run, code] of [
      [() => refused.load(signal), 'checkpoint-store'],
      [() => refused.save(checkpointOf([], { stream: 'shop' }), null, signal), 'checkpoint-store'],
      [() => elections.join(signal), 'election-store'],
    ] as const) {
      const { error } = await outcomeOf(run);
      expect(error).toMatchObject({ code });
      expect(String(error)).toContain('not allowed');
    }
  } finally {
    await Promise.all([owner.close(), refused.close(), elections.close()]);
  }
});

import { expect, test } from 'vitest';
import type { CheckpointStore } from '../../../src/checkpoint/checkpoint.js';
import { ZnodeRecord } from '../../../src/checkpoint/znode-record.js';
import { zookeeperStore } from '../../../src/checkpoint/zookeeper-store.js';
import { parseZooKeeperAddress } from '../../../src/config/zookeeper-address.js';
import { SocketConnection } from '../../../src/zookeeper/socket-connection.js';
import { ZooKeeperClient } from '../../../src/zookeeper/zookeeper-client.js';
import type { Machine } from '../../simulation/world/machine.js';
import { SimulatedZooKeeper } from '../../simulation/world/zookeeper.js';
import { settled, smallWorld } from '../simulation/small-world.js';
import { checkpointOf } from './samples.js';

const { signal } = new AbortController();
const bytes = (text: string): Buffer => Buffer.from(text);

/** A ZooKeeper, and processes that use it. */
function ensemble() {
  const { world, machines } = smallWorld('1', 4);
  const [machine, ...others] = machines as [Machine, Machine, Machine, Machine];
  const zookeeper = new SimulatedZooKeeper(world, others);
  const { addresses: connect, tree } = zookeeper;

  /** Runs work as a process of that name. */
  function processOf(name: string): <T>(work: () => Promise<T> | T) => Promise<T> {
    const process = machine.start(name);
    return (work) =>
      settled(
        world,
        process.run(async () => work()),
      );
  }

  /** A store of the same stream, opened by a process. */
  async function storeOf(name: string) {
    const as = processOf(name);
    const store = await as(() => zookeeperStore({ connect, root: '/waymark', stream: 'shop-audit' }));
    await as(() => store.open(signal));
    return <T>(work: (store: CheckpointStore) => Promise<T>): Promise<T> => as(() => work(store));
  }

  /** The znode `/layouts`, as a process sees it. */
  async function recordOf(name: string) {
    const as = processOf(name);
    const address = parseZooKeeperAddress(connect);
    const request = { address, sessionTimeoutMs: 10_000, digest: null, session: null };
    const client = await as(() => new ZooKeeperClient(SocketConnection.start(request)));
    await as(() => client.connected);
    const record = new ZnodeRecord(client, '/layouts', signal);
    return <T>(work: (record: ZnodeRecord, client: ZooKeeperClient) => Promise<T>): Promise<T> =>
      as(() => work(record, client));
  }

  return { tree, storeOf, recordOf };
}

test('layouts of an earlier leader are refused once a later one has claimed the checkpoint', async () => {
  const { tree, storeOf } = ensemble();
  const layouts = (): string | undefined => tree.get('/waymark/shop-audit/layouts')?.data.toString();
  const [earlier, later] = [await storeOf('earlier'), await storeOf('later')];
  // Before the first checkpoint there is no claim.
  await earlier((store) => store.saveLayouts(bytes('first'), 1, signal));
  const version = await earlier((store) => store.save(checkpointOf([], { fencingToken: 1 }), null, signal));
  await earlier((store) => store.saveLayouts(bytes('second'), 1, signal));
  expect(layouts()).toBe('second');
  await later((store) => store.save(checkpointOf([], { fencingToken: 2 }), version, signal));
  const late = earlier((store) => store.saveLayouts(bytes('late'), 1, signal));
  await expect(late).rejects.toMatchObject({ code: 'checkpoint-conflict', details: { stored: 2, own: 1 } });
  expect(layouts()).toBe('second');
  await later((store) => store.saveLayouts(bytes('third'), 2, signal));
  expect(layouts()).toBe('third');
});

test.each([
  ['made', null, 'theirs'],
  ['changed', 'old', 'theirs'],
  ['deleted', 'old', null],
])('a record that was %s after its version was read is not replaced', async (_what, before, after) => {
  const { tree, recordOf } = ensemble();
  const [mine, theirs] = [await recordOf('mine'), await recordOf('theirs')];
  const put = async (text: string | null): Promise<void> => {
    if (text === null) await theirs((_record, client) => client.delete('/layouts'));
    else await theirs(async (record) => record.replace(bytes(text), await record.version()));
  };
  if (before !== null) await put(before);
  const version = await mine((record) => record.version());
  expect(version === null).toBe(before === null);
  await put(after);
  expect(await mine((record) => record.replace(bytes('mine'), version))).toBe(false);
  expect(tree.get('/layouts')?.data.toString() ?? null).toBe(after);
  // The next version read is the one to replace.
  expect(await mine(async (record) => record.replace(bytes('mine'), await record.version()))).toBe(true);
  expect(tree.get('/layouts')?.data.toString()).toBe('mine');
});

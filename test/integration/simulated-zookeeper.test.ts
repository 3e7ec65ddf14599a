import { expect, test } from 'vitest';
import { parseZooKeeperAddress } from '../../src/config/zookeeper-address.js';
import { SocketConnection } from '../../src/zookeeper/socket-connection.js';
import type { SessionKey, ZnodeKind } from '../../src/zookeeper/zookeeper-calls.js';
import { type Reply, ZooKeeperClient } from '../../src/zookeeper/zookeeper-client.js';
import { startZooKeeper } from '../servers/index.js';
import { Machine } from '../simulation/world/machine.js';
import { Network } from '../simulation/world/network.js';
import { World } from '../simulation/world/world.js';
import { SimulatedZooKeeper } from '../simulation/world/zookeeper.js';

/** The simulated ZooKeeper says what the real one says. */

type Wanted = { readonly digest?: string; readonly session?: SessionKey };

/** What was answered, without what differs from run to run. */
type Said = readonly unknown[];

function clientOf(addresses: string, { digest, session }: Wanted = {}): ZooKeeperClient {
  const address = parseZooKeeperAddress(addresses);
  const request = { address, sessionTimeoutMs: 10_000, digest: digest ?? null, session: session ?? null };
  return new ZooKeeperClient(SocketConnection.start(request));
}

const bytes = (text: string): Buffer => Buffer.from(text);
const codeOf = (reply: Reply<unknown>): number => (reply.ok ? 0 : reply.code);
const versionOf = (reply: Reply<{ readonly version: number }>): number =>
  reply.ok ? reply.value.version : reply.code;
const namesOf = (reply: Reply<readonly string[]>): readonly string[] =>
  reply.ok ? reply.value.toSorted() : [String(reply.code)];

async function useNodes(addresses: string): Promise<Said> {
  const client = clientOf(addresses);
  await client.connected;
  const make = async (path: string, kind?: ZnodeKind): Promise<unknown> => {
    const reply = await client.create(path, bytes('x'), kind);
    return reply.ok ? reply.value : reply.code;
  };
  const said: unknown[] = [];
  said.push(await make('/a'), await make('/a'), await make('/none/a'));
  said.push(await make('/a/e', 'ephemeral'), await make('/a/e/x'));
  for (const again of [1, 2]) {
    const name = await make('/a/n-', 'ephemeral-sequential');
    said.push(again, name, codeOf(await client.delete(`/a/${String(name)}`)));
  }
  said.push(await make('/a/n-', 'ephemeral-sequential'), namesOf(await client.children('/a')));
  said.push(
    versionOf(await client.set('/a', bytes('y'), 0)),
    versionOf(await client.set('/a', bytes('z'), 0)),
  );
  said.push(versionOf(await client.set('/a', bytes('z'), -1)), codeOf(await client.delete('/a')));
  const [found, read] = [await client.exists('/a'), await client.get('/a')];
  said.push(versionOf(found), read.ok && found.ok && read.value.czxid === found.value.czxid);
  said.push(read.ok && read.value.data.toString());
  said.push(codeOf(await client.exists('/none')), codeOf(await client.get('/none')));
  said.push(codeOf(await client.set('/none', bytes(''), 0)), codeOf(await client.delete('/none')));
  said.push(namesOf(await client.children('/none')), codeOf(await client.sync('/none')));
  await client.close();
  const after = clientOf(addresses);
  await after.connected;
  await after.sync('/');
  said.push(namesOf(await after.children('/a')));
  await after.close();
  return said;
}

async function useWatches(addresses: string): Promise<Said> {
  const [client, other] = [clientOf(addresses), clientOf(addresses)];
  await Promise.all([client.connected, other.connected]);
  const said: unknown[] = [];
  const told = (what: string) => () => said.push(what);
  await client.exists('/w', told('made'));
  await client.get('/w', told('never'));
  await other.create('/w', bytes(''));
  await client.sync('/');
  await client.get('/w', told('changed'));
  await client.exists('/w', told('changed, too'));
  await other.set('/w', bytes('1'), -1);
  await other.set('/w', bytes('2'), -1);
  await client.sync('/');
  await client.get('/w', told('gone'));
  await other.create('/w/child', bytes(''));
  await client.sync('/');
  said.push('a child is nothing to it');
  await other.delete('/w/child');
  await other.delete('/w');
  await client.sync('/');
  await client.exists('/w', told('closed'));
  await client.close();
  await other.close();
  return said;
}

async function useAccounts(addresses: string): Promise<Said> {
  const [owner, other, nobody] = [
    clientOf(addresses, { digest: 'me:one' }),
    clientOf(addresses, { digest: 'you:two' }),
    clientOf(addresses),
  ];
  await Promise.all([owner.connected, other.connected, nobody.connected]);
  const said: unknown[] = [codeOf(await owner.create('/own', bytes('mine')))];
  for (const client of [other, nobody, owner]) {
    await client.sync('/');
    said.push(codeOf(await client.get('/own')), codeOf(await client.exists('/own')));
    said.push(namesOf(await client.children('/own')), codeOf(await client.set('/own', bytes(''), -1)));
    said.push(codeOf(await client.create('/own/x', bytes(''))), codeOf(await client.delete('/own/x')));
  }
  said.push(codeOf(await other.delete('/own')));
  for (const client of [owner, other, nobody]) await client.close();
  return said;
}

async function useSessions(addresses: string): Promise<Said> {
  const first = clientOf(addresses);
  const session = await first.connected;
  const said: unknown[] = [session.timeoutMs, codeOf(await first.create('/s', bytes(''), 'ephemeral'))];
  const second = clientOf(addresses, { session });
  said.push((await second.connected).id === session.id, (await first.lost).sessionExpired);
  await second.abandon();
  const third = clientOf(addresses, { session });
  said.push((await third.connected).id === session.id, codeOf(await third.exists('/s')));
  await third.close();
  const late = clientOf(addresses, { session });
  said.push((await late.lost).sessionExpired);
  const fresh = clientOf(addresses);
  await fresh.connected;
  await fresh.sync('/');
  said.push(codeOf(await fresh.exists('/s')));
  await fresh.close();
  return said;
}

/** What is said in a world. */
async function simulated(use: (addresses: string) => Promise<Said>): Promise<Said> {
  const world = new World('1');
  const network = new Network(world);
  const [agents, ...servers] = [1, 2, 3, 4].map(
    (number) =>
      new Machine({ world, network, name: `m${String(number)}`, address: `10.0.0.${String(number)}` }),
  );
  const zookeeper = new SimulatedZooKeeper(world, servers);
  let said: Said | null = null;
  const all = agents!.start('clients').run(() => use(zookeeper.addresses));
  void all.then((value) => (said = value));
  await world.run({ forMs: 60_000, until: () => said !== null });
  expect(said).not.toBeNull();
  return all;
}

test('the simulated ZooKeeper says what ZooKeeper says', async () => {
  const zookeeper = await startZooKeeper();
  try {
    for (const use of [useNodes, useWatches, useAccounts, useSessions]) {
      const said = await use(zookeeper.connectString);
      expect(said.length).toBeGreaterThan(5);
      expect(await simulated(use)).toEqual(said);
    }
  } finally {
    await zookeeper.stop();
  }
});

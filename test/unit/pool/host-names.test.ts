import { pino } from 'pino';
import { expect, test } from 'vitest';
import { formatAddress, parseAddress } from '../../../src/config/address.js';
import { Secret } from '../../../src/config/secret.js';
import { addressesOf, HostNames, isHostName, type NamedServer } from '../../../src/pool/host-names.js';
import { runIn } from '../../../src/runtime/runtime.js';
import { nodeRuntime } from '../../../src/runtime/node.js';
import { Database } from '../../simulation/database.js';
import type { Machine } from '../../simulation/world/machine.js';
import { modelOf } from '../simulation/models.js';
import { smallWorld } from '../simulation/small-world.js';

const account = { user: 'waymark', password: new Secret('any') };

/** An agent that resolves names, in a world with a database on every other machine. */
function stage(configured: readonly NamedServer[], dropAfterMs = 60_000) {
  const { world, network, machines } = smallWorld('1', 20);
  const [here, ...others] = machines as [Machine, ...Machine[]];
  const databases = others.map(
    (machine, index) => new Database(modelOf('mysql', index + 2), machine, () => null),
  );
  for (const database of databases) database.start();
  const agent = here.start('agent');
  const log: string[] = [];
  const logger = pino(
    { level: 'info' },
    {
      write: (line: string) => {
        const { event, server, name } = JSON.parse(line) as Record<string, string>;
        log.push(`${event} ${server ?? name}`);
      },
    },
  );
  const seen: { found: string[] } = { found: [] };
  const names = new HostNames({
    configured: () => configured,
    ...{ dropAfterMs, logger },
    onChange: (found) => {
      seen.found = found.map(({ address, of }) => `${formatAddress(address)} of ${of ?? 'none'}`);
    },
  });
  const stop = new AbortController();
  const begin = (): void => {
    agent.run(() => void names.begin(stop.signal).then(() => names.run(account, stop.signal)));
  };
  const at = (...numbers: number[]): string[] =>
    numbers.map((number) => `10.0.0.${number}:3306 of pool:3306`);
  const point = (...numbers: number[]): void => {
    network.name(
      'pool',
      numbers.map((number) => machines[number - 1]!),
    );
  };
  return { world, network, databases, agent, names, seen, log, begin, at, point };
}

const pool: NamedServer = { address: parseAddress('pool') };

test('each address is a member; new ones join, and one leaves when it is gone for good', async () => {
  const { world, seen, log, databases, begin, at, point } = stage([
    pool,
    { address: parseAddress('10.0.0.9') },
  ]);
  point(3, 2);
  begin();
  await world.run({ forMs: 2000 });
  expect(seen.found).toEqual(at(2, 3));
  point(4, 3);
  await world.run({ forMs: 10_000 });
  // It answers.
  expect(seen.found).toEqual(at(2, 3, 4));
  await world.run({ forMs: 120_000 });
  expect(seen.found).toEqual(at(2, 3, 4));
  databases[0]?.kill();
  await world.run({ forMs: 50_000 });
  expect(seen.found).toEqual(at(2, 3, 4));
  await world.run({ forMs: 20_000 });
  expect(seen.found).toEqual(at(3, 4));
  // The name has it although it is dead.
  databases[1]?.kill();
  await world.run({ forMs: 120_000 });
  expect(seen.found).toEqual(at(3, 4));
  expect(log).toEqual([
    ...['member.discovered 10.0.0.2:3306', 'member.discovered 10.0.0.3:3306'],
    ...['member.discovered 10.0.0.4:3306', 'member.dropped 10.0.0.2:3306'],
  ]);
});

test('nobody leaves while the name is not resolved, or while no server answers', async () => {
  const { world, seen, log, databases, begin, at, point } = stage([pool]);
  begin();
  await world.run({ forMs: 20_000 });
  // The configured server is a member itself.
  expect(seen.found).toEqual([]);
  expect(log).toEqual(['name.unresolved pool']);
  point(2, 3);
  await world.run({ forMs: 10_000 });
  expect(seen.found).toEqual(at(2, 3));
  databases[0]?.kill();
  point();
  await world.run({ forMs: 120_000 });
  expect(seen.found).toEqual(at(2, 3));
  databases[1]?.kill();
  point(3);
  await world.run({ forMs: 120_000 });
  expect(seen.found).toEqual(at(2, 3));
  expect(log.slice(3)).toEqual(['name.unresolved pool']);
});

test("the source's name counts if it has several addresses; what the checkpoint names is a member", async () => {
  const source: NamedServer = { address: parseAddress('pool'), onlySeveral: true };
  const { world, seen, log, agent, names, begin, at, point } = stage([
    source,
    { address: parseAddress('m7') },
  ]);
  point(2);
  begin();
  await world.run({ forMs: 10_000 });
  expect(seen.found).toEqual(['10.0.0.7:3306 of m7:3306']);
  point(2, 3);
  await world.run({ forMs: 10_000 });
  expect(seen.found).toEqual(['10.0.0.7:3306 of m7:3306', ...at(2, 3)]);
  agent.run(() => {
    for (const known of ['10.0.0.2', '10.0.0.8', 'm7']) names.remember(parseAddress(known));
  });
  expect(seen.found.slice(3)).toEqual(['10.0.0.8:3306 of none']);
  expect(log.at(-1)).toBe('member.discovered 10.0.0.8:3306');
});

test('there is room for so many', async () => {
  const { world, seen, log, begin, at, point } = stage([pool]);
  const numbers = Array.from({ length: 18 }, (_, index) => index + 2);
  point(...numbers);
  begin();
  await world.run({ forMs: 20_000 });
  const first = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 2, 3, 4, 5, 6, 7];
  expect(seen.found).toEqual(at(...first));
  expect(log.slice(16)).toEqual(['member.unfit 10.0.0.8:3306', 'member.unfit 10.0.0.9:3306']);
});

test('only host names are resolved, and of two families the one that the system prefers counts', async () => {
  expect(['db1', '10.0.0.1', '[::1]', 'unix:/run/db'].map((text) => isHostName(parseAddress(text)))).toEqual([
    ...[true, false, false, false],
  ]);
  const found = (...addresses: string[]): Promise<string[]> =>
    runIn(
      {
        ...nodeRuntime,
        network: { ...nodeRuntime.network, addressesOf: () => Promise.resolve(addresses) },
      },
      async () => (await addressesOf(parseAddress('db1:7'), new AbortController().signal)).map(formatAddress),
    );
  expect(await found('10.0.0.2', 'fd00::2', '10.0.0.1', '10.0.0.2')).toEqual(['10.0.0.1:7', '10.0.0.2:7']);
  expect(await found('fd00::2', '10.0.0.2')).toEqual(['[fd00::2]:7']);
});

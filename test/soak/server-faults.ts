import type { Random } from '../support/random.js';
import { atServer, drawServer, nothing } from './aims.js';
import { killConnections } from './connections.js';
import type { Host } from './host.js';
import type { Act, Fault } from './stage.js';

/** A server that is away for a while. */
function away(what: string, random: Random, holdMs: number, end: (host: Host) => Promise<void>): Act {
  const begin = async (host: Host): Promise<() => Promise<void>> => {
    await end(host);
    return () => host.start();
  };
  return { what, holdMs, aim: atServer(drawServer(random), begin) };
}

export const serverFaults: readonly Fault[] = [
  {
    name: 'server killed',
    weight: 5,
    draw: (random) => away('killed', random, random.between(0, 5000), (host) => host.kill()),
  },
  {
    name: 'server terminated',
    weight: 2,
    draw: (random) => away('terminated', random, random.between(0, 5000), (host) => host.terminate()),
  },
  {
    name: 'server restarted',
    weight: 1.5,
    draw: (random) => away('restarted', random, 0, (host) => host.terminate()),
  },
  {
    name: 'server frozen',
    weight: 3,
    draw: (random) => ({
      what: 'frozen',
      holdMs: random.between(200, 7000),
      aim: atServer(drawServer(random), async ({ server }) => {
        await server.freeze();
        return () => server.resume();
      }),
    }),
  },
  {
    name: 'dump connection killed',
    weight: 2,
    draw: () => ({
      what: 'the dump connection killed',
      holdMs: 0,
      aim: atServer({ role: 'the replica that is read', number: 0 }, async ({ server }) => {
        await killConnections(server, (command) => command.startsWith('Binlog Dump'));
        return nothing;
      }),
    }),
  },
];

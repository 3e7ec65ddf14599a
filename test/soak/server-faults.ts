import {
  type ReplicationThread,
  startReplication,
  stopReplication,
  type TestServer,
} from '../servers/index.js';
import type { Random } from '../support/random.js';
import { agentAccount } from '../support/grants.js';
import type { Act, Fault, Role, Stage } from './stage.js';

const threads: readonly (ReplicationThread | 'both')[] = ['sql', 'io', 'both'];

/** What is undone at once has nothing to undo. */
const nothing = (): Promise<void> => Promise.resolve();

/** Most faults hit the server that the stream is read from: they are what it is about. */
function anyServer(random: Random): Role {
  const fraction = random.fraction();
  if (fraction < 0.5) return 'the replica that is read';
  return fraction < 0.8 ? 'another replica' : 'source';
}

function anyReplica(random: Random): Role {
  return random.chance(0.6) ? 'the replica that is read' : 'another replica';
}

/** A server that is away for a while. */
function away(what: string, random: Random, end: (server: TestServer) => Promise<void>): Act {
  return {
    what,
    to: anyServer(random),
    holdMs: random.between(0, 6000),
    async begin(server) {
      await end(server);
      return () => server.restart();
    },
  };
}

export const serverFaults: readonly Fault[] = [
  { name: 'server killed', weight: 5, draw: (random) => away('killed', random, (server) => server.kill()) },
  {
    name: 'server terminated',
    weight: 2,
    draw: (random) => away('terminated', random, (server) => server.stop()),
  },
  {
    name: 'server restarted',
    weight: 1,
    draw: (random) => ({ ...away('restarted', random, (server) => server.stop()), holdMs: 0 }),
  },
  {
    name: 'server frozen',
    weight: 3,
    draw: (random) => ({
      what: 'frozen',
      to: anyServer(random),
      holdMs: random.between(200, 8000),
      async begin(server) {
        await server.freeze();
        return () => server.resume();
      },
    }),
  },
  {
    name: 'replication stopped',
    weight: 2,
    draw(random) {
      const which = random.pick(threads);
      const thread = which === 'both' ? undefined : which;
      return {
        what: `replication stopped (${which})`,
        to: anyReplica(random),
        holdMs: random.between(500, 9000),
        async begin(server) {
          await stopReplication(server, thread);
          return () => startReplication(server, thread);
        },
      };
    },
  },
  {
    name: 'logs rotated',
    weight: 2,
    draw(random) {
      const times = random.between(1, 4);
      return {
        what: `logs rotated (${times} times)`,
        to: anyServer(random),
        holdMs: 0,
        async begin(server) {
          for (let time = 0; time < times; time += 1) await server.query('FLUSH LOCAL BINARY LOGS');
          return nothing;
        },
      };
    },
  },
  {
    name: 'logs purged',
    weight: 1,
    draw: (_random, stage) => ({
      what: `logs purged that are older than ${keptSeconds} s, everywhere`,
      to: 'everybody',
      holdMs: 0,
      alone: true,
      async begin() {
        await purge(stage);
        return nothing;
      },
    }),
  },
  {
    name: 'dump connection killed',
    weight: 2,
    draw: () => ({
      what: 'the dump connection killed',
      to: 'the replica that is read',
      holdMs: 0,
      async begin(server) {
        await killConnections(server, (command) => command.startsWith('Binlog Dump'));
        return nothing;
      },
    }),
  },
];

/** What the agent's trail needs is younger: two hints, and a thousand transactions. */
const keptSeconds = 45;

/** The files that nobody needs any more; each server rotates first, so that there are some. */
async function purge({ topology }: Stage): Promise<void> {
  for (const server of topology.servers) {
    await server.query(`PURGE BINARY LOGS BEFORE NOW() - INTERVAL ${keptSeconds} SECOND`);
    await server.query('FLUSH LOCAL BINARY LOGS');
  }
}

/** Kills the agent's connections to a server whose command is accepted; resolves with how many there were. */
export async function killConnections(
  server: TestServer,
  accepts: (command: string) => boolean,
): Promise<number> {
  const list = await server.query<{ Id: number; User: string; Command: string }>('SHOW PROCESSLIST');
  const mine = list.filter(({ User, Command }) => User === agentAccount.user && accepts(Command));
  for (const { Id } of mine) {
    // It may have ended by itself.
    await server.query(`KILL CONNECTION ${Id}`).catch(() => undefined);
  }
  return mine.length;
}

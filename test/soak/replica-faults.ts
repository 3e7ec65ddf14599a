import {
  type BinlogPosition,
  type ReplicationThread,
  replicationStatus,
  startReplication,
  stopReplication,
  type TestServer,
  waitUntilApplied,
} from '../servers/index.js';
import { until } from '../servers/wait.js';
import type { Random } from '../support/random.js';
import { moveBelow } from '../support/repoint.js';
import { WaymarkError } from '../../src/util/errors.js';
import { isPassing } from '../support/load-writer.js';
import { at, atServer, drawReplica, nothing } from './aims.js';
import type { Host } from './host.js';
import type { Act, Fault, Stage, Undo } from './stage.js';
import { errantWriter } from './verdict.js';

/** A log that is younger than this may lack what the agents' trail needs. */
const historyMs = 60_000;

/** Whoever reads a server meets what was written there within this, or has left it. */
const namedMs = 180_000;

export const replicaFaults: readonly Fault[] = [
  { name: 'applier stopped', weight: 2, draw: (random) => stopped('the applier', 'sql', random) },
  { name: 'receiver stopped', weight: 2, draw: (random) => stopped('the receiver', 'io', random) },
  {
    name: 'errant transaction',
    weight: 2,
    draw: (random) => ({
      what: 'an errant transaction',
      holdMs: 0,
      aim: atServer(drawReplica(random), writeErrant),
    }),
  },
  {
    name: 'rebuilt from a copy',
    weight: 0.7,
    unable: ({ replicas }) =>
      replicas.some(({ rebuiltAtMs }) => performance.now() - rebuiltAtMs < historyMs)
        ? 'the last rebuild was less than a minute ago'
        : null,
    draw(random) {
      const [isRead, number] = [random.chance(0.6), random.between(0, 5)];
      return {
        what: 'a replica lost, and rebuilt from a copy of another',
        holdMs: 0,
        alone: true,
        aim: at('two replicas', async (stage) => {
          const [lost, copied] = pairOf(stage, isRead, number);
          await rebuild(lost, copied, stage.source);
          return nothing;
        }),
      };
    },
  },
  {
    name: 'replica repointed',
    weight: 1,
    draw(random) {
      const number = random.between(0, 5);
      return {
        what: 'the replica that is read moved below another (waymark repoint)',
        holdMs: random.between(500, 3000),
        alone: true,
        aim: at('two replicas', (stage) => repoint(stage, number)),
      };
    },
  },
];

function stopped(name: string, thread: ReplicationThread, random: Random): Act {
  return {
    what: `${name} stopped`,
    holdMs: random.between(500, 8000),
    aim: atServer(drawReplica(random), async ({ server }) => {
      await stopReplication(server, thread);
      return () => startReplication(server, thread);
    }),
  };
}

/** The replica that is read, or another one, and one more. */
function pairOf({ replicas, read }: Stage, isRead: boolean, number: number): readonly [Host, Host] {
  const others = replicas.filter((one) => one !== read);
  const [other, third] = number % 2 === 0 ? others : others.toReversed();
  const [one, two] = isRead ? [read, other] : [other, third];
  if (one === undefined || two === undefined) throw new Error('there are too few replicas');
  return [one, two];
}

/** Writes a row on a replica, and takes it away again once the agents have named it or have left the server. */
async function writeErrant({ server, address }: Host, stage: Stage): Promise<Undo> {
  const named = (): number =>
    stage.agents.events('transaction.errant').filter((event) => event['server'] === address).length;
  const before = named();
  await writeBeside(server, `INSERT INTO shop.journal VALUES (${errantWriter}, NULL, 'errant')`);
  const errant = { server: address, named: false };
  stage.errant.push(errant);
  return async () => {
    const done = (): Promise<boolean> => {
      errant.named = named() > before;
      return Promise.resolve(errant.named || stage.agents.reading !== address);
    };
    await until(`the agents name an errant transaction of ${address}`, done, { timeoutMs: namedMs });
    await writeBeside(server, `DELETE FROM shop.journal WHERE writer = ${errantWriter}`);
  };
}

/** Runs a statement until it isn't the victim of a deadlock with the applier. */
function writeBeside(server: TestServer, sql: string): Promise<true> {
  return until(sql, async () => {
    try {
      await server.query(sql);
      return true;
    } catch (error) {
      if (isPassing(error)) return false;
      throw error;
    }
  });
}

/** As after the loss of a disk: a cold copy of another replica, without its logs, and replication from there on. */
async function rebuild(lost: Host, copied: Host, source: Host): Promise<void> {
  await lost.kill();
  await stopReplication(copied.server);
  const place = placeOf(copied, await replicationStatus(copied.server));
  await copied.terminate();
  await lost.server.copyData(copied.server);
  await copied.start();
  await lost.start();
  lost.rebuiltAtMs = performance.now();
  await stopReplication(lost.server);
  await lost.query(lost.server.vendor === 'mariadb' ? 'RESET SLAVE' : 'RESET REPLICA');
  await lost.replicateFrom(source, place);
  await waitUntilApplied(lost.server, source.server);
}

/** MariaDB's copy knows its place by GTID. */
function placeOf(
  { name, server }: Host,
  status: { readonly executed: BinlogPosition } | undefined,
): BinlogPosition | undefined {
  if (server.vendor === 'mariadb') return undefined;
  if (status === undefined) throw new Error(`${name} is no replica`);
  return status.executed;
}

/** Moves the replica that is read below another one, and later back below the source. */
async function repoint(stage: Stage, number: number): Promise<Undo> {
  const [moved, below] = pairOf(stage, true, number);
  await move(moved, below);
  stage.orders.count('repoint done');
  return async () => {
    try {
      await move(moved, stage.source);
      stage.orders.count('repoint done');
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      // The source's log has statements that were rolled back, which nobody can compare: the move is refused by right.
      stage.orders.count('repoint refused: unsupported-event');
      await moved.replicateFrom(stage.source);
    }
  };
}

function isUnreadable(error: unknown): boolean {
  return (
    error instanceof Error && error.cause instanceof WaymarkError && error.cause.code === 'unsupported-event'
  );
}

async function move(moved: Host, below: Host): Promise<void> {
  const result = await moveBelow(moved, below);
  if (result.state !== 'moved')
    throw new Error(`${moved.name} was not moved below ${below.name}: ${result.state}`);
  if (result.plan.confidence !== 'exact') {
    throw new Error(
      `${moved.name} was moved below ${below.name} at a place that is ${result.plan.confidence}`,
    );
  }
}

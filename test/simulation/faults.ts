import type { Database } from './database.js';
import { createStatement, type TableDefinition } from './server/tables.js';
import type { Plan } from './plan.js';
import { promoteAfterDeath, promoteByPlan, promoteForAWhile } from './promotion.js';
import { uuidOf, type Stage } from './stage.js';
import type { Draws } from './world/draws.js';
import type { Machine } from './world/machine.js';

/** Something that goes wrong, and is over after some time by itself. */
export type Fault = {
  readonly name: string;
  /** How often it is drawn, beside the others. */
  readonly weight: number;
  /** Does it; what it was done to, or null where it can't be done now. */
  readonly make: (stage: Stage, draws: Draws) => string | null;
};

/** Others may lead by then: the default timeout of elections, and how much later a session may end. */
const longerThanLeaseMs = 12_000;

/** Before a leader asks whether the file was taken over, before it writes, and before it says that it has written. */
const momentsOfWrite = [
  /^renames \S+\.open to \S+\.busy$/,
  /^writes \/audit\/\S+\.ndjson$/,
  /^renames \S+\.busy to \S+\.open$/,
] as const;

/** So long after the load all faults are over at the latest: what comes then shows nothing that hasn't been seen. */
const calmAfterMs = { usually: 3000, frozenAgents: 15_000 } as const;

/** How long a fault lasts: mostly short, now and then long. */
function durationMs(stage: Pick<Stage, 'world' | 'plan'>, draws: Draws): number {
  const drawnMs = 50 + draws.exponential(draws.choice([300, 2000, 6000]));
  return Math.min(drawnMs, leftMs(stage, calmAfterMs.usually));
}

function leftMs({ world, plan }: Pick<Stage, 'world' | 'plan'>, afterLoadMs: number): number {
  return plan.loadMs + afterLoadMs - world.nowMs;
}

function oneOf<T>(several: readonly T[], draws: Draws): T | null {
  const [first, ...others] = several;
  return first === undefined ? null : draws.choice([first, ...others]);
}

/** A database that is up: mostly the one that is read. */
function someDatabase(stage: Stage, draws: Draws): Database | null {
  const { read } = stage;
  if (read?.isAwake === true && draws.chance(0.6)) return read;
  return oneOf(
    stage.databases.filter(({ isAwake }) => isAwake),
    draws,
  );
}

function someReplica(stage: Stage, draws: Draws): Database | null {
  const found = someDatabase(stage, draws);
  return found === stage.source ? null : found;
}

/** A replica from which nobody replicates: what happens to its log happens to no other server. */
function lastReplica(stage: Stage, draws: Draws): Database | null {
  const found = someReplica(stage, draws);
  const isLast = stage.databases.every(({ model }) => model.replication?.source !== found?.model);
  return isLast ? found : null;
}

/**
 * A replica that may write something of its own. If it became the source afterwards, others would get that from it. If
 * others become the source, only GTIDs tell what it wrote when.
 */
function errantReplica(stage: Stage, draws: Draws): Database | null {
  const { gtidMode, promotions } = stage.plan;
  const replica = promotions && !gtidMode ? null : lastReplica(stage, draws);
  return replica !== null && stage.isKnownAsReplica(replica) ? replica : null;
}

/** Whether another server may become the source now. */
function canPromote({ plan, source, isPaused }: Stage): boolean {
  return plan.promotions && source.isAwake && !isPaused;
}

/** A replica that may become the source. */
function someHeir(stage: Stage, draws: Draws): Database | null {
  return oneOf(
    stage.replicas.filter((one) => one.isAwake && stage.mayBecomeSource(one)),
    draws,
  );
}

function onDatabase(
  name: string,
  weight: number,
  choose: (stage: Stage, draws: Draws) => Database | null,
  act: (database: Database, stage: Stage, draws: Draws) => void,
): Fault {
  return {
    name,
    weight,
    make(stage, draws) {
      const database = choose(stage, draws);
      if (database === null) return null;
      act(database, stage, draws);
      return database.machine.name;
    },
  };
}

/** A server goes, and is there again after some time. */
function away(
  name: string,
  weight: number,
  choose: (stage: Stage, draws: Draws) => Database | null,
  end: (database: Database, draws: Draws) => void,
): Fault {
  return onDatabase(name, weight, choose, (database, { world, plan }, draws) => {
    end(database, draws);
    world.after(durationMs({ world, plan }, draws), `${database.machine.name}: is started`, () => {
      database.start();
    });
  });
}

/** Whether a copy of it can replicate from where it does. */
function canBeCopied({ source }: Stage, { model: { replication } }: Database): boolean {
  return replication?.source === source.model && !replication.hasGaps;
}

const replicationFaults: readonly Fault[] = [
  onDatabase('applier stopped', 3, someReplica, ({ machine, model }, { world, plan }, draws) => {
    model.replication?.stopApplier();
    world.after(durationMs({ world, plan }, draws), `${machine.name}: the applier starts`, () => {
      model.replication?.startApplier();
    });
  }),
  onDatabase('applier at a transaction that takes long', 3, someReplica, (database, stage, draws) => {
    const { machine, model } = database;
    const { replication } = model;
    if (replication?.heldDomain !== null) return;
    replication.heldDomain = stage.plan.domains === 2 ? draws.integer(0, 1) : 0;
    stage.witness.held(database);
    stage.world.after(durationMs(stage, draws), `${machine.name}: the transaction ends`, () => {
      replication.heldDomain = null;
      stage.witness.released(database);
    });
  }),
  onDatabase('applier slow', 3, someReplica, (database, { world, plan }, draws) => {
    database.slowness = draws.choice([20, 100]);
    world.after(durationMs({ world, plan }, draws), `${database.machine.name}: the applier is fast`, () => {
      database.slowness = 1;
    });
  }),
  onDatabase('receiver stopped', 2, someReplica, ({ machine, model }, { world, plan }, draws) => {
    model.replication?.stopReceiver();
    world.after(durationMs({ world, plan }, draws), `${machine.name}: the receiver starts`, () => {
      model.replication?.startReceiver();
    });
  }),
];

const databaseFaults: readonly Fault[] = [
  away('server killed', 5, someDatabase, (database) => {
    database.kill();
  }),
  away('server shut down', 2, someDatabase, (database) => {
    database.shutDown();
  }),
  away('server crashed, its log cut off', 3, lastReplica, (database, draws) => {
    database.crash(draws.integer(0, 3), draws.integer(0, 3));
  }),
  onDatabase(
    'server killed, which logs its last hint once more',
    2,
    lastReplica,
    (database, stage, draws) => {
      // A MariaDB replica that was killed between a statement's way into its log and the note of it does so.
      const repeats = stage.plan.vendor === 'mariadb';
      database.kill();
      stage.world.after(durationMs(stage, draws), `${database.machine.name}: is started`, () => {
        if (database.isUp) return;
        database.start();
        if (repeats) database.model.repeatLast();
      });
    },
  ),
  onDatabase('server frozen', 4, someDatabase, (database, stage, draws) => {
    database.freeze(durationMs(stage, draws));
  }),
  onDatabase('log rotated', 3, someDatabase, ({ model }) => {
    model.flushLogs();
  }),
  onDatabase('errant transaction', 2, errantReplica, (database, { errant }) => {
    errant.add(database);
    commitErrant(database.model);
  }),
  {
    name: 'source changed by plan',
    weight: 3,
    make(stage, draws) {
      const next = canPromote(stage) ? someHeir(stage, draws) : null;
      if (next !== null) promoteByPlan(stage, next);
      return next?.machine.name ?? null;
    },
  },
  {
    name: 'source changed and changed back while the agents stand still',
    weight: 3,
    make(stage, draws) {
      const heir = canPromote(stage) ? someHeir(stage, draws) : null;
      const { read } = stage;
      const isReadHeir =
        read !== null && read !== stage.source && read.isAwake && stage.mayBecomeSource(read);
      const next = heir !== null && isReadHeir && draws.chance(0.7) ? read : heir;
      if (next === null) return null;
      const forMs = 300 + draws.exponential(1000);
      const frozenMs = Math.min(
        forMs + 1000 + draws.exponential(3000),
        leftMs(stage, calmAfterMs.frozenAgents),
      );
      for (const agent of stage.agents) if (agent.agent !== null) agent.freeze(frozenMs);
      promoteForAWhile(stage, next, forMs);
      return next.machine.name;
    },
  },
  {
    name: 'source killed, another takes over',
    weight: 3,
    make(stage, draws) {
      if (!canPromote(stage) || someHeir(stage, draws) === null) return null;
      const { name } = stage.source.machine;
      promoteAfterDeath(stage, durationMs(stage, draws));
      return name;
    },
  },
  {
    name: 'server rebuilt from a copy of another',
    weight: 1.5,
    make(stage, draws) {
      const database = lastReplica(stage, draws);
      const from = oneOf(
        stage.replicas.filter((one) => one !== database && one.isAwake && canBeCopied(stage, one)),
        draws,
      );
      const keepsHistory = stage.replicas.some((one) => one !== database && !stage.rebuilt.has(one));
      // Where every log has begun anew, nobody can know the place.
      if (database === null || from === null || !keepsHistory) return null;
      stage.rebuilt.add(database);
      database.kill();
      const { machine, model } = database;
      stage.world.after(durationMs(stage, draws), `${machine.name}: is rebuilt`, () => {
        if (database.isUp) return;
        if (canBeCopied(stage, from)) {
          model.rebuild(from.model, uuidOf(model.serverId, 1 + draws.integer(1, 99_999)));
        }
        database.start();
      });
      return `${machine.name} from ${from.machine.name}`;
    },
  },
];

const networkFaults: readonly Fault[] = [
  {
    name: 'connection half-open',
    weight: 3,
    make(stage, draws) {
      const link = oneOf(stage.network.connections, draws);
      link?.silence();
      return link === null ? null : `${link.from.name} to ${link.to.name}`;
    },
  },
  {
    name: 'connection reset',
    weight: 3,
    make(stage, draws) {
      const link = oneOf(stage.network.connections, draws);
      link?.reset();
      return link === null ? null : `${link.from.name} to ${link.to.name}`;
    },
  },
  {
    name: 'two machines cut off from each other',
    weight: 4,
    make(stage, draws) {
      const zookeepers = stage.zookeeper?.servers.map(({ machine }) => machine) ?? [];
      const databases = stage.tables === null ? stage.databases : [...stage.databases, stage.tables];
      const machines: Machine[] = [...databases.map(({ machine }) => machine), ...zookeepers];
      const one = draws.chance(0.7) ? stage.home : stage.source.machine;
      const other = oneOf(
        machines.filter((machine) => machine !== one),
        draws,
      );
      if (other === null || !stage.network.isOpen(one, other)) return null;
      stage.network.cut(one, other);
      stage.world.after(durationMs(stage, draws), 'a cut ends', () => {
        stage.network.heal(one, other);
      });
      return `${one.name} and ${other.name}`;
    },
  },
  {
    name: 'network slow',
    weight: 1,
    make({ network, world, plan }, draws) {
      if (network.meanDelayMs > 1) return null;
      const { meanDelayMs, loss } = network;
      network.meanDelayMs = draws.choice([5, 50]);
      network.loss = draws.choice([0.01, 0.1]);
      world.after(durationMs({ world, plan }, draws), 'the network is fast again', () => {
        Object.assign(network, { meanDelayMs, loss });
      });
      return '';
    },
  },
];

const agentFaults: readonly Fault[] = [
  {
    name: 'agent killed',
    weight: 4,
    make(stage, draws) {
      const agent = oneOf(
        stage.agents.filter((one) => one.agent !== null),
        draws,
      );
      agent?.kill();
      return agent?.name ?? null;
    },
  },
  {
    name: 'agent terminated',
    weight: 2,
    make(stage, draws) {
      const agent = oneOf(
        stage.agents.filter((one) => one.agent !== null),
        draws,
      );
      agent?.terminate();
      return agent?.name ?? null;
    },
  },
  {
    name: 'agent frozen',
    weight: 4,
    make(stage, draws) {
      const agent = oneOf(
        stage.agents.filter((one) => one.agent !== null),
        draws,
      );
      const longMs = 10_000 + draws.exponential(20_000);
      const mostMs = leftMs(stage, calmAfterMs.frozenAgents);
      agent?.freeze(draws.chance(0.3) ? Math.min(longMs, mostMs) : durationMs(stage, draws));
      return agent?.name ?? null;
    },
  },
  {
    name: 'agent frozen within a write',
    weight: 4,
    make(stage, draws) {
      const agent = stage.agents.find(({ leads }) => leads);
      if (agent === undefined) return null;
      const moment = draws.choice(momentsOfWrite);
      agent.freezeAt((what) => moment.test(what), longerThanLeaseMs + draws.exponential(3000));
      return agent.name;
    },
  },
  {
    name: 'planned switch',
    weight: 2,
    make(stage, draws) {
      const agent = oneOf(stage.agents, draws);
      const member = oneOf(stage.members, draws);
      const life = agent?.agent ?? null;
      if (agent === null || member === null || life === null) return null;
      agent.order((signal) => life.switchTo({ host: member.machine.address, port: 3306 }, signal));
      return `${agent.name} to ${member.machine.name}`;
    },
  },
  {
    name: 'wall clock set',
    weight: 1,
    make(stage, draws) {
      const machine = oneOf([stage.home, ...stage.replicas.map((one) => one.machine)], draws);
      machine?.stepWallClock(draws.integer(-20_000, 20_000));
      return machine?.name ?? null;
    },
  },
  {
    name: 'power lost where the agents are',
    // Their locks hold for half a minute, in which nothing else happens.
    weight: 0.4,
    make({ home, world, plan }, draws) {
      if (!home.isUp) return null;
      home.losePower();
      world.after(durationMs({ world, plan }, draws), 'power is back', () => {
        home.boot();
      });
      return home.name;
    },
  },
  {
    name: 'disk full',
    weight: 1,
    make({ home: { fileSystem }, world, plan }, draws) {
      if (fileSystem.capacityBytes !== Infinity) return null;
      fileSystem.capacityBytes = fileSystem.usedBytes + draws.integer(0, 3000);
      world.after(durationMs({ world, plan }, draws), 'the disk has room', () => {
        fileSystem.capacityBytes = Infinity;
      });
      return '';
    },
  },
  {
    name: 'syncs fail',
    weight: 1,
    make({ home: { fileSystem }, world, plan }, draws) {
      if (fileSystem.syncFailures > 0) return null;
      fileSystem.syncFailures = 0.5;
      world.after(durationMs({ world, plan }, draws), 'syncs work', () => {
        fileSystem.syncFailures = 0;
      });
      return '';
    },
  },
  {
    name: 'disk slow',
    weight: 1,
    make({ home: { fileSystem }, world, plan }, draws) {
      if (fileSystem.syncMeanMs > 1) return null;
      fileSystem.syncMeanMs = draws.choice([30, 500]);
      world.after(durationMs({ world, plan }, draws), 'the disk is fast', () => {
        fileSystem.syncMeanMs = 0.5;
      });
      return '';
    },
  },
];

/** The server of the checkpoints and elections, when it is up. */
function tablesServer({ tables }: Stage): Database | null {
  return tables?.isAwake === true ? tables : null;
}

const tablesFaults: readonly Fault[] = [
  away('server of the checkpoints killed', 2, tablesServer, (database) => {
    database.kill();
  }),
  onDatabase('server of the checkpoints frozen', 2, tablesServer, (database, stage, draws) => {
    database.freeze(durationMs(stage, draws));
  }),
];

const zookeeperFaults: readonly Fault[] = [
  {
    name: 'ZooKeeper without a leader',
    weight: 2,
    make({ zookeeper, world, plan }, draws) {
      zookeeper?.away(durationMs({ world, plan }, draws));
      return zookeeper === null ? null : '';
    },
  },
  {
    name: 'session expired',
    weight: 2,
    make(stage, draws) {
      const { zookeeper } = stage;
      const session = oneOf(zookeeper?.sessions ?? [], draws);
      if (session === null) return null;
      zookeeper?.expire(session.id);
      stage.leaseEndedEarlyAtMs = stage.world.nowMs;
      return session.id.toString(16);
    },
  },
  {
    name: 'answers of ZooKeeper lost',
    weight: 2,
    make({ zookeeper, world, plan }, draws) {
      if (zookeeper === null || zookeeper.lostAnswers > 0) return null;
      zookeeper.lostAnswers = 0.3;
      world.after(durationMs({ world, plan }, draws), 'answers come', () => {
        zookeeper.lostAnswers = 0;
      });
      return '';
    },
  },
];

const consumerFaults: readonly Fault[] = [
  {
    name: 'consumer slow',
    weight: 2,
    make({ consumer, world, plan }, draws) {
      if (consumer === null || consumer.slowMs > 0) return null;
      consumer.slowMs = draws.choice([100, 1000, 5000]);
      world.after(durationMs({ world, plan }, draws), 'the consumer is fast again', () => {
        consumer.slowMs = 0;
      });
      return '';
    },
  },
  {
    name: 'answers of the consumer lost',
    weight: 2,
    make({ consumer, world, plan }, draws) {
      if (consumer === null || consumer.lostAnswers > 0) return null;
      consumer.lostAnswers = 0.3;
      world.after(durationMs({ world, plan }, draws), 'the consumer answers again', () => {
        consumer.lostAnswers = 0;
      });
      return '';
    },
  },
];

const faults: readonly Fault[] = [
  ...databaseFaults,
  ...replicationFaults,
  ...networkFaults,
  ...agentFaults,
  ...zookeeperFaults,
  ...tablesFaults,
  ...consumerFaults,
];

/** Those that make a server lag, or a stream that waits for something else. */
const lagFaults: readonly Fault[] = [
  ...replicationFaults,
  ...consumerFaults,
  ...agentFaults.filter(({ name }) => name === 'agent frozen' || name === 'disk slow'),
  ...networkFaults.filter(({ name }) => name === 'network slow'),
];

/** The faults that a plan draws from. */
export function possibleFaults(plan: Plan): readonly Fault[] {
  return plan.faults === 'lag' ? lagFaults : faults;
}

/** On a table that no other server has. */
function commitErrant(model: Database['model']): void {
  const after: TableDefinition = {
    schema: 'shop',
    name: `own_${String(model.serverId)}`,
    columns: [{ name: 'id', type: 'bigint', nullable: false }],
  };
  const known = model.data.definition(`${after.schema}.${after.name}`);
  if (known === null) {
    const sql = createStatement(after);
    model.commit({ kind: 'statement', schema: '', sql, alters: { before: null, after }, isHint: false });
    return;
  }
  const id = model.data.rows(`${after.schema}.${after.name}`).size + 1;
  model.commit({
    kind: 'group',
    steps: [{ kind: 'rows', table: known, operation: 'insert', rows: [{ before: null, after: [id] }] }],
    end: 'xid',
  });
}

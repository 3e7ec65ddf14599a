import type { ChangeRecord } from '../../src/records/record.js';
import { Database, databasePort } from './database.js';
import { LagWitness } from './lag-witness.js';
import type { Plan } from './plan.js';
import { SimulatedServer } from './server/server.js';
import { Workload } from './server/workload.js';
import { SupervisedAgent } from './supervised-agent.js';
import { Consumer } from './world/consumer.js';
import type { Draws } from './world/draws.js';
import { Machine } from './world/machine.js';
import { Network } from './world/network.js';
import { World } from './world/world.js';
import { SimulatedZooKeeper } from './world/zookeeper.js';

const auditPath = '/audit/audit.ndjson';

/** So long after its session was ended by force an agent knows of it at the latest: its lease is over by then. */
const learnsOfEndMs = 10_000;

/** All that there is in a run: servers, agents, what is between them, and who writes. */
export class Stage {
  readonly plan: Plan;
  readonly world: World;
  readonly network: Network;
  readonly databases: readonly Database[];
  /** Those that a stream may be read from. */
  readonly members: readonly Database[];
  /** Where the agents run. */
  readonly home: Machine;
  readonly agents: readonly SupervisedAgent[];
  readonly zookeeper: SimulatedZooKeeper | null;
  /** The server of the checkpoints and elections; null where they are elsewhere. It is no member. */
  readonly tables: Database | null;
  /** Where the records go; null: into a file. */
  readonly consumer: Consumer | null;
  readonly workload: Workload;
  readonly witness: LagWitness;
  /** Those whose logs have begun anew. */
  readonly rebuilt = new Set<Database>();
  /** Those that have written something as replicas. */
  readonly errant = new Set<Database>();
  /** When somebody ended a session of an agent that ZooKeeper had heard from: no lease holds against that. */
  leaseEndedEarlyAtMs = -Infinity;
  readonly #writing: Draws;
  #source: Database;
  /** When those that were the source ceased to be. */
  readonly #sourceUntilMs = new Map<Database, number>();
  #writes = true;
  #isPaused = false;

  constructor(seed: string, plan: Plan) {
    this.plan = plan;
    this.world = new World(seed);
    this.network = new Network(this.world);
    const databases = Array.from({ length: plan.replicas + 1 }, (_, index) => this.#database(index + 1));
    const [source, ...replicas] = databases;
    if (source === undefined) throw new Error('there is no source');
    this.databases = databases;
    this.witness = new LagWitness(this.world, databases);
    this.members = plan.sourceIsMember ? databases : replicas;
    this.#source = source;
    for (const { model } of replicas) {
      model.readOnly = true;
      model.replicateFrom(source.model, { by: 'place', place: source.model.binlog.end });
    }
    for (const database of databases) database.start();
    this.zookeeper =
      plan.store === 'zookeeper'
        ? new SimulatedZooKeeper(this.world, this.#machines('zookeeper', '10.0.2', 3))
        : null;
    this.tables = plan.store === 'mysql' ? this.#database(tablesNumber) : null;
    this.tables?.start();
    [this.home] = this.#machines('agents', '10.0.0', 1) as [Machine];
    this.home.fileSystem.makeFolder('/audit');
    this.consumer = plan.sink === 'file' ? null : new Consumer(this.world);
    this.agents = Array.from({ length: plan.agents }, (_, index) =>
      this.#agent(`agent-${String(index + 1)}`),
    );
    this.#writing = this.world.draws.fork('writing');
    const draws = this.world.draws.fork('workload');
    const choices = {
      int: (n: number) => draws.integer(0, n - 1),
      pick: <T>(list: readonly T[]): T => pickOf(list, draws),
    };
    this.workload = new Workload(source.model, choices, {
      writers: 4,
      hintEvery: plan.hintEvery,
      domains: plan.domains,
      mostRows: plan.mostRows,
    });
  }

  /** Where it is written. */
  get source(): Database {
    return this.#source;
  }

  get replicas(): readonly Database[] {
    return this.databases.filter((database) => database !== this.#source);
  }

  /** Whether its log is whole, and has nothing that others must not get from it. */
  mayBecomeSource(database: Database): boolean {
    return !this.rebuilt.has(database) && !this.errant.has(database);
  }

  /**
   * Whether what a replica writes now can be told from what it wrote as the source. A stream that was opened when the
   * server was the source takes all for the history (docs/limits.md).
   */
  isKnownAsReplica(database: Database): boolean {
    const untilMs = this.#sourceUntilMs.get(database);
    if (untilMs === undefined) return true;
    return this.world.nowMs > untilMs + 3000 && this.read !== database;
  }

  /** Whether nobody writes for now: another server is to become the source. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** The member that is read; null: none, or nobody knows. */
  get read(): Database | null {
    for (const { agent } of this.agents) {
      const server = agent?.status().server;
      const found = this.databases.find(({ address }) => address === server);
      if (found !== undefined) return found;
    }
    return null;
  }

  /** Those that say that they lead, when they are more than one and no session was ended by force lately. */
  get leadersAtOnce(): readonly string[] {
    // One agent may well lead alone.
    if (this.agents.length < 2 || this.world.nowMs < this.leaseEndedEarlyAtMs + learnsOfEndMs) return [];
    const leaders = this.agents.filter(({ leads }) => leads).map(({ name }) => name);
    return leaders.length > 1 ? leaders : [];
  }

  /** Starts the agents, and to write. */
  begin(): void {
    for (const agent of this.agents) agent.start();
    this.#write();
  }

  endWriting(): void {
    this.#writes = false;
  }

  pauseWriting(): void {
    this.#isPaused = true;
  }

  resumeWriting(): void {
    this.#isPaused = false;
  }

  /** It is written to another server from now on. */
  changeSource(next: Database): void {
    this.#sourceUntilMs.set(this.#source, this.world.nowMs);
    this.#source = next;
    this.workload.moveTo(next.model);
  }

  note(what: string): void {
    this.world.note(what);
  }

  /** How many records are delivered. */
  get lines(): number {
    const output = this.#output;
    let count = 0;
    for (let at = output.indexOf(0x0a); at >= 0; at = output.indexOf(0x0a, at + 1)) count += 1;
    return count;
  }

  /** What is delivered: the records of whole lines, and lines that are none. */
  get delivered(): { readonly records: readonly ChangeRecord[]; readonly broken: readonly string[] } {
    const records: ChangeRecord[] = [];
    const broken: string[] = [];
    for (const line of this.#output.toString().split('\n').slice(0, -1)) {
      try {
        records.push(JSON.parse(line) as ChangeRecord);
      } catch {
        broken.push(line);
      }
    }
    return { records, broken };
  }

  get #output(): Buffer {
    if (this.consumer !== null) return this.consumer.content;
    try {
      return this.home.fileSystem.content(auditPath);
    } catch {
      // Nobody has made it yet.
      return Buffer.alloc(0);
    }
  }

  #write(): void {
    this.world.after(this.#writing.exponential(this.plan.writeMs), 'somebody writes', () => {
      if (!this.#writes) return;
      if (this.source.isAwake && !this.#isPaused) this.workload.step();
      this.#write();
    });
  }

  #machines(name: string, net: string, count: number): Machine[] {
    const { world, network } = this;
    return Array.from({ length: count }, (_, index) => {
      const number = String(index + 1);
      return new Machine({ world, network, name: `${name}-${number}`, address: `${net}.${number}` });
    });
  }

  #database(number: number): Database {
    const { world, network, plan } = this;
    const name = `database-${String(number)}`;
    const machine = new Machine({ world, network, name, address: `10.0.1.${String(number)}` });
    const model = new SimulatedServer({
      vendor: plan.vendor,
      serverId: number,
      uuid: uuidOf(number, 0),
      ...{ host: machine.address, port: databasePort, nowMs: () => machine.epochMs },
      ...{ gtidMode: plan.gtidMode, keepsOrder: number === 1 || plan.keepsOrder },
      ...{ rowMetadata: rowMetadataOf(plan), mostRowBytes: plan.mostRowBytes },
      compresses: compresses(number, plan),
    });
    return new Database(
      model,
      machine,
      (host) => this.databases.find((one) => one.machine.address === host) ?? null,
    );
  }

  /** Where the checkpoint is, and where two agents elect one. */
  #storeConfig(): Record<string, unknown> {
    const { plan, zookeeper, tables } = this;
    const isElected = plan.agents === 2;
    switch (plan.store) {
      case 'file':
        return { checkpoint: { store: 'file', path: '/state' } };
      case 'zookeeper': {
        const connect = zookeeper?.addresses ?? '';
        const checkpoint = { store: 'zookeeper', connect, root: '/waymark' };
        return { checkpoint, ...(isElected ? { election: { backend: 'zookeeper', connect } } : {}) };
      }
      case 'mysql': {
        const server = tables?.address ?? '';
        const checkpoint = { store: 'mysql', server };
        return { checkpoint, ...(isElected ? { election: { backend: 'mysql', server } } : {}) };
      }
    }
  }

  #agent(name: string): SupervisedAgent {
    const { plan } = this;
    const config = {
      ...{ stream: 'simulation', user: 'waymark', password: 'any', getServerPublicKey: true },
      shadow: shadowOf(plan),
      servers: this.members.map(({ address }, priority) => (plan.failback ? { address, priority } : address)),
      ...{ start: 'earliest', anchors: plan.anchors, matching: { margin: plan.margin } },
      failover: {
        ...{ cooldown: '2s', stalledAfter: plan.faults === 'lag' ? '20s' : '3s' },
        ...(plan.failback ? { failbackAfter: '3s' } : {}),
      },
      ...this.#storeConfig(),
      sink: { type: 'file', path: auditPath },
    };
    const { home, consumer } = this;
    return new SupervisedAgent({
      ...{ name, machine: home, config, draws: this.world.draws.fork(name) },
      onLag: (from, to) => {
        const [left, next] = [from, to].map((name) => this.databases.find(({ address }) => address === name));
        if (left !== undefined && next !== undefined) this.witness.left(left, next);
      },
      ...(consumer === null ? {} : { sink: (process) => consumer.sink(process) }),
    });
  }
}

/** Of the server of checkpoints and elections. */
const tablesNumber = 100;

/** The UUID of a server in one of its lives. */
export function uuidOf(number: number, life: number): string {
  return `f9131de3-ec82-11f1-97d7-${String(life).padStart(6, '0')}${String(number).padStart(6, '0')}`;
}

/** The source, and every other replica. */
function compresses(number: number, { compression }: Plan): boolean {
  return compression === 'all' || (compression === 'some' && number % 2 === 1);
}

function shadowOf({ shadow }: Plan): false | true | { readonly rotate: string } {
  return shadow === 'in-turns' ? { rotate: '1s' } : shadow === 'one';
}

function rowMetadataOf({ vendor, rowMetadata }: Plan): 'FULL' | 'MINIMAL' | 'NO_LOG' {
  if (rowMetadata === 'FULL') return 'FULL';
  return vendor === 'mysql' ? 'MINIMAL' : 'NO_LOG';
}

function pickOf<T>(list: readonly T[], draws: Draws): T {
  const [first, ...others] = list;
  if (first === undefined) throw new RangeError('nothing to choose from');
  return draws.choice([first, ...others]);
}

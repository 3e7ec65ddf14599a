import { makeRunFolder, removeRunFolder } from './folders.js';
import { defaultKind, type ServerKind } from './kind.js';
import { launcher, requireServer } from './provider.js';
import { changeSource, replicationStatus, waitForReplication } from './replication.js';
import { createServer, type ServerHandle, type ServerPlan } from './server.js';
import type {
  AddOptions,
  OwnedEnsemble,
  OwnedZooKeeper,
  ServerOptions,
  ServerSettings,
  TestServer,
  TestZooKeeper,
  Topology,
  TopologyOptions,
  Vendor,
} from './types.js';
import { until } from './wait.js';
import { createEnsemble, createZooKeeper, type ZooKeeperHandle } from './zookeeper.js';

const WAIT_LIMIT_MS = 60_000;

/** Where Debian's client library has what MySQL's accounts need (caching_sha2_password). */
const BELOW_MYSQL: ServerSettings = { plugin_dir: '/usr/lib/x86_64-linux-gnu/libmariadb3/plugin' };

/** Ids are unique among all servers that this process starts: any may become a replica of any. */
let lastServerId = 0;

/** An id that no server has yet. */
export function nextServerId(): number {
  lastServerId += 1;
  return lastServerId;
}

/** Starts a source, its replicas (2 unless said) and, if asked for, a ZooKeeper; resolves when all replicate. */
export async function startTopology(options: TopologyOptions = {}): Promise<Topology> {
  const { settings = {}, replicas = 2 } = options;
  const zookeepers = Number(options.zookeeper ?? 0);
  if (zookeepers > 1) throw new Error('only a single ZooKeeper server can be started');
  const kind = kindOf(options);
  const folder = await makeRunFolder();
  const topology = new TopologyHandle(folder, { ...kind, settings: { ...kind.settings, ...settings } });
  try {
    const replicaSettings =
      typeof replicas === 'number' ? Array<ServerSettings>(replicas).fill({}) : replicas;
    await topology.start(options.source ?? {}, replicaSettings, zookeepers === 1);
    return topology;
  } catch (error) {
    await topology.stop();
    throw error;
  }
}

/** Starts one server that replicates from nobody. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const kind = kindOf(options);
  // Fails before there is a folder.
  await requireServer(kind.vendor, kind.version);
  const folder = await makeRunFolder();
  return createServer(await planServer(`single${lastServerId + 1}`, folder, kind, options.settings));
}

/** The kind that a test names, else the run's. */
function kindOf({ vendor, version }: { vendor?: Vendor; version?: string }): ServerKind {
  const kind = defaultKind();
  if (vendor === undefined) return kind;
  // A test that names the vendor of the run is about the version of the run.
  return { vendor, version: version ?? (vendor === kind.vendor ? kind.version : undefined), settings: {} };
}

async function planServer(
  name: string,
  folder: string,
  { vendor, version, settings }: ServerKind,
  own: ServerSettings = {},
): Promise<ServerPlan> {
  const installed = await requireServer(vendor, version);
  return {
    name,
    vendor,
    installed,
    launcher: launcher(),
    folder,
    serverId: nextServerId(),
    settings: { ...settings, ...own },
  };
}

/** Starts a ZooKeeper alone. */
export async function startZooKeeper(): Promise<OwnedZooKeeper> {
  const folder = await makeRunFolder();
  const server = await createZooKeeper(launcher(), folder);
  return Object.assign(server, {
    stop: async () => {
      await server.discard();
      await removeRunFolder(folder);
    },
  });
}

/** Starts an ensemble of ZooKeeper servers. */
export async function startZooKeeperEnsemble(size: number): Promise<OwnedEnsemble> {
  const folder = await makeRunFolder();
  const members = await createEnsemble(launcher(), folder, size);
  return {
    members,
    connectString: members.map(({ connectString }) => connectString).join(','),
    leader: () => {
      const leading = async (): Promise<TestZooKeeper | undefined> => {
        const modes = await Promise.all(members.map((member) => member.mode()));
        return members[modes.indexOf('leader')];
      };
      return until('the ensemble has a leader', leading, { timeoutMs: WAIT_LIMIT_MS });
    },
    stop: async () => {
      await Promise.all(members.map((member) => member.discard()));
      await removeRunFolder(folder);
    },
  };
}

class TopologyHandle implements Topology {
  /** Source first. */
  readonly #servers: ServerHandle[] = [];
  #zookeeper: ZooKeeperHandle | undefined;
  #replicasNamed = 0;

  constructor(
    private readonly folder: string,
    private readonly kind: ServerKind,
  ) {}

  get source(): TestServer {
    const [source] = this.#servers;
    if (source === undefined) throw new Error('the topology has no source: it has not been started');
    return source;
  }

  get replicas(): readonly TestServer[] {
    return this.#servers.slice(1);
  }

  get servers(): readonly TestServer[] {
    return [...this.#servers];
  }

  get zookeeper(): TestZooKeeper | undefined {
    return this.#zookeeper;
  }

  /** Everything at once; what has started by the time that something fails is ended by stop(). */
  async start(source: ServerSettings, replicas: ServerSettings[], withZooKeeper: boolean): Promise<void> {
    const plans = await Promise.all([
      planServer('source', this.folder, this.kind, source),
      ...replicas.map((settings) => this.#planReplica(settings, this.kind)),
    ]);
    const slots: ServerHandle[] = [];
    const starting = plans.map(async (plan, slot) => {
      slots[slot] = await createServer(plan);
    });
    if (withZooKeeper) {
      starting.push(
        createZooKeeper(launcher(), this.folder).then((handle) => {
          this.#zookeeper = handle;
        }),
      );
    }
    const results = await Promise.allSettled(starting);
    // Slots of servers that failed are empty, and flat() leaves them out.
    this.#servers.push(...slots.flat());
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    await Promise.all(this.replicas.map((replica) => this.#join(replica, this.source)));
  }

  async addReplica(settings: ServerSettings = {}, options: AddOptions = {}): Promise<TestServer> {
    const kind = options.vendor === undefined ? this.kind : kindOf(options);
    const mixed = kind.vendor === 'mariadb' && (options.of ?? this.source).vendor === 'mysql';
    const own = mixed ? { ...BELOW_MYSQL, ...settings } : settings;
    const replica = await createServer(await this.#planReplica(own, kind));
    this.#servers.push(replica);
    await this.#join(replica, options.of ?? this.source);
    return replica;
  }

  async waitForReplicas(replicas?: TestServer[], timeoutMs = WAIT_LIMIT_MS): Promise<void> {
    const waiting = replicas ?? this.replicas.filter(({ alive }) => alive);
    await waitForReplication(waiting, this.#servers, timeoutMs);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#servers, this.#zookeeper].map(async (handle) => handle?.discard()));
    await removeRunFolder(this.folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #planReplica(settings: ServerSettings, kind: ServerKind): Promise<ServerPlan> {
    return planServer(`replica${++this.#replicasNamed}`, this.folder, kind, settings);
  }

  async #join(replica: TestServer, source: TestServer): Promise<void> {
    await changeSource(replica, source);
    await until(`${replica.name} replicates from ${source.name}`, async () => {
      const status = await replicationStatus(replica);
      return status?.ioRunning === true && status.sqlRunning;
    });
  }
}

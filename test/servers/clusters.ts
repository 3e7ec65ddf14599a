import { execFile } from 'node:child_process';
import { chmod, cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GALERA_SCRIPTS } from '../setup/galera.mjs';
import { makeRunFolder, removeRunFolder } from './folders.js';
import { defaultKind } from './kind.js';
import type { InstalledServer } from './launcher.js';
import { claimPort, LOOPBACK, releasePort } from './ports.js';
import { isMeant, launcher, provider, requireServer } from './provider.js';
import { type ClusterPlan, prepareServer, type ServerHandle } from './server.js';
import { REPLICATOR } from './template.js';
import { nextServerId } from './topology.js';
import type { GaleraCluster, ReplicationGroup, ServerSettings, TestServer, Vendor } from './types.js';
import { messageOf, until, within } from './wait.js';

const run = promisify(execFile);

const NODES = 3;
/** A state transfer takes seconds; on a machine that is busy, more of them. */
const JOIN_LIMIT_MS = 60_000;

const GALERA_LIBRARY = '/usr/lib/galera/libgalera_smm.so';
/** rsync's daemon gives up root's rights, and could not write what is root's. */
const NOBODY = 'nobody';

/** Why a run starts no Galera cluster; empty when it does. Its nodes run as child processes alone. */
export async function galeraObstacle(): Promise<string> {
  if (!(await isMeant('mariadb'))) return 'the run is not on MariaDB';
  if (provider() !== 'native') return 'the run is in containers';
  const installed = await requireServer('mariadb', versionOf('mariadb'));
  const needed = `test -e ${GALERA_LIBRARY} && command -v rsync && command -v ss && test -e ${GALERA_SCRIPTS}`;
  return (await launcher().holds(installed, needed))
    ? ''
    : "there is no galera-4 with rsync and the server's scripts";
}

/** Why a run starts no replication group; empty when it does. */
export async function groupObstacle(): Promise<string> {
  if (!(await isMeant('mysql'))) return 'the run is not on MySQL';
  const installed = await requireServer('mysql', versionOf('mysql'));
  const needed = 'ls /usr/lib*/mysql/plugin/group_replication.so';
  return (await launcher().holds(installed, needed))
    ? ''
    : 'the MySQL server has no plugin group_replication';
}

/** The version that the run is about. */
function versionOf(vendor: Vendor): string | undefined {
  const kind = defaultKind();
  return kind.vendor === vendor ? kind.version : undefined;
}

/** Starts a Galera cluster of three nodes; resolves when all are synced. Clients may write to each. */
export async function startGalera(settings: ServerSettings = {}): Promise<GaleraCluster> {
  const installed = await requireServer('mariadb', versionOf('mariadb'));
  const folder = await makeRunFolder();
  const cluster = new GaleraHandle(folder, installed);
  try {
    await cluster.start(settings);
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/** Starts a group of three members with a single primary, the first; resolves when all are online. */
export async function startGroup(settings: ServerSettings = {}): Promise<ReplicationGroup> {
  const installed = await requireServer('mysql', versionOf('mysql'));
  const folder = await makeRunFolder();
  const group = new GroupHandle(folder, installed);
  try {
    await group.start(settings);
    return group;
  } catch (error) {
    await group.stop();
    throw error;
  }
}

/** What the two kinds have in common. */
abstract class ClusterHandle {
  readonly handles: ServerHandle[] = [];
  readonly #ports: number[] = [];

  constructor(
    protected readonly folder: string,
    protected readonly installed: InstalledServer,
  ) {}

  get nodes(): readonly TestServer[] {
    return this.handles;
  }

  async stop(): Promise<void> {
    await Promise.all(this.handles.map((handle) => handle.discard()));
    for (const port of this.#ports) releasePort(port);
    await removeRunFolder(this.folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** A server with its data directory, which has not been started. */
  protected async prepare(
    vendor: Vendor,
    name: string,
    settings: ServerSettings,
    cluster: ClusterPlan = {},
  ): Promise<void> {
    const plan = { name, vendor, installed: this.installed, launcher: launcher(), folder: this.folder };
    this.handles.push(await prepareServer({ ...plan, serverId: nextServerId(), settings, cluster }));
  }

  protected async claimPorts(count: number): Promise<number[]> {
    const ports: number[] = [];
    for (let number = 0; number < count; number += 1) ports.push(await claimPort());
    this.#ports.push(...ports);
    return ports;
  }

  protected handle(number: number): ServerHandle {
    const handle = this.handles[number];
    if (handle === undefined) throw new Error(`there is no node ${number}`);
    return handle;
  }

  protected handleOf(node: TestServer): ServerHandle {
    const handle = this.handles.find(({ name }) => name === node.name);
    if (handle === undefined) throw new Error(`${node.name} is no node of this cluster`);
    return handle;
  }
}

class GaleraHandle extends ClusterHandle implements GaleraCluster {
  /** How a node is started next: as the first of a new cluster, or with what it has. */
  readonly #arguments = new Map<string, string[]>();

  async start(settings: ServerSettings): Promise<void> {
    const ports = await this.claimPorts(3 * NODES);
    const group = ports.slice(0, NODES);
    const scripts = await this.#scripts();
    for (let number = 0; number < NODES; number += 1) {
      const name = `node${number + 1}`;
      const [own = 0, ist = 0, sst = 0] = [ports[number], ports[NODES + number], ports[2 * NODES + number]];
      await this.prepare(
        'mariadb',
        name,
        { ...galeraSettings(name, { own, ist, sst, group }), ...settings },
        {
          path: scripts,
          ...(process.getuid?.() === 0 ? { user: NOBODY } : {}),
          nextArguments: () => {
            return this.#arguments.get(name) ?? [];
          },
        },
      );
    }
    await this.#giveAway();
    const [first, ...others] = this.handles;
    if (first === undefined) throw new Error('there is no first node');
    // The others begin with its data, so that none needs a state transfer.
    await this.#bootstrap(first);
    await first.stop();
    for (const other of others) await other.copyData(first);
    await this.#giveAway();
    await this.#bootstrap(first);
    for (const other of others) await this.#startNode(other);
  }

  async #bootstrap(first: ServerHandle): Promise<void> {
    await this.#startNode(first, ['--wsrep-new-cluster']);
  }

  /** Starts a node; resolves when it is synced. */
  async #startNode(node: ServerHandle, args: string[] = []): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      this.#arguments.set(node.name, args);
      try {
        await node.start();
        await this.synced(node);
        return;
      } catch (error) {
        // Galera 26.4.23 asks for the priority of a thread that may not run yet, and ends if it doesn't: on a busy machine.
        if (attempt === 3 || !messageOf(error).includes('Failed to set thread schedparams')) throw error;
      }
    }
  }

  async cutOff(node: TestServer): Promise<void> {
    await node.query("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'");
    await until(
      `${node.name} has left the primary component`,
      async () => {
        return (await statusOf(node, 'wsrep_cluster_status')) === 'non-Primary';
      },
      { timeoutMs: JOIN_LIMIT_MS },
    );
  }

  async mend(node: TestServer): Promise<void> {
    await node.query("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'");
    await this.synced(node);
  }

  async rejoin(node: TestServer, by: 'ist' | 'sst'): Promise<void> {
    const handle = this.handleOf(node);
    if (handle.alive) throw new Error(`${node.name} still runs`);
    if (by === 'sst') await rm(join(handle.dataFolder, 'grastate.dat'), { force: true });
    const from = by === 'sst' ? [] : [`--wsrep-start-position=${await this.#recovered(handle)}`];
    await this.#startNode(handle, from);
  }

  async waitForAll(from: TestServer, timeoutMs = JOIN_LIMIT_MS): Promise<void> {
    const goal = Number(await statusOf(from, 'wsrep_last_committed'));
    for (const node of this.handles.filter(({ alive }) => alive)) {
      const has = async () => Number(await statusOf(node, 'wsrep_last_committed')) >= goal;
      await until(`${node.name} has what ${from.name} has`, has, { timeoutMs });
    }
  }

  async synced(node: TestServer): Promise<void> {
    const isSynced = async () => (await statusOf(node, 'wsrep_local_state_comment')) === 'Synced';
    await until(`${node.name} is synced`, isSynced, { timeoutMs: JOIN_LIMIT_MS });
  }

  /** Where a node that was killed had come to, as InnoDB knows it: `mariadbd-safe` asks in the same way. */
  async #recovered(handle: ServerHandle): Promise<string> {
    const log = await handle.runOnce(['--wsrep-recover'], JOIN_LIMIT_MS);
    const position = /Recovered position: (\S+)/.exec(log)?.[1];
    if (position === undefined)
      throw new Error(`${handle.name} doesn't know its position:\n${log.slice(-2000)}`);
    return position;
  }

  /** A folder with the scripts of state transfers, which the servers may read. */
  async #scripts(): Promise<string> {
    const folder = join(this.folder, 'scripts');
    await cp(GALERA_SCRIPTS, folder, { recursive: true });
    return folder;
  }

  async #giveAway(): Promise<void> {
    await chmod(this.folder, 0o755);
    if (process.getuid?.() !== 0) return;
    await run('chown', ['-R', NOBODY, ...this.handles.map(({ folder }) => folder)], { timeout: 20_000 });
  }
}

function galeraSettings(
  name: string,
  { own, ist, sst, group }: { own: number; ist: number; sst: number; group: readonly number[] },
): ServerSettings {
  const options = {
    base_port: own,
    'gmcast.listen_addr': `tcp://${LOOPBACK}:${own}`,
    'ist.recv_addr': `${LOOPBACK}:${ist}`,
    'gcache.size': '32M',
    // Who is silent is given up sooner than by default (5 s and 15 s).
    'evs.keepalive_period': 'PT0.5S',
    'evs.suspect_timeout': 'PT3S',
    'evs.inactive_timeout': 'PT6S',
    'evs.inactive_check_period': 'PT0.5S',
    'evs.install_timeout': 'PT6S',
  };
  return {
    wsrep_on: 'ON',
    wsrep_provider: GALERA_LIBRARY,
    wsrep_cluster_name: 'waymark-test',
    wsrep_cluster_address: `gcomm://${group.map((port) => `${LOOPBACK}:${port}`).join(',')}`,
    wsrep_node_name: name,
    wsrep_node_address: LOOPBACK,
    wsrep_sst_method: 'rsync',
    wsrep_sst_receive_address: `${LOOPBACK}:${sst}`,
    wsrep_provider_options: `"${Object.entries(options)
      .map(([key, value]) => `${key}=${value}`)
      .join(';')}"`,
    innodb_autoinc_lock_mode: 2,
    // The same GTIDs on all nodes.
    wsrep_gtid_mode: 'ON',
    wsrep_gtid_domain_id: 7,
  };
}

async function statusOf(node: TestServer, name: string): Promise<string> {
  const [row] = await node.query<{ Value: string }>(`SHOW GLOBAL STATUS LIKE '${name}'`);
  return row?.Value ?? '';
}

class GroupHandle extends ClusterHandle implements ReplicationGroup {
  async start(settings: ServerSettings): Promise<void> {
    const ports = await this.claimPorts(NODES);
    const seeds = ports.map((port) => `${LOOPBACK}:${port}`);
    for (const [number, address] of seeds.entries()) {
      const own = {
        group_replication_local_address: address,
        group_replication_member_weight: 90 - 20 * number,
      };
      await this.prepare('mysql', `member${number + 1}`, { ...groupSettings(seeds), ...own, ...settings });
    }
    await Promise.all(this.handles.map((handle) => handle.start()));
    // The group's communication listens at all addresses of the machine, also at the one that holds the claim.
    ports.forEach(releasePort);
    for (const member of this.handles) {
      await member.query(
        `CHANGE REPLICATION SOURCE TO SOURCE_USER='${REPLICATOR.user}', SOURCE_PASSWORD='${REPLICATOR.password}' ` +
          "FOR CHANNEL 'group_replication_recovery'",
      );
    }
    const first = this.handle(0);
    await first.query('SET GLOBAL group_replication_bootstrap_group = ON');
    await this.#join(first);
    await first.query('SET GLOBAL group_replication_bootstrap_group = OFF');
    for (const member of this.handles.slice(1)) await this.#join(member);
  }

  async primary(): Promise<TestServer> {
    const find = async (): Promise<TestServer | undefined> => {
      for (const member of this.handles.filter(({ alive }) => alive)) {
        const rows = await statesOf(member).catch(() => []);
        const own = rows.find(({ port }) => port === member.port);
        if (own?.state === 'ONLINE' && own.role === 'PRIMARY') return member;
      }
      return undefined;
    };
    return until('the group has a primary', find, { timeoutMs: JOIN_LIMIT_MS, everyMs: 100 });
  }

  async state(member: TestServer): Promise<string> {
    const rows = await statesOf(member);
    return rows.find(({ port }) => port === member.port)?.state ?? '';
  }

  async rejoin(member: TestServer): Promise<void> {
    const handle = this.handleOf(member);
    if (!handle.alive) await handle.start();
    await handle.query('STOP GROUP_REPLICATION');
    await this.#join(handle);
  }

  async waitForAll(from: TestServer, timeoutMs = JOIN_LIMIT_MS): Promise<void> {
    const [row] = await from.query<{ gtids: string }>('SELECT @@gtid_executed AS gtids');
    const seconds = Math.ceil(timeoutMs / 1000);
    for (const member of this.handles) {
      if (!member.alive || (await this.state(member)) !== 'ONLINE') continue;
      const asking = member.query<{ late: number }>('SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?) AS late', [
        row?.gtids,
        seconds,
      ]);
      const [answer] = await within(`${member.name} has what ${from.name} has`, timeoutMs + 1000, asking);
      if (Number(answer?.late) !== 0) throw new Error(`${member.name} has not got what ${from.name} has`);
    }
  }

  async #join(member: ServerHandle): Promise<void> {
    const isOnline = async () => (await this.state(member)) === 'ONLINE';
    try {
      await within(`${member.name} joins`, JOIN_LIMIT_MS, member.query('START GROUP_REPLICATION'));
      await until(`${member.name} is online`, isOnline, { timeoutMs: JOIN_LIMIT_MS, everyMs: 100 });
    } catch (error) {
      throw new Error(`${messageOf(error)}\n${(await member.errorLog()).slice(-3000)}`, { cause: error });
    }
  }
}

function groupSettings(seeds: readonly string[]): ServerSettings {
  return {
    gtid_mode: 'ON',
    enforce_gtid_consistency: 'ON',
    plugin_load_add: 'group_replication.so',
    group_replication_group_name: '6b021654-aaaa-bbbb-cccc-6b021654aaaa',
    group_replication_group_seeds: seeds.join(','),
    group_replication_start_on_boot: 'OFF',
    group_replication_recovery_get_public_key: 'ON',
    group_replication_autorejoin_tries: 0,
    group_replication_member_expel_timeout: 0,
    // As it was up to MySQL 8.4: the member lives on, and its streams stay open.
    group_replication_exit_state_action: 'READ_ONLY',
  };
}

type MemberRow = { port: number; state: string; role: string };

/** The members as one of them sees them. */
function statesOf(member: TestServer): Promise<MemberRow[]> {
  return member.query<MemberRow>(
    'SELECT MEMBER_PORT AS port, MEMBER_STATE AS state, MEMBER_ROLE AS role FROM performance_schema.replication_group_members',
  );
}

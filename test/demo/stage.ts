import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { provider, startTopology, type TestServer, type Topology } from '../servers/index.js';
import { table, tableStatements } from './load.js';
import type { NameOf } from './story.js';

/** Accounts with no more than what they need, as docs/setup.md advises. */
const accounts = {
  agent: { user: 'waymark', password: 'demo-agent' },
  injector: { user: 'hints', password: 'demo-injector' },
} as const;

const monitors = {
  mariadb: 'BINLOG MONITOR, REPLICA MONITOR',
  mysql: 'REPLICATION CLIENT',
} as const;

/** The servers, and what the commands need to know of them. */
export type Stage = {
  readonly topology: Topology;
  readonly nameOf: NameOf;
  /** Config file of the agent. */
  readonly config: string;
  readonly auditFile: string;
  /** Where the checkpoint is, for people. */
  readonly checkpoint: string;
  /** Environment for `waymark inject`. */
  readonly injector: Readonly<Record<string, string>>;
  readonly close: () => Promise<void>;
};

/** Starts a source with two replicas and, if wanted, a ZooKeeper, and makes accounts, table and config file. */
export async function setStage(options: { zookeeper: boolean }): Promise<Stage> {
  const folder = await makeRunFolder();
  const topology = await startTopology({ zookeeper: options.zookeeper, replicas: replicaSettings }).catch(
    async (error: unknown) => {
      await removeRunFolder(folder);
      throw error;
    },
  );
  const close = async (): Promise<void> => {
    await topology.stop();
    await removeRunFolder(folder);
  };
  try {
    await prepare(topology);
    const { zookeeper } = topology;
    const auditFile = join(folder, 'audit.ndjson');
    const config = join(folder, 'waymark.yaml');
    const store = zookeeper
      ? { store: 'zookeeper', connect: zookeeper.connectString, root: '/waymark' }
      : { store: 'file', path: join(folder, 'state') };
    await writeFile(config, stringify(agentConfig(topology.replicas, store, auditFile)), { mode: 0o600 });
    return {
      topology,
      nameOf: naming(topology),
      config,
      auditFile,
      checkpoint: zookeeper ? `ZooKeeper at ${zookeeper.connectString}` : 'a file',
      injector: {
        WAYMARK_USER: accounts.injector.user,
        WAYMARK_PASSWORD: accounts.injector.password,
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What runs, for people: `MariaDB 10.11.19, as child processes`. */
export function describeServers({ source }: Topology): string {
  const vendor = source.vendor === 'mariadb' ? 'MariaDB' : 'MySQL';
  return `${vendor} ${source.version}, ${provider() === 'native' ? 'as child processes' : 'in containers'}`;
}

/** The second replica cuts its logs and its events otherwise: positions there have nothing to do with the first's. */
const replicaSettings = [{}, { binlog_row_event_max_size: 1024 }];
const extraLogs = 6;

async function prepare(topology: Topology): Promise<void> {
  const { source, replicas } = topology;
  const { agent, injector } = accounts;
  const statements = [
    ...tableStatements,
    `CREATE USER '${agent.user}'@'%' IDENTIFIED BY '${agent.password}'`,
    `GRANT REPLICATION SLAVE, ${monitors[source.vendor]} ON *.* TO '${agent.user}'@'%'`,
    `CREATE USER '${injector.user}'@'%' IDENTIFIED BY '${injector.password}'`,
    `GRANT DROP ON meta.* TO '${injector.user}'@'%'`,
    `GRANT REPLICATION SLAVE, ${monitors[source.vendor]} ON *.* TO '${injector.user}'@'%'`,
  ];
  for (const statement of statements) await source.query(statement);
  await topology.waitForReplicas();
  for (let log = 0; log < extraLogs; log += 1) await replicas[1]?.query('FLUSH BINARY LOGS');
}

function agentConfig(replicas: readonly TestServer[], checkpoint: object, auditFile: string): object {
  return {
    stream: 'demo',
    servers: replicas.map(({ address }) => address),
    ...accounts.agent,
    getServerPublicKey: true,
    filter: { include: [`${table.schema}.*`] },
    checkpoint,
    sink: { type: 'file', path: auditFile },
  };
}

function naming({ servers }: Topology): NameOf {
  const names = new Map(
    servers.map(({ address }, index) => [address, index === 0 ? 'the source' : `replica ${index}`]),
  );
  return (address) => names.get(address) ?? address;
}

import type { Connection } from 'mysql2/promise';

/** Whose server it is. */
export type Vendor = 'mariadb' | 'mysql';

/** Server variables by name, e.g. `{ max_binlog_size: 1048576 }`. */
export type ServerSettings = Record<string, string | number>;

/** Where servers run: as child processes, or in containers. */
export type Provider = 'native' | 'containers';

/** One running (or killed, frozen, stopped) server of a test. */
export interface TestServer {
  readonly name: string;
  readonly vendor: Vendor;
  /** As the server says it, e.g. `10.11.19`. */
  readonly version: string;
  readonly host: string;
  readonly port: number;
  /** `host:port` */
  readonly address: string;
  readonly serverId: number;
  /** An account with all privileges. */
  readonly user: string;
  readonly password: string;
  /** False from the moment the process has ended; a frozen server is alive. */
  readonly alive: boolean;
  /** The process that a kill would hit (in containers: its id on the engine's machine). */
  readonly pid: number | undefined;
  /** A new connection; dates come as strings, so that every digit is there. Closed by stop() if forgotten. */
  connect(options?: ConnectOptions): Promise<Connection>;
  /** Runs one statement over a kept connection, which is made anew after a restart. */
  query<T = unknown>(sql: string, values?: unknown[]): Promise<T[]>;
  /** SIGKILL; resolves when the process is dead and its port refuses. */
  kill(): Promise<void>;
  /** SIGSTOP */
  freeze(): Promise<void>;
  /** SIGCONT */
  resume(): Promise<void>;
  /** Starts again on the same data and port; stops cleanly first if running. Settings are added to the former ones. */
  restart(settings?: ServerSettings): Promise<void>;
  /** Clean shutdown. The data stay until the run ends. */
  stop(): Promise<void>;
  /** Takes the data of another server of its kind, without its logs and its identity. Both must have been stopped. */
  copyData(from: TestServer): Promise<void>;
  /** What the server wrote to its error log and output. */
  errorLog(): Promise<string>;
}

/** What a test may choose about a connection. */
export interface ConnectOptions {
  database?: string;
  /** Another account than the one with all privileges. */
  user?: string;
  password?: string;
  multipleStatements?: boolean;
}

/** One ZooKeeper server of a test. */
export interface TestZooKeeper {
  /** `host:port` */
  readonly connectString: string;
  kill(): Promise<void>;
  freeze(): Promise<void>;
  resume(): Promise<void>;
  /** Starts again on the same data and port; kills first if running. */
  restart(): Promise<void>;
}

/** A ZooKeeper that the caller ends. */
export type OwnedZooKeeper = TestZooKeeper & { stop(): Promise<void> };

/** Servers of ZooKeeper that form an ensemble, which the caller ends. */
export type OwnedEnsemble = {
  readonly members: readonly TestZooKeeper[];
  /** Of all members. */
  readonly connectString: string;
  /** The member that leads; waits until one does. */
  leader(): Promise<TestZooKeeper>;
  stop(): Promise<void>;
};

/** A source, its replicas and perhaps a ZooKeeper. */
export interface Topology extends AsyncDisposable {
  readonly source: TestServer;
  readonly replicas: readonly TestServer[];
  readonly zookeeper?: TestZooKeeper | undefined;
  /** Source and replicas. */
  readonly servers: readonly TestServer[];
  /** A further replica of the source (or of another server of the topology), from the first binlog on. */
  addReplica(settings?: ServerSettings, options?: AddOptions): Promise<TestServer>;
  /**
   * Resolves when the replicas (unless named: all that are alive) have applied everything that their source
   * has in its binlogs now; rejects when one can't, with the server's own reason.
   */
  waitForReplicas(replicas?: TestServer[], timeoutMs?: number): Promise<void>;
  /** Ends everything at once, and removes the data. */
  stop(): Promise<void>;
}

/** Servers that form a cluster, which the caller ends. */
interface Cluster extends AsyncDisposable {
  readonly nodes: readonly TestServer[];
  /** Resolves when all nodes that live in the cluster have what this one has committed by now. */
  waitForAll(from: TestServer, timeoutMs?: number): Promise<void>;
  /** Ends everything at once, and removes the data. */
  stop(): Promise<void>;
}

/** A Galera cluster. */
export interface GaleraCluster extends Cluster {
  /** Cuts a node off from the others, not from its clients; resolves when it has left the primary component. */
  cutOff(node: TestServer): Promise<void>;
  /** Resolves when the node that was cut off is synced again. */
  mend(node: TestServer): Promise<void>;
  /** Starts a dead node: it gets what it lacks (`ist`), or all data anew (`sst`). Resolves when it is synced. */
  rejoin(node: TestServer, by: 'ist' | 'sst'): Promise<void>;
}

/** A replication group with a single primary. */
export interface ReplicationGroup extends Cluster {
  /** Waits until there is one. */
  primary(): Promise<TestServer>;
  /** A member's state in its own eyes. */
  state(member: TestServer): Promise<string>;
  /** Has a member join that is dead, was expelled or has left; resolves when it is online. */
  rejoin(member: TestServer): Promise<void>;
}

/**
 * What addReplica may be told: below whom, and what kind of server (the topology's unless said). One of the other vendor
 * begins at the end of its source's binlog.
 */
export interface AddOptions {
  of?: TestServer;
  vendor?: Vendor;
  version?: string;
}

/** What startTopology may be told. */
export interface TopologyOptions {
  /** The run's kind of server (see kind.ts) unless said: a test that names a vendor is about that vendor. */
  vendor?: Vendor;
  version?: string;
  /** Settings of the source. */
  source?: ServerSettings;
  /** How many, or the settings of each; 2 unless said. */
  replicas?: number | ServerSettings[];
  /** Whether to start a ZooKeeper too (a single server). */
  zookeeper?: boolean | number;
  /** Settings of all servers. */
  settings?: ServerSettings;
}

/** What startServer may be told. */
export interface ServerOptions {
  /** As for a topology. */
  vendor?: Vendor;
  version?: string;
  settings?: ServerSettings;
}

/** Signals that tests send to servers. */
export type ServerSignal = 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM';

/** What to run. */
export interface Program {
  /** For people: names the process in messages. */
  title: string;
  /** The container image; native processes need none. */
  image: string;
  /** Looked up in the search path. */
  command: string[];
  /** The only folder it needs; the container sees it under the same path. */
  folder: string;
  /** Gets standard output and error, in `folder`. */
  outputFile: string;
}

/** A server's process, wherever it runs. */
export interface ServerProcess {
  readonly running: boolean;
  /** As the machine that runs it counts. */
  readonly pid: number;
  /** Resolves when the process has ended, saying how. */
  readonly ended: Promise<Ending>;
  signal(name: ServerSignal): Promise<void>;
}

/** How a process ended. */
export interface Ending {
  code: number | null;
  text: string;
}

/** The one thing in which the providers differ: how a process is run. */
export interface Launcher {
  launch(program: Program): Promise<ServerProcess>;
  /** The version of a vendor's server; undefined when there is none. A wish like `10.11` stands for all its patches. */
  version(vendor: 'mariadb' | 'mysql', wish?: string): Promise<InstalledServer | undefined>;
  /** Whether a shell command succeeds where the server's programs are. */
  holds(server: InstalledServer, command: string): Promise<boolean>;
  /** The image of ZooKeeper, and the class path within. */
  zookeeper(): Promise<{ image: string }>;
}

/** A server's program, found. */
export interface InstalledServer {
  /** e.g. `10.11.19` */
  version: string;
  image: string;
  /** Name of the program, to be found in the search path. */
  program: string;
}

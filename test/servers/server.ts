import { constants } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createConnection, type Connection, type QueryResult } from 'mysql2/promise';
import type { InstalledServer, Launcher, ServerProcess } from './launcher.js';
import { claimPort, LOOPBACK, releasePort } from './ports.js';
import { optionFile } from './settings.js';
import { makeDataDirectory, ROOT, userOption } from './template.js';
import type { ConnectOptions, ServerSettings, TestServer, Vendor } from './types.js';
import { accepts, hasStopped, messageOf, until } from './wait.js';

const START_LIMIT_MS = 90_000;
/** MySQL ends after a minute at the latest where its applier is in the middle of a transaction that was cut off. */
const STOP_LIMIT_MS = 90_000;

/** Whether a file of a data directory is the server's own: its logs, where it replicates from, and its identity. */
function isOwnFile(name: string): boolean {
  return /^(?:mysql-bin|relay-bin)\.|^(?:multi-)?master\.info$|^relay-log\.info$|^auto\.cnf$|^galera\.cache$|^gvwstate\.dat$/.test(
    name,
  );
}

/** What a server is made from. */
export interface ServerPlan {
  name: string;
  vendor: Vendor;
  installed: InstalledServer;
  launcher: Launcher;
  folder: string;
  serverId: number;
  settings: ServerSettings;
  cluster?: ClusterPlan;
}

/** What a node of a cluster is started with beside that. */
export interface ClusterPlan {
  /** A folder that is searched for programs before all others. */
  path?: string;
  /** The account of the system that it runs as, if root starts it; root itself unless said. */
  user?: string;
  /** Further arguments of the next start. */
  nextArguments?: () => string[];
}

/** Makes a server with an empty data directory of its own, and doesn't start it yet. */
export async function prepareServer(plan: ServerPlan): Promise<ServerHandle> {
  return new ServerHandle(plan, await makeFolder(plan), await claimPort());
}

async function makeFolder(plan: ServerPlan): Promise<string> {
  const folder = join(plan.folder, plan.name);
  await mkdir(folder);
  await makeDataDirectory(plan.launcher, plan.vendor, plan.installed, plan.settings, join(folder, 'data'));
  return folder;
}

/** Makes a server with an empty data directory of its own and starts it. */
export async function createServer(plan: ServerPlan): Promise<ServerHandle> {
  const folder = await makeFolder(plan);
  for (let attempt = 1; ; attempt++) {
    const port = await claimPort();
    const server = new ServerHandle(plan, folder, port);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.discard();
      // Somebody who knows nothing of our claims may have taken the port in between.
      if (attempt === 3 || !/address already in use/i.test(messageOf(error))) throw error;
    }
  }
}

/** A server, on whatever its launcher runs it. */
export class ServerHandle implements TestServer {
  readonly name: string;
  readonly vendor: Vendor;
  readonly version: string;
  readonly host = LOOPBACK;
  readonly user = ROOT.user;
  readonly password = ROOT.password;
  readonly #connections = new Set<Connection>();
  #settings: ServerSettings;
  #process: ServerProcess | undefined;
  #kept: Connection | undefined;
  #lastRefusal = '';

  constructor(
    private readonly plan: ServerPlan,
    readonly folder: string,
    readonly port: number,
  ) {
    this.name = plan.name;
    this.vendor = plan.vendor;
    this.version = plan.installed.version;
    this.#settings = plan.settings;
  }

  get address(): string {
    return `${this.host}:${this.port}`;
  }

  get serverId(): number {
    return Number(this.#settings['server_id'] ?? this.plan.serverId);
  }

  get alive(): boolean {
    return this.#process?.running ?? false;
  }

  get pid(): number | undefined {
    return this.alive ? this.#process?.pid : undefined;
  }

  async connect(options: ConnectOptions = {}): Promise<Connection> {
    const connection = await createConnection({
      host: this.host,
      port: this.port,
      user: this.user,
      password: this.password,
      dateStrings: true,
      supportBigNumbers: true,
      connectTimeout: 10_000,
      ...options,
    });
    this.#connections.add(connection);
    // Servers are killed on purpose: only a query that is under way may fail by it, not the whole run.
    connection.on('error', () => undefined);
    connection.on('end', () => {
      this.#forget(connection);
    });
    return connection;
  }

  async query<T = unknown>(sql: string, values?: unknown[]): Promise<T[]> {
    this.#kept ??= await this.connect();
    const kept = this.#kept;
    try {
      const [rows] = await kept.query<QueryResult>(sql, values);
      return (Array.isArray(rows) ? rows : [rows]) as T[];
    } catch (error) {
      if ((error as { fatal?: boolean }).fatal === true) this.#forget(kept);
      throw new Error(`${this.name} (${this.address}): ${messageOf(error)}\n  in: ${sql.slice(0, 500)}`, {
        cause: error,
      });
    }
  }

  /** Starts the process on the data that are there; resolves when it takes queries. */
  async start(): Promise<void> {
    const started = await this.#launch(this.plan.cluster?.nextArguments?.() ?? [], 'output.log');
    this.#process = started;
    const takesQueries = async () => {
      if (!started.running) throw new Error(`ended at its start (${(await started.ended).text})`);
      return (await accepts(this.host, this.port)) && (await this.#answers());
    };
    await until('takes queries', takesQueries, { timeoutMs: START_LIMIT_MS }).catch(
      async (error: unknown) => {
        const log = (await this.errorLog()).split('\n').slice(-40).join('\n');
        const why = [messageOf(error), this.#lastRefusal].join('; ');
        throw new Error(`${why}, of ${this.name} (${this.vendor} ${this.version})\n${log}`);
      },
    );
  }

  get dataFolder(): string {
    return join(this.folder, 'data');
  }

  /** Runs the program on the data, with arguments by which it ends by itself; resolves with what it said. */
  async runOnce(args: readonly string[], timeoutMs: number): Promise<string> {
    const outputFile = 'once.log';
    const once = await this.#launch([...args, `--log-error=${this.folder}/${outputFile}`], outputFile);
    const hasEnded = () => Promise.resolve(!once.running);
    await until(`${this.name} ends by itself`, hasEnded, { timeoutMs }).catch(async (error: unknown) => {
      await once.signal('SIGKILL');
      throw error;
    });
    return readFile(join(this.folder, outputFile), 'utf8');
  }

  async #launch(args: readonly string[], outputFile: string): Promise<ServerProcess> {
    const place = { folder: this.folder, host: this.host, port: this.port, serverId: this.serverId };
    await writeFile(join(this.folder, 'my.cnf'), optionFile(this.vendor, place, this.#settings));
    const { installed, launcher, cluster = {} } = this.plan;
    const { path, user } = cluster;
    return launcher.launch({
      title: `${this.name} (${this.vendor} ${this.version})`,
      image: installed.image,
      command: [
        // The shell knows where the launcher's programs are.
        ...(path === undefined ? [] : ['sh', '-c', `PATH="${path}:$PATH" exec "$@"`, 'sh']),
        installed.program,
        `--defaults-file=${this.folder}/my.cnf`,
        ...(user === undefined ? userOption() : [`--user=${user}`]),
        ...args,
      ],
      folder: this.folder,
      outputFile,
    });
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    // MySQL waits seconds for the connections that are still open.
    this.#disconnect();
    await this.#end('SIGTERM');
  }

  async freeze(): Promise<void> {
    if (this.#process?.running !== true) return;
    await this.#process.signal('SIGSTOP');
    await hasStopped(this.#process.pid);
  }

  async resume(): Promise<void> {
    await this.#process?.signal('SIGCONT');
  }

  async restart(settings: ServerSettings = {}): Promise<void> {
    await this.stop();
    this.#settings = { ...this.#settings, ...settings };
    await this.start();
  }

  async copyData(from: TestServer): Promise<void> {
    if (!(from instanceof ServerHandle)) throw new Error(`${from.name} is not run from here`);
    if (this.alive || from.alive) throw new Error(`${this.name} or ${from.name} still runs`);
    const data = join(this.folder, 'data');
    await rm(data, { recursive: true });
    await cp(join(from.folder, 'data'), data, {
      recursive: true,
      mode: constants.COPYFILE_FICLONE,
      filter: (path) => !isOwnFile(basename(path)),
    });
  }

  async errorLog(): Promise<string> {
    const files = ['output.log', 'error.log'].map((name) => join(this.folder, name));
    const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
    return texts.join('');
  }

  /** Kills, and gives the port back: the server can't be started again. */
  async discard(): Promise<void> {
    await this.kill();
    releasePort(this.port);
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const running = this.#process;
    if (running?.running === true) {
      await running.signal(signal);
      // One that was frozen takes the signal only when it goes on.
      await running.signal('SIGCONT');
      await until(`${this.name} ends on ${signal}`, () => Promise.resolve(!running.running), {
        timeoutMs: STOP_LIMIT_MS,
      });
    }
    this.#disconnect();
    await until(`port ${this.port} refuses`, async () => !(await accepts(this.host, this.port)));
  }

  #disconnect(): void {
    for (const connection of this.#connections) connection.destroy();
    this.#connections.clear();
    this.#kept = undefined;
  }

  async #answers(): Promise<boolean> {
    try {
      await this.query('SELECT 1');
      return true;
    } catch (error) {
      this.#lastRefusal = messageOf(error);
      return false;
    }
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#kept === connection) this.#kept = undefined;
  }
}

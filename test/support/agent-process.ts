import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { acquit, entrust } from '../servers/reaper.js';
import { hasStopped } from '../servers/wait.js';
import { clientEnvironment } from './zookeeper-client.js';

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** No agent of a test lives longer, unless it says so. */
const defaultLimitMs = 180_000;
const sampleMs = 50;

/** The most memory that an agent may ever take. */
export const memoryBoundBytes = 300 * 1024 * 1024;

/** A line of the agent's log. */
export type LogEvent = Readonly<Record<string, unknown>> & { readonly event?: string };

/** How an agent ended. */
export type AgentEnd = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** What an agent process may be told. */
export type AgentOptions = {
  /** Where the config file goes, and the agent's state unless the configuration says otherwise. */
  readonly folder: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Added to its environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Takes what the agent writes to stdout, which is read and thrown away otherwise. */
  readonly readStdout?: (stdout: Readable) => void;
  /** The network namespace that it runs in; the machine's own unless given. */
  readonly namespace?: string;
  readonly limitMs?: number;
  /** The command that takes the config file: `run` unless given. */
  readonly command?: string;
  /** Added to its command line. */
  readonly args?: readonly string[];
};

/** The built command line as a child process: `waymark run -c FILE`, or another command that goes on. */
export class AgentProcess {
  /** Its log so far. */
  readonly events: LogEvent[] = [];
  readonly ended: Promise<AgentEnd>;
  /** Its config file. */
  readonly configFile: string;
  readonly #child: ChildProcess;
  readonly #receivedAt = new WeakMap<LogEvent, number>();
  readonly #listeners = new Set<() => void>();
  #rest = '';
  #end: AgentEnd | null = null;
  #peakRssBytes = 0;

  private constructor(child: ChildProcess, configFile: string) {
    this.#child = child;
    this.configFile = configFile;
    const { pid } = child;
    if (pid !== undefined) entrust('process', pid);
    const sampling = setInterval(() => {
      this.#sample();
    }, sampleMs);
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#take(chunk.toString());
    });
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        clearInterval(sampling);
        if (pid !== undefined) acquit('process', pid);
        this.#end = { code, signal };
        this.#notify();
        resolve(this.#end);
      });
    });
  }

  static async start({
    folder,
    config,
    environment,
    readStdout,
    namespace,
    limitMs = defaultLimitMs,
    command: name = 'run',
    args: added = [],
  }: AgentOptions): Promise<AgentProcess> {
    if (!existsSync(program)) throw new Error('the command is not built: npm run build');
    await mkdir(folder, { recursive: true });
    const file = join(folder, 'waymark.yaml');
    await writeFile(file, stringify(config));
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(WAYMARK_|VITEST|NODE_OPTIONS)/.test(name),
    );
    const own = [process.execPath, program, name, '-c', file, ...added];
    const [command = '', ...args] =
      namespace === undefined ? own : ['ip', 'netns', 'exec', namespace, ...own];
    const child = spawn(command, args, {
      cwd: folder,
      env: { ...Object.fromEntries(inherited), NO_COLOR: '1', ...clientEnvironment(environment) },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
    });
    if (readStdout) readStdout(child.stdout);
    else child.stdout.resume();
    return new AgentProcess(child, file);
  }

  get running(): boolean {
    return this.#end === null;
  }

  /** Its process. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The most memory that it has ever had (VmHWM), in bytes. */
  get peakRssBytes(): number {
    this.#sample();
    return this.#peakRssBytes;
  }

  /** The events of a name so far. */
  all(name: string): LogEvent[] {
    return this.events.filter(({ event }) => event === name);
  }

  /** When one of its events came, by our own clock. */
  receivedAt(event: LogEvent): number {
    return this.#receivedAt.get(event) ?? 0;
  }

  /** The first event of that name, logged or still to come, that the predicate accepts. Rejects when the agent ends. */
  async waitForEvent(
    name: string,
    accept: (event: LogEvent) => boolean = () => true,
    timeoutMs = 30_000,
  ): Promise<LogEvent> {
    const find = (): LogEvent | undefined => this.all(name).find(accept);
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(look);
      };
      const look = (): void => {
        const found = find();
        if (found) {
          done();
          resolve(found);
        } else if (this.#end) {
          done();
          reject(new Error(`the agent ended (${JSON.stringify(this.#end)}) without ${name}\n${this.log()}`));
        }
      };
      const timer = setTimeout(() => {
        done();
        reject(new Error(`no ${name} within ${timeoutMs} ms\n${this.log()}`));
      }, timeoutMs);
      this.#listeners.add(look);
      look();
    });
  }

  /**
   * The first event of that name, logged from now on, that the predicate accepts. Rejects when the agent ends. To be
   * called before what brings the event about, and awaited behind it.
   */
  next(
    name: string,
    accept: (event: LogEvent) => boolean = () => true,
    timeoutMs = 60_000,
  ): Promise<LogEvent> {
    const before = new Set(this.all(name));
    const found = this.waitForEvent(name, (event) => !before.has(event) && accept(event), timeoutMs);
    // Whoever fails in between never comes to await it, and is the one to be told of.
    found.catch(() => undefined);
    return found;
  }

  /** SIGSTOP; resolves when it stands still. */
  async freeze(): Promise<void> {
    this.#child.kill('SIGSTOP');
    await hasStopped(this.#child.pid ?? 0);
  }

  /** SIGCONT */
  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** SIGKILL; resolves when it is dead. */
  async kill(): Promise<AgentEnd> {
    this.#sample();
    this.#child.kill('SIGKILL');
    return this.ended;
  }

  /** SIGTERM; resolves when it has ended. */
  async stop(): Promise<AgentEnd> {
    this.#sample();
    this.#child.kill('SIGTERM');
    return this.ended;
  }

  /** SIGHUP: it reads its config file again. */
  hangup(): void {
    this.#child.kill('SIGHUP');
  }

  /** SIGUSR2: its audit file has been renamed. */
  userSignal(): void {
    this.#child.kill('SIGUSR2');
  }

  /** The newest lines of its log. */
  log(lines = 40): string {
    return this.events
      .slice(-lines)
      .map((event) => JSON.stringify(event))
      .join('\n');
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines.filter((text) => text !== '')) {
      const event = parse(line);
      this.events.push(event);
      this.#receivedAt.set(event, performance.now());
    }
    this.#notify();
  }

  #notify(): void {
    for (const look of [...this.#listeners]) look();
  }

  #sample(): void {
    try {
      const status = readFileSync(`/proc/${String(this.#child.pid)}/status`, 'utf8');
      const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(status)?.[1];
      if (kilobytes !== undefined)
        this.#peakRssBytes = Math.max(this.#peakRssBytes, Number(kilobytes) * 1024);
    } catch {
      // It has ended.
    }
  }
}

/** Whether the stream has gone on from one server to another, and not where it was. */
export function isMove({ from, to }: LogEvent): boolean {
  return from !== to;
}

function parse(line: string): LogEvent {
  try {
    return JSON.parse(line) as LogEvent;
  } catch {
    return { event: 'not-json', text: line };
  }
}

import { setTimeout as pause } from 'node:timers/promises';
import type { AgentStatus } from '../../src/index.js';
import { claimPort } from '../servers/ports.js';
import { until } from '../servers/wait.js';
import { type AgentEnd, AgentProcess, type LogEvent } from '../support/agent-process.js';

/** As a service manager waits: `RestartSec`. */
const restartMs = 500;

/** A start takes a second; all servers may be away, and come back one after the other. */
const restartedMs = 120_000;

/** An end of the agent's that a fault accounts for. */
export type Permit = {
  readonly reason: string;
  /** @param stopped what the agent said at its end, if it said anything */
  accepts(end: AgentEnd, stopped: LogEvent | undefined): boolean;
};

/** What a supervised agent needs. */
export type SupervisedOptions = {
  readonly folder: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly limitMs: number;
  readonly say: (line: string) => void;
  /** It has ended, and no fault accounts for it. */
  readonly onFailure: (error: Error) => void;
};

/** An agent that is started again whenever it ends, as a service manager does it. */
export class SupervisedAgent {
  /** One after the other. */
  readonly processes: AgentProcess[] = [];
  /** How often it ended for which reason. */
  readonly ends = new Map<string, number>();
  readonly token = 'a token of the soak';
  readonly #options: SupervisedOptions;
  readonly #permits = new Set<Permit>();
  #port = 0;
  #stopping = false;
  #held: Promise<void> | null = null;

  constructor(options: SupervisedOptions) {
    this.#options = options;
  }

  /** Starts it; resolves when it reads. */
  async start(): Promise<void> {
    this.#port = await claimPort();
    await this.#launch();
    await this.process.waitForEvent('stream.started');
  }

  /** The one that runs, or ran last. */
  get process(): AgentProcess {
    const process = this.processes.at(-1);
    if (process === undefined) throw new Error('no agent has been started');
    return process;
  }

  /** The address that was read from last. */
  get reading(): unknown {
    return this.events('stream.started').at(-1)?.['server'];
  }

  /** From all processes. */
  events(name: string): LogEvent[] {
    return this.processes.flatMap((process) => process.all(name));
  }

  /** Accepts ends of that kind from now on, until told otherwise. */
  permit(permit: Permit): () => void {
    this.#permits.add(permit);
    return () => this.#permits.delete(permit);
  }

  /** Has it not started again before this has been done. */
  async holding<T>(work: () => Promise<T>): Promise<T> {
    let done = (): void => undefined;
    this.#held = new Promise((resolve) => {
      done = resolve;
    });
    try {
      return await work();
    } finally {
      this.#held = null;
      done();
    }
  }

  /** Resolves when it runs and has begun to read. */
  async restarted(): Promise<void> {
    const reads = (): Promise<boolean> =>
      Promise.resolve(this.process.running && this.process.all('stream.started').length > 0);
    await until('the agent reads again', reads, { timeoutMs: restartedMs });
  }

  /** Rejects when it doesn't end in time. */
  async endsWithin(timeoutMs: number, why: string): Promise<void> {
    const { process } = this;
    await until(`the agent ends, because ${why}`, () => Promise.resolve(!process.running), { timeoutMs });
  }

  /** What it says of itself; undefined when it doesn't answer. */
  async status(): Promise<AgentStatus | undefined> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.#port}/status`, {
        headers: { authorization: `Bearer ${this.token}` },
        signal: AbortSignal.timeout(2000),
      });
      return response.ok ? ((await response.json()) as AgentStatus) : undefined;
    } catch {
      return undefined;
    }
  }

  /** Resolves when it reads and is well, and so are all servers in its eyes. */
  async healthy(timeoutMs: number): Promise<void> {
    let last: AgentStatus | undefined;
    await until(
      'the agent is healthy',
      async () => {
        last = await this.status();
        return last?.healthy === true && last.members.every(({ finding }) => finding === 'healthy');
      },
      { timeoutMs, everyMs: 100 },
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${JSON.stringify(last)}`);
    });
  }

  /** A clean stop; rejects when it is none. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const end = await this.process.stop();
    if (end.code !== 0) throw new Error(`the agent's clean stop ended with ${endText(end)}`);
  }

  async kill(): Promise<void> {
    this.#stopping = true;
    await this.processes.at(-1)?.kill();
  }

  async #launch(): Promise<void> {
    const { folder, config, limitMs } = this.#options;
    const http = { listen: `127.0.0.1:${this.#port}`, token: this.token };
    const process = await AgentProcess.start({ folder, config: { ...config, http }, limitMs });
    this.processes.push(process);
    void process.ended.then((end) => this.#restart(process, end)).catch(this.#options.onFailure);
  }

  async #restart(process: AgentProcess, end: AgentEnd): Promise<void> {
    if (this.#stopping) return;
    const stopped = process.all('stopped').at(-1);
    const permit = [...this.#permits].find((one) => one.accepts(end, stopped));
    const told = endText(end) + (stopped === undefined ? '' : `; ${reasonOf(stopped)}`);
    if (permit === undefined) throw new Error(`the agent ended, and no fault accounts for it: ${told}`);
    this.ends.set(permit.reason, (this.ends.get(permit.reason) ?? 0) + 1);
    this.#options.say(`  the agent ended (${permit.reason}): ${told}`);
    await pause(restartMs);
    await this.#held;
    if (!this.#mayStart()) return;
    await this.#launch();
  }

  #mayStart(): boolean {
    return !this.#stopping;
  }
}

function endText({ code, signal }: AgentEnd): string {
  return signal ?? `exit code ${code}`;
}

function reasonOf({ code, reason }: LogEvent): string {
  return [code, reason].filter((part) => typeof part === 'string').join(': ');
}

import { setTimeout as pause } from 'node:timers/promises';
import type { AgentStatus } from '../../src/index.js';
import { claimPort } from '../servers/ports.js';
import { until } from '../servers/wait.js';
import { type AgentEnd, AgentProcess, type LogEvent } from '../support/agent-process.js';

/** As a service manager waits: `RestartSec`. */
const restartMs = 500;

/** A start takes a second; all servers may be away, and come back one after the other. */
const restartedMs = 180_000;

/** An end of an agent's that a fault accounts for. */
export type Permit = {
  readonly reason: string;
  /** Whose; anybody's unless given. */
  readonly agent?: SupervisedAgent;
  /** @param stopped what the agent said at its end, if it said anything */
  accepts(end: AgentEnd, stopped: LogEvent | undefined): boolean;
};

/** The ends that faults account for, as long as these last. */
export class Permits {
  /** How often each was made use of, by its reason. */
  readonly met = new Map<string, number>();
  readonly #permits = new Set<Permit>();

  /** Accepts ends of that kind, until told otherwise. */
  add(permit: Permit): () => void {
    this.#permits.add(permit);
    return () => this.#permits.delete(permit);
  }

  /** The reason for an end; undefined when no fault accounts for it. */
  reasonFor(agent: SupervisedAgent, end: AgentEnd, stopped: LogEvent | undefined): string | undefined {
    const permit = [...this.#permits].find(
      (one) => (one.agent === undefined || one.agent === agent) && one.accepts(end, stopped),
    );
    if (permit === undefined) return undefined;
    this.met.set(permit.reason, (this.met.get(permit.reason) ?? 0) + 1);
    return permit.reason;
  }
}

/** What a supervised agent needs. */
export type SupervisedOptions = {
  readonly name: string;
  readonly folder: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string>>;
  readonly limitMs: number;
  readonly permits: Permits;
  readonly say: (line: string) => void;
  /** It has ended, and no fault accounts for it. */
  readonly onFailure: (error: Error) => void;
};

/** An agent that is started again whenever it ends, as a service manager does it. */
export class SupervisedAgent {
  /** One after the other. */
  readonly processes: AgentProcess[] = [];
  readonly token = 'a token of the soak';
  readonly #options: SupervisedOptions;
  #port = 0;
  #stopping = false;
  #held: Promise<void> | null = null;

  constructor(options: SupervisedOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Starts it; resolves when it leads or stands by. */
  async start(): Promise<void> {
    this.#port = await claimPort();
    await this.#launch();
    await this.restarted();
  }

  /** The one that runs, or ran last. */
  get process(): AgentProcess {
    const process = this.processes.at(-1);
    if (process === undefined) throw new Error('no agent has been started');
    return process;
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

  /** Whether it runs, and leads or stands by: then it listens to signals, too. */
  get isUp(): boolean {
    const { process } = this;
    return process.running && ['stream.started', 'standby'].some((name) => process.all(name).length > 0);
  }

  /** Resolves when it is up. */
  async restarted(): Promise<void> {
    await until(`agent ${this.name} is up`, () => Promise.resolve(this.isUp), { timeoutMs: restartedMs });
  }

  /** Rejects when it doesn't end in time. */
  async endsWithin(timeoutMs: number, why: string): Promise<void> {
    const { process } = this;
    await until(`agent ${this.name} ends, because ${why}`, () => Promise.resolve(!process.running), {
      timeoutMs,
    });
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

  /** A clean stop; rejects when it is none. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const end = await this.process.stop();
    if (end.code !== 0) throw new Error(`the clean stop of agent ${this.name} ended with ${endText(end)}`);
  }

  async kill(): Promise<void> {
    this.#stopping = true;
    await this.processes.at(-1)?.kill();
  }

  async #launch(): Promise<void> {
    const { folder, config, environment, limitMs } = this.#options;
    const http = { listen: `127.0.0.1:${this.#port}`, token: this.token };
    const process = await AgentProcess.start({ folder, config: { ...config, http }, environment, limitMs });
    this.processes.push(process);
    void process.ended.then((end) => this.#restart(process, end)).catch(this.#options.onFailure);
  }

  async #restart(process: AgentProcess, end: AgentEnd): Promise<void> {
    if (this.#stopping) return;
    const stopped = process.all('stopped').at(-1);
    const reason = this.#options.permits.reasonFor(this, end, stopped);
    const told = endText(end) + (stopped === undefined ? '' : `; ${reasonOf(stopped)}`);
    if (reason === undefined)
      throw new Error(`agent ${this.name} ended, and no fault accounts for it: ${told}`);
    this.#options.say(`      agent ${this.name} ended (${reason}): ${told}`);
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

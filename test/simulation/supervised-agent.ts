import { pino } from 'pino';
import { stringify } from 'yaml';
import { type Agent, createAgent } from '../../src/agent.js';
import { parseConfig } from '../../src/config/load.js';
import type { Config } from '../../src/config/schema.js';
import type { Sink } from '../../src/sinks/sink.js';
import { messageOf, WaymarkError } from '../../src/util/errors.js';
import type { Draws } from './world/draws.js';
import type { Machine } from './world/machine.js';
import type { SimulatedProcess } from './world/process.js';

/** How an agent has ended by itself. */
export type AgentEnding = { readonly atMs: number; readonly code: string; readonly message: string };

/** A line of an agent's log. */
type LogLine = {
  readonly level: number;
  readonly event?: string;
  /** Of a problem. */
  readonly code?: string;
  /** Of a record in a store. */
  readonly location?: string;
  /** Of a difference between two servers. */
  readonly kind?: string;
  readonly errant?: boolean;
  /** Of a switch. */
  readonly from?: string;
  readonly to?: string;
  readonly finding?: string;
  readonly msg: string;
};

export type SupervisedOptions = {
  readonly name: string;
  readonly machine: Machine;
  readonly config: Record<string, unknown>;
  readonly draws: Draws;
  /** Where its records go; where the configuration says unless given. */
  readonly sink?: (process: SimulatedProcess) => Sink;
  /** It leaves a server because that one lags behind another one. */
  readonly onLag: (from: string, to: string) => void;
};

/** An agent that is started again whenever it has ended, as a service manager does it. */
export class SupervisedAgent {
  readonly name: string;
  /** How its lives have ended that nobody had ended. */
  readonly endings: AgentEnding[] = [];
  /** What it has logged, of all its lives; the newest last. */
  readonly log: string[] = [];
  /** Log events, and how often each came. */
  readonly events = new Map<string, number>();
  /** The codes of what it found wrong with servers while it read them. */
  readonly suspicions = new Set<string>();
  /** When it found layouts in the store that its checkpoint doesn't refer to. */
  readonly foundOtherLayoutsAtMs: number[] = [];
  /** What it has told of differences between servers that there are not: no server has other content, or lacks any. */
  readonly falseDifferences: string[] = [];
  readonly #options: SupervisedOptions;
  readonly #config: Config;
  /** Ends each life, the killed ones too. */
  readonly #stops: (() => void)[] = [];
  #leads = false;
  #life: {
    readonly process: SimulatedProcess;
    readonly agent: Agent;
    readonly stop: AbortController;
  } | null = null;

  constructor(options: SupervisedOptions) {
    this.name = options.name;
    this.#options = options;
    this.#config = parseConfig(stringify(options.config), 'simulation', {});
  }

  /** The agent that runs; null while none does. */
  get agent(): Agent | null {
    return this.#life?.process.isAlive === true ? this.#life.agent : null;
  }

  /** Whether it says that it leads, and has done all that it was told to do so far. */
  get leads(): boolean {
    return this.#leads && this.#life?.process.isAlive === true && this.#life.process.isCaughtUp;
  }

  /** Whether it doesn't run, or has done all that it was told to do so far. */
  get isAtRest(): boolean {
    const process = this.#life?.process;
    return process?.isAlive !== true || process.isCaughtUp;
  }

  start(): void {
    const { machine } = this.#options;
    if (this.agent !== null || !machine.isUp) return;
    const process = machine.start(this.name);
    const stop = new AbortController();
    const logger = pino(
      { level: 'info', timestamp: false, base: null },
      {
        write: (line: string) => {
          this.#note(line);
        },
      },
    );
    const agent = createAgent(this.#config, {
      ...{ logger, runtime: process.runtime },
      ...(this.#options.sink === undefined ? {} : { sink: this.#options.sink(process) }),
    });
    this.#leads = false;
    this.#life = { process, agent, stop };
    this.#stops.push(() => {
      process.run(() => {
        stop.abort(new Error('the run is over'));
      });
    });
    process
      .run(() => agent.run(stop.signal))
      .then(
        () => {
          if (!stop.signal.aborted) this.#ended(process, 'none', 'it ended by itself');
          process.end('killed');
        },
        (error: unknown) => {
          this.#ended(process, error instanceof WaymarkError ? error.code : 'unknown', messageOf(error));
          process.end('killed');
        },
      );
    process.onEnd(() => {
      this.#restart();
    });
  }

  /** SIGKILL. */
  kill(): void {
    this.#life?.process.kill();
  }

  /** SIGTERM. */
  terminate(): void {
    const life = this.#life;
    if (life?.process.isAlive !== true || life.stop.signal.aborted) return;
    life.process.happen('arrival', 'SIGTERM', () => {
      life.stop.abort(new Error('SIGTERM'));
    });
  }

  /** Has it do something, as an order that comes from outside; what comes of it is in its log. */
  order(work: (signal: AbortSignal) => Promise<unknown>): void {
    const life = this.#life;
    if (life?.process.isAlive !== true) return;
    life.process.happen('arrival', 'an order', () => {
      // Nobody waits for the answer.
      work(life.stop.signal).catch(() => undefined);
    });
  }

  /** SIGSTOP, and SIGCONT after that time. */
  freeze(forMs: number): void {
    this.#life?.process.stop(forMs);
  }

  /** The same, right before it next does something that is meant: `opens PATH`, `writes PATH`, …. */
  freezeAt(isMoment: (what: string) => boolean, forMs: number): void {
    this.#life?.process.stopAt(isMoment, forMs);
  }

  /**
   * The run is over. Node keeps signals that somebody listens to (AbortSignal.any), and all that they reach, until they
   * fire: those of killed lives, too.
   */
  forget(): void {
    for (const stop of this.#stops) stop();
  }

  #restart(): void {
    const { machine, draws } = this.#options;
    machine.world.after(100 + draws.exponential(1500), `${this.name}: is started again`, () => {
      if (machine.isUp) this.start();
      else this.#restart();
    });
  }

  #ended(process: SimulatedProcess, code: string, message: string): void {
    if (!process.isAlive) return;
    const { world } = this.#options.machine;
    world.note(`${this.name}: has ended: ${code}`);
    this.endings.push({ atMs: world.nowMs, code, message });
  }

  #note(text: string): void {
    const { world } = this.#options.machine;
    const line = JSON.parse(text) as LogLine;
    if (line.event !== undefined) this.events.set(line.event, (this.events.get(line.event) ?? 0) + 1);
    if (line.event === 'replica.suspect' && line.code !== undefined) this.suspicions.add(line.code);
    const { from, to, finding } = line;
    if (line.event === 'failover.started' && finding === 'lagging' && from !== undefined && to !== undefined)
      this.#options.onLag(from, to);
    if (line.event === 'leader.acquired') this.#leads = true;
    if (line.event === 'leader.lost') this.#leads = false;
    // Those that are lost elsewhere were stored well.
    if (line.event === 'layouts.lost' && line.location !== undefined)
      this.foundOtherLayoutsAtMs.push(world.nowMs);
    const isSaidByServers = line.kind === 'applier' || line.kind === 'repeated';
    if (line.event === 'replica.diverged' && !isSaidByServers && line.errant !== true)
      this.falseDifferences.push(`${(world.nowMs / 1000).toFixed(3)} ${this.name}: ${line.msg}`);
    this.log.push(`${(world.nowMs / 1000).toFixed(3)} ${this.name}: ${text.trimEnd()}`);
    // In the trace, so that two runs that log otherwise are not the same.
    world.note(`${this.name}: logs ${line.event ?? ''} ${line.msg}`);
  }
}

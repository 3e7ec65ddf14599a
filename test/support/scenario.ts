import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { expect } from 'vitest';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { startTopology, type TestServer, type Topology, type TopologyOptions } from '../servers/index.js';
import { messageOf, until } from '../servers/wait.js';
import { type AgentOptions, AgentProcess, isMove, type LogEvent, memoryBoundBytes } from './agent-process.js';
import { AuditFollower, type AuditRecord, readAudit } from './audit.js';
import { agentAccount, createAgentAccount } from './grants.js';
import { startHints } from './hints.js';
import type { Hints } from './hints.js';
import { explain, judge, type Verdict } from './judge.js';
import { type Load, type LoadOptions, startLoad } from './load.js';
import { schema } from './load-schema.js';
import { readTruth } from './oracle.js';

/** What a scenario may choose. */
export type ScenarioOptions = {
  readonly topology?: TopologyOptions;
  /** Milliseconds from one hint to the next; 0: none are injected. */
  readonly hintsEveryMs?: number;
  /** It is about hints, or its servers have no GTIDs in common: it isn't played without hints. */
  readonly anchors?: 'hints';
  /** Added to the agent's configuration. */
  readonly config?: AgentConfig;
  /** Where the agent's process runs, for how long at most, and with what in its environment. */
  readonly agent?: Pick<AgentOptions, 'namespace' | 'limitMs' | 'environment'>;
};

/** Keys of the agent's configuration. */
export type AgentConfig = Readonly<Record<string, unknown>>;

/** Whether the stream goes by GTIDs, and nobody injects hints. Most scenarios can be played either way. */
function goesByGtid({ anchors, hintsEveryMs, config }: ScenarioOptions): boolean {
  const leavesItOpen = anchors === undefined && hintsEveryMs !== 0 && config?.['anchors'] === undefined;
  return leavesItOpen && process.env['WAYMARK_TEST_ANCHORS'] === 'gtid';
}

/** Whether agents read a second server beside the stream's, in scenarios that don't say anything else of it. */
function hasShadow(): boolean {
  return process.env['WAYMARK_TEST_SHADOW'] === 'true';
}

/** With GTIDs every transaction is an anchor: nobody has to wait for one. */
const noHints: Hints = {
  count: () => 0,
  next: () => Promise.resolve(),
  stop: () => Promise.resolve(),
};

/** Some of a load's transactions change nothing, or nothing that is delivered: of so many, many are left. */
const fewestCommitted = 80;

/** Servers, hints, a load and agents, and the judgement at the end. */
export class Scenario {
  readonly topology: Topology;
  readonly folder: string;
  /** The audit file of the file sink. */
  readonly audit: string;
  readonly follower: AuditFollower;
  readonly agents: AgentProcess[] = [];
  /** Files that the audit's name stood for before, oldest first. */
  readonly rotated: string[] = [];
  /** Added to the command line of agents that are started from now on. */
  agentArgs: readonly string[] = [];
  readonly #options: ScenarioOptions;
  /** The last one is the present one. */
  readonly #injectors: Hints[] = [];
  readonly #byGtid: boolean;
  #load: Load | null = null;

  constructor(topology: Topology, folder: string, options: ScenarioOptions) {
    this.topology = topology;
    this.folder = folder;
    this.audit = join(folder, 'audit.ndjson');
    this.follower = new AuditFollower(this.audit);
    this.#options = options;
    this.#byGtid = goesByGtid(options);
  }

  get source(): TestServer {
    return this.topology.source;
  }

  /** A replica by number, from 0. */
  replica(number: number): TestServer {
    const replica = this.topology.replicas[number];
    if (!replica) throw new Error(`there is no replica ${number}`);
    return replica;
  }

  get hints(): Hints {
    if (this.#byGtid) return noHints;
    const hints = this.#injectors.at(-1);
    if (!hints) throw new Error('no hints are injected');
    return hints;
  }

  get load(): Load {
    if (!this.#load) throw new Error('the load has not been started');
    return this.#load;
  }

  /** The agent that runs, or ran last. */
  get agent(): AgentProcess {
    const agent = this.agents.at(-1);
    if (!agent) throw new Error('no agent has been started');
    return agent;
  }

  async prepare(): Promise<void> {
    await createAgentAccount(this.source);
    const { hintsEveryMs = 400 } = this.#options;
    if (hintsEveryMs > 0) await this.startHints(hintsEveryMs);
    await this.topology.waitForReplicas();
  }

  /** Injects hints from now on, if the stream goes by hints; resolves behind the first. */
  async startHints(everyMs = 400, on: TestServer = this.source): Promise<void> {
    if (this.#byGtid) return;
    this.#injectors.push(startHints(on, everyMs));
    await this.hints.next();
  }

  /** Starts an agent on the pool of all replicas; resolves when it reads. Called again, it restarts it. */
  async startAgent(change: AgentConfig = {}, readStdout?: (stdout: Readable) => void): Promise<AgentProcess> {
    const agent = await this.launchAgent(change, readStdout);
    await agent.waitForEvent('stream.started');
    return agent;
  }

  /** Starts an agent, and doesn't wait for anything. */
  async launchAgent(
    change: AgentConfig = {},
    readStdout?: (stdout: Readable) => void,
  ): Promise<AgentProcess> {
    const agent = await AgentProcess.start({
      folder: this.folder,
      config: this.config(change),
      ...this.#options.agent,
      args: this.agentArgs,
      ...(readStdout ? { readStdout } : {}),
    });
    this.agents.push(agent);
    return agent;
  }

  /** As launchAgent, with this configuration and nothing else. */
  async launchRaw(config: AgentConfig): Promise<AgentProcess> {
    const agent = await AgentProcess.start({ folder: this.folder, config });
    this.agents.push(agent);
    return agent;
  }

  /** The agent's configuration. */
  config(change: AgentConfig = {}): Record<string, unknown> {
    return {
      stream: 'scenario',
      servers: this.topology.replicas.map(({ address }) => address),
      ...agentAccount,
      filter: { include: [`${schema}.*`] },
      checkpoint: { store: 'file', path: join(this.folder, 'state') },
      sink: { type: 'file', path: this.audit },
      ...(this.#byGtid ? { anchors: 'gtid' } : {}),
      ...(hasShadow() ? { shadow: true } : {}),
      ...this.#options.config,
      ...change,
    };
  }

  async startLoad(options: LoadOptions = {}): Promise<Load> {
    this.#load = await startLoad(this.source, options);
    return this.#load;
  }

  /** Resolves when so many more transactions have been committed on the source. */
  async committed(more: number): Promise<void> {
    const goal = this.load.committed() + more;
    await until(`${more} transactions more`, () => Promise.resolve(this.load.committed() >= goal));
  }

  /** Resolves when so many more records stand in the audit file. */
  async delivered(more: number): Promise<void> {
    const goal = (await this.follower.lines()) + more;
    await until(`${more} records more`, async () => (await this.follower.lines()) >= goal);
  }

  /** Resolves when everything that is on the source now stands in the audit file. */
  async level(timeoutMs = 40_000): Promise<void> {
    const mark = await this.load.mark();
    await until('the audit holds everything', () => this.follower.holds(mark), {
      timeoutMs,
      everyMs: 50,
    }).catch((error: unknown) => {
      throw new Error(`${messageOf(error)}\n${this.agents.at(-1)?.log() ?? ''}`);
    });
  }

  /** Ends the load, waits for everything to be delivered, stops the agent cleanly, and judges. */
  async finish(confidences?: readonly string[]): Promise<Verdict> {
    await until('the load has committed enough to judge by', () =>
      Promise.resolve(this.load.committed() >= fewestCommitted),
    );
    await this.load.stop();
    await this.level();
    await this.stopAgent();
    return this.judge(confidences);
  }

  /** Resolves when the stream has gone on from one server to another, with what the agent says of it. */
  async switched(to: TestServer, from?: TestServer): Promise<LogEvent> {
    return this.agent.waitForEvent(
      'failover.done',
      (event) => event['to'] === to.address && (from === undefined || event['from'] === from.address),
    );
  }

  /**
   * Switches from one server to another so far. A server that is silent for a moment, as on a machine that stands
   * still, is reconnected to, and that is told as a switch to itself.
   */
  moves(): LogEvent[] {
    return this.events('failover.done').filter(isMove);
  }

  async stopAgent(): Promise<void> {
    const end = await this.agent.stop();
    expect(end.code, this.agent.log()).toBe(0);
  }

  /** All that has been delivered, whatever file it is in. */
  async *records(): AsyncGenerator<AuditRecord> {
    for (const path of [...this.rotated, this.audit]) yield* readAudit(path);
  }

  /** Loses the checkpoint. */
  async loseCheckpoint(): Promise<void> {
    await rm(join(this.folder, 'state'), { recursive: true, force: true });
  }

  /** Exactly once, in order; and every place that an agent began at or switched to was proved, as well as could be. */
  async judge(confidences: readonly string[] = ['exact']): Promise<Verdict> {
    const verdict = await judge(this.records(), await readTruth(this.source));
    const context = this.agents.map((agent) => agent.log()).join('\n--- restarted\n');
    expect(verdict.ok, `${explain(verdict)}\n${context}`).toBe(true);
    expect(verdict.transactions).toBeGreaterThan(20);
    for (const event of this.switches()) {
      expect(confidences, JSON.stringify(event)).toContain(event['confidence']);
    }
    const peaks = this.agents.map(({ peakRssBytes }) => Math.round(peakRssBytes / 2 ** 20));
    const blackouts = this.events('failover.done').map((event) => `${String(event['blackoutMs'])} ms`);
    console.log(
      `${explain(verdict)}; blackout: ${blackouts.join(', ') || 'none'}; peak RSS: ${peaks.join(', ')} MB`,
    );
    for (const agent of this.agents) expect(agent.peakRssBytes).toBeLessThan(memoryBoundBytes);
    return verdict;
  }

  /** Events of all agents. */
  events(name: string): LogEvent[] {
    return this.agents.flatMap((agent) => agent.all(name));
  }

  /** Every place found by matching: switches and restarts. */
  switches(): LogEvent[] {
    const started = this.agents.flatMap((agent, index) =>
      agent.all('stream.started').filter((_, nth) => index > 0 || nth > 0),
    );
    return [...this.events('failover.done'), ...started];
  }

  async end(): Promise<void> {
    const endings: Promise<unknown>[] = [
      ...this.agents.map((agent) => agent.kill()),
      ...this.#injectors.map((hints) => hints.stop()),
      Promise.resolve(this.#load?.close()),
    ];
    await Promise.allSettled(endings);
    await this.topology.stop();
    await removeRunFolder(this.folder);
  }
}

/** Runs a scenario on servers of its own, and ends everything afterwards, whatever happens. */
export async function scenario(
  options: ScenarioOptions,
  play: (scenario: Scenario) => Promise<void>,
): Promise<void> {
  await playOn(await startTopology(options.topology), options, play);
}

/** Runs a scenario on these servers, and ends everything afterwards, the servers too. */
export async function playOn(
  topology: Topology,
  options: Omit<ScenarioOptions, 'topology'>,
  play: (scenario: Scenario) => Promise<void>,
): Promise<void> {
  const folder = await makeRunFolder();
  const stage = new Scenario(topology, folder, options);
  try {
    await stage.prepare();
    await play(stage);
  } catch (error) {
    // A test that gave up waiting says nothing of the agents that it waited for.
    for (const agent of stage.agents) console.log(`The agent's log ends with:\n${agent.log(3000)}`);
    throw error;
  } finally {
    await stage.end();
  }
}

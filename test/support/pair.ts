import { join } from 'node:path';
import { expect } from 'vitest';
import { checkpointTable } from '../../src/checkpoint/checkpoint-table.js';
import { electionTable } from '../../src/election/election-sql.js';
import {
  type OwnedEnsemble,
  startServer,
  startZooKeeperEnsemble,
  type TestServer,
  type TestZooKeeper,
} from '../servers/index.js';
import { type CommandResult, runWaymark } from '../unit/cli/waymark.js';
import { AgentProcess, type LogEvent } from './agent-process.js';
import { Proxy } from './proxy.js';
import { type AgentConfig, type Scenario, scenario } from './scenario.js';

/** Where the leader is elected. */
export type Backend = 'zookeeper' | 'mysql';

export const backends: readonly Backend[] = ['zookeeper', 'mysql'];

/** How long a lease lasts in these scenarios, by each of the agents' clocks. */
export const leaseMs = 5000;

/** Longer than a busy machine stands still: no lease is to be lost but by what a test does. */
export const lease = { timeout: `${leaseMs}ms`, interval: '500ms', margin: '1s' };
/** The account on the elector. */
export const electionAccount = { user: 'elector', password: 'another password' };

/** Which of the two agents. */
export type Name = 'one' | 'two';

/** What becomes of an agent's configuration and environment. */
export type PairChange = {
  readonly config?: AgentConfig;
  readonly environment?: Readonly<Record<string, string>>;
};

/** Two agents of one stream that share checkpoint and audit file, and an election between them. */
export class Pair {
  readonly stage: Scenario;
  /** The agents that run, or ran last. */
  readonly agents = new Map<Name, AgentProcess>();
  /** Where the election is; null: in ZooKeeper. */
  readonly elector: TestServer | null;
  /** Between an agent and the election: one each. */
  readonly #proxies: ReadonlyMap<Name, Proxy>;
  readonly #ensemble: OwnedEnsemble | null;

  constructor(
    stage: Scenario,
    means: {
      readonly elector: TestServer | null;
      readonly ensemble: OwnedEnsemble | null;
      readonly proxies: ReadonlyMap<Name, Proxy>;
    },
  ) {
    this.stage = stage;
    this.elector = means.elector;
    this.#ensemble = means.ensemble;
    this.#proxies = means.proxies;
  }

  get ensemble(): OwnedEnsemble {
    if (!this.#ensemble) throw new Error('there is no ensemble');
    return this.#ensemble;
  }

  get zookeeper(): TestZooKeeper {
    const { zookeeper } = this.stage.topology;
    if (!zookeeper) throw new Error('there is no ZooKeeper');
    return zookeeper;
  }

  agent(name: Name): AgentProcess {
    const agent = this.agents.get(name);
    if (!agent) throw new Error(`agent ${name} was never started`);
    return agent;
  }

  proxy(name: Name): Proxy {
    const proxy = this.#proxies.get(name);
    if (!proxy) throw new Error(`there is no proxy of ${name}`);
    return proxy;
  }

  /** Starts an agent, or starts it again, and doesn't wait for anything. */
  async launch(name: Name, { config = {}, environment = {} }: PairChange = {}): Promise<AgentProcess> {
    const agent = await AgentProcess.start({
      folder: join(this.stage.folder, name),
      config: this.stage.config({ ...this.#places(name), log: { level: 'debug' }, ...config }),
      environment,
    });
    this.agents.set(name, agent);
    this.stage.agents.push(agent);
    return agent;
  }

  /** Starts both, the first as leader; resolves when the first reads and the second stands by. */
  async start(changes: Partial<Record<Name, PairChange>> = {}): Promise<void> {
    const one = await this.launch('one', changes.one);
    await one.waitForEvent('stream.started');
    const two = await this.launch('two', changes.two);
    await two.waitForEvent('standby');
  }

  /** Resolves when an agent leads under a token later than `after`, and reads; with the event that said so. */
  async leads(name: Name, after = 0, timeoutMs = 60_000): Promise<LogEvent> {
    const agent = this.agent(name);
    const token = ({ token }: LogEvent): boolean => Number(token) > after;
    const acquired = await agent.waitForEvent('leader.acquired', token, timeoutMs);
    const at = agent.events.indexOf(acquired);
    await agent.waitForEvent('stream.started', (event) => agent.events.indexOf(event) > at, timeoutMs);
    return acquired;
  }

  /** Resolves when either of them leads so. */
  async eitherLeads(after: number): Promise<void> {
    await Promise.any([this.leads('one', after), this.leads('two', after)]).catch((error: unknown) => {
      // Both have the same reason, or nearly so; an AggregateError tells none.
      throw error instanceof AggregateError ? error.errors[0] : error;
    });
  }

  /** Resolves when an agent has lost the leadership that it had under a token. */
  async loses(name: Name, token: number): Promise<LogEvent> {
    return this.agent(name).waitForEvent('leader.lost', ({ token: lost }) => lost === token);
  }

  /** Who leads, or led last. */
  get leader(): { readonly name: Name; readonly token: number } {
    const [one, two] = [this.token('one'), this.token('two')];
    return one > two ? { name: 'one', token: one } : { name: 'two', token: two };
  }

  /** The newest token that an agent has led under. */
  token(name: Name): number {
    return Number(this.agent(name).all('leader.acquired').at(-1)?.['token'] ?? 0);
  }

  /** Runs a command with the first agent's config file. */
  command(...args: readonly string[]): Promise<CommandResult> {
    return runWaymark([...args, '-c', this.agent('one').configFile]);
  }

  /** Ends the load, waits for everything to be delivered, stops both agents cleanly, and judges. */
  async finish(): Promise<void> {
    await this.stage.load.stop();
    await this.stage.level(60_000);
    for (const agent of [...this.agents.values()].filter(({ running }) => running)) {
      const end = await agent.stop();
      expect(end.code, agent.log()).toBe(0);
    }
    await this.judge();
  }

  /** Exactly once, in order; and of two leaders the later one has the higher token. */
  async judge(): Promise<void> {
    await this.stage.judge();
    const tokens = this.stage.agents
      .flatMap((agent) =>
        agent.all('leader.acquired').map((event) => ({ event, at: agent.receivedAt(event) })),
      )
      .toSorted((a, b) => a.at - b.at)
      .map(({ event }) => Number(event['token']));
    expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => a - b));
  }

  async end(): Promise<void> {
    for (const proxy of this.#proxies.values()) await proxy.stop();
    await this.elector?.kill();
    await this.#ensemble?.stop();
  }

  #places(name: Name): AgentConfig {
    const address = this.#ensemble?.connectString ?? this.proxy(name).address;
    if (this.elector === null) {
      const zookeeper = { connect: address, root: '/waymark' };
      return {
        checkpoint: { store: 'zookeeper', ...zookeeper },
        election: { backend: 'zookeeper', ...zookeeper, ...lease },
      };
    }
    const tables = { server: address, ...electionAccount };
    return { checkpoint: { store: 'mysql', ...tables }, election: { backend: 'mysql', ...tables, ...lease } };
  }
}

/** Runs a scenario with two agents on servers of its own. */
export async function pair(
  backend: Backend | 'ensemble',
  play: (pair: Pair) => Promise<void>,
): Promise<void> {
  await scenario({ topology: { zookeeper: backend === 'zookeeper' } }, async (stage) => {
    const elector = backend === 'mysql' ? await startElector() : null;
    const ensemble = backend === 'ensemble' ? await startZooKeeperEnsemble(3) : null;
    const proxies = new Map<Name, Proxy>();
    if (ensemble === null) {
      const target = elector ?? addressOf(stage.topology.zookeeper?.connectString ?? '');
      for (const name of ['one', 'two'] as const) proxies.set(name, await Proxy.start(target));
    }
    const two = new Pair(stage, { elector, ensemble, proxies });
    try {
      await play(two);
    } finally {
      await Promise.all([...two.agents.values()].map((agent) => agent.kill()));
      await two.end();
    }
  });
}

/** A server with the tables, and an account for them alone. */
export async function startElector(): Promise<TestServer> {
  const server = await startServer();
  await server.query('CREATE DATABASE waymark');
  for (const { sql } of [checkpointTable('waymark'), electionTable('waymark')]) await server.query(sql);
  const { user, password } = electionAccount;
  await server.query(`CREATE USER '${user}'@'%' IDENTIFIED BY '${password}'`);
  await server.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON waymark.* TO '${user}'@'%'`);
  return server;
}

function addressOf(text: string): { host: string; port: number } {
  const [host = '', port = ''] = text.split(':');
  return { host, port: Number(port) };
}

import type { AgentStatus } from '../../src/index.js';
import { messageOf, until } from '../servers/wait.js';
import type { LogEvent } from '../support/agent-process.js';
import type { Permit, Permits, SupervisedAgent } from './supervised-agent.js';

/** What agents must never say, whatever is done to them: a fault of theirs, or a promise that is given up. */
const forbiddenEvents = [
  ...['crashed', 'watch.failed', 'standby.failed', 'election.failed', 'not-json'],
  ...['divergence.ignored', 'gap.accepted'],
] as const;

/** Findings of servers that nothing is done to. One that was rebuilt is called so until it is read. */
const well: ReadonlySet<string> = new Set(['healthy', 'rebuilt']);

/** Whether servers are said to differ: only errant transactions make them, and on MariaDB kills. */
function isFalse({ kind, errant }: LogEvent): boolean {
  return (kind === 'content' || kind === 'missing' || kind === 'extra') && errant !== true;
}

function toldWrongly(event: LogEvent): string {
  return `an agent tells a difference that there is not: ${JSON.stringify(event)}`;
}

/** The agents of the stream: one leads, the other stands by. */
export class Agents {
  readonly all: readonly SupervisedAgent[];
  readonly #permits: Permits;

  constructor(all: readonly SupervisedAgent[], permits: Permits) {
    this.all = all;
    this.#permits = permits;
  }

  /** The one that leads, or led last. */
  get leader(): SupervisedAgent {
    const [first] = this.all;
    if (first === undefined) throw new Error('there are no agents');
    const newest = this.#newest('leader.acquired');
    return newest?.agent ?? first;
  }

  /** The address that was read from last. */
  get reading(): unknown {
    return this.#newest('stream.started')?.event['server'];
  }

  /** How often an agent ended, by the fault that accounts for it. */
  get ends(): ReadonlyMap<string, number> {
    return this.#permits.met;
  }

  get starts(): number {
    return this.all.reduce((sum, { processes }) => sum + processes.length, 0);
  }

  get peakRssBytes(): number {
    return Math.max(
      0,
      ...this.all.flatMap(({ processes }) => processes.map((process) => process.peakRssBytes)),
    );
  }

  /** Each time that the stream left a server, or lost it. */
  get departures(): string[] {
    return this.events('failover.started').map((event) => `a server was left: ${JSON.stringify(event)}`);
  }

  /** Events of a name from all processes, in the order in which they came. */
  events(name: string): LogEvent[] {
    return this.#told(name).map(({ event }) => event);
  }

  /** Accepts ends of that kind from now on, until told otherwise. */
  permit(permit: Permit): () => void {
    return this.#permits.add(permit);
  }

  /** Starts none again before this has been done. */
  async holding<T>(work: () => Promise<T>): Promise<T> {
    const [first, ...others] = this.all;
    if (first === undefined) return work();
    return new Agents(others, this.#permits).holding(() => first.holding(work));
  }

  /** Resolves when all run, and each of them leads or stands by. */
  async restarted(): Promise<void> {
    await Promise.all(this.all.map((agent) => agent.restarted()));
  }

  /** Resolves when one leads and is well, and so are all servers in its eyes, and all others are there. */
  async healthy(timeoutMs: number): Promise<void> {
    let last: AgentStatus | undefined;
    const isHealthy = async (): Promise<boolean> => {
      last = await this.leader.status();
      if (last === undefined || last.token === null || !last.healthy) return false;
      return this.all.every(({ isUp }) => isUp) && last.members.every(({ finding }) => well.has(finding));
    };
    await until('the agents are healthy', isHealthy, { timeoutMs, everyMs: 100 }).catch((error: unknown) => {
      throw new Error(`${messageOf(error)}: ${JSON.stringify(last)}`);
    });
  }

  /** Clean stops; rejects when one is none. Who stands by stops first, so that the stream doesn't move. */
  async stop(): Promise<void> {
    const { leader } = this;
    for (const agent of [...this.all.filter((one) => one !== leader), leader]) await agent.stop();
  }

  async kill(): Promise<void> {
    await Promise.all(this.all.map((agent) => agent.kill()));
  }

  /** What agents said and may not say; and two leaders, of which the later one hasn't the higher token. */
  problems(): string[] {
    const said = forbiddenEvents.flatMap((name) =>
      this.events(name).map((event) => `an agent says ${JSON.stringify(event)}`),
    );
    const tokens = this.events('leader.acquired').map(({ token }) => Number(token));
    const wrong = tokens.filter((token, index) => index > 0 && token <= Number(tokens[index - 1]));
    return [
      ...said,
      ...wrong.map((token) => `an agent leads under the token ${token}, which is not new`),
      ...this.events('replica.diverged').filter(isFalse).map(toldWrongly),
    ];
  }

  #newest(name: string): Told | undefined {
    return this.#told(name).at(-1);
  }

  #told(name: string): Told[] {
    return this.all
      .flatMap((agent) =>
        agent.processes.flatMap((process) =>
          process.all(name).map((event) => ({ agent, event, atMs: process.receivedAt(event) })),
        ),
      )
      .toSorted((a, b) => a.atMs - b.atMs);
  }
}

type Told = { readonly agent: SupervisedAgent; readonly event: LogEvent; readonly atMs: number };

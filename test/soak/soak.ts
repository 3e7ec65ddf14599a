import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { startTopology, type TestZooKeeper, type Topology } from '../servers/index.js';
import { acquit } from '../servers/reaper.js';
import { messageOf, within } from '../servers/wait.js';
import { memoryBoundBytes } from '../support/agent-process.js';
import { agentAccount, createAgentAccount } from '../support/grants.js';
import { type Hints, startHints } from '../support/hints.js';
import { schema } from '../support/load-schema.js';
import { readTables } from '../support/oracle.js';
import { Random } from '../support/random.js';
import { Agents } from './agents.js';
import { AuditFiles } from './audit-files.js';
import { Disk } from './disk.js';
import { faults } from './faults.js';
import { Host } from './host.js';
import { drawLayout } from './layout.js';
import { Load } from './load.js';
import { Network } from './network.js';
import { Schedule } from './schedule.js';
import { Stage } from './stage.js';
import { figuresOf, tableOf } from './summary.js';
import { Permits, SupervisedAgent } from './supervised-agent.js';
import { judgeSoak } from './verdict.js';

export type SoakOptions = {
  readonly minutes: number;
  readonly seed: number;
  /** Whether only what is no reason to leave a server is done to them, to agents that have a shadow. */
  readonly gentle: boolean;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
};

/** How a soak ended. */
export type SoakResult = { readonly ok: boolean; readonly skipped: number };

const hintsEveryMs = 400;

/** Longer than a busy machine stands still: no lease is to be lost but by a fault. */
const lease = { timeout: '6s', interval: '500ms', margin: '1s' };

/** Behind the last fault: what is under way, a huge transaction, the servers' coming back. */
const restMs = 300_000;

/** Faults on real servers under load for so many minutes, and the judgement. Ends everything that it starts. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const folder = await makeRunFolder();
  const run = new Run(options, folder);
  let problems: readonly string[];
  try {
    problems = await run.play();
  } catch (error) {
    problems = [explain(error)];
  }
  if (problems.length > 0) await run.keep(problems);
  await run.end();
  if (problems.length === 0) await removeRunFolder(folder);
  else {
    acquit('folder', folder);
    options.say(`FAILED with --seed ${options.seed}:\n${problems.join('\n')}\nKept: ${folder}`);
  }
  return { ok: problems.length === 0, skipped: run.skipped };
}

/** One soak, from the first server's start to the last one's end. */
class Run {
  readonly #options: SoakOptions;
  readonly #folder: string;
  readonly #random: Random;
  readonly #ending = new AbortController();
  #failed: (error: unknown) => void = () => undefined;
  readonly #failure: Promise<never>;
  #topology: Topology | null = null;
  #network: Network | null = null;
  #hints: Hints | null = null;
  #agents: Agents | null = null;
  #load: Load | null = null;
  #disk: Disk | string = '';
  #audit: AuditFiles | null = null;
  #schedule: Schedule | null = null;

  constructor(options: SoakOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
    this.#random = new Random(options.seed);
    this.#failure = new Promise<never>((_, reject) => {
      this.#failed = reject;
    });
    this.#failure.catch(() => undefined);
  }

  /** How many kinds of faults could never be made. */
  get skipped(): number {
    const made = this.#schedule?.made;
    if (made === undefined) return 0;
    return [...made.skipped.keys()].filter((name) => !made.counts.has(name)).length;
  }

  /** Resolves with everything that is wrong. */
  async play(): Promise<string[]> {
    const { minutes, gentle, signal, say } = this.#options;
    const stop = (): void => {
      this.#failed(new Error('interrupted'));
    };
    signal.addEventListener('abort', stop, { once: true });
    const stage = await this.#set();
    const kinds = faults.filter((fault) => !gentle || fault.gentle === true);
    const schedule = (this.#schedule = new Schedule(stage, kinds, this.#random, say));
    const durationMs = minutes * 60_000;
    const timer = setTimeout(() => {
      this.#ending.abort();
    }, durationMs);
    try {
      const played = this.#finish(stage, schedule);
      return await within(
        'the soak comes to its end',
        // There is the more to judge the longer it took.
        1.5 * durationMs + restMs,
        Promise.race([played, this.#failure]),
      );
    } finally {
      clearTimeout(timer);
      this.#ending.abort();
      signal.removeEventListener('abort', stop);
    }
  }

  /** Copies what tells why to the folder that stays. */
  async keep(problems: readonly string[]): Promise<void> {
    const keep = async (name: string, text: string): Promise<void> =>
      writeFile(join(this.#folder, name), text);
    await keep('problems.txt', `--seed ${this.#options.seed}\n${problems.join('\n')}\n`);
    await this.#agents?.kill();
    for (const { name, processes } of this.#agents?.all ?? []) {
      for (const [index, process] of processes.entries()) {
        await keep(`agent-${name}-${index + 1}.log`, process.log(Number.MAX_SAFE_INTEGER));
      }
    }
    for (const server of this.#topology?.servers ?? [])
      await keep(`${server.name}.log`, await server.errorLog());
    if (!(this.#disk instanceof Disk)) return;
    for (const path of this.#audit?.all ?? []) {
      // One that was never begun is missed by nobody.
      await copyFile(path, join(this.#folder, basename(path))).catch(() => undefined);
    }
  }

  /** Never rejects. */
  async end(): Promise<void> {
    this.#load?.close();
    await Promise.allSettled([this.#agents?.kill(), this.#hints?.stop()]);
    await Promise.allSettled([this.#topology?.stop(), this.#network?.end()]);
    if (this.#disk instanceof Disk) await this.#disk.unmount().catch(() => undefined);
  }

  async #set(): Promise<Stage> {
    const { seed, say, minutes } = this.#options;
    const layout = drawLayout(this.#random);
    const topology = (this.#topology = await startTopology({ ...layout, zookeeper: true }));
    const { zookeeper } = topology;
    if (zookeeper === undefined) throw new Error('there is no ZooKeeper');
    const network = (this.#network = new Network(topology.servers));
    const source = await network.host(topology.source);
    const replicas = await Promise.all(topology.replicas.map((server) => network.host(server)));
    say(`${source.server.vendor} ${source.server.version}, ${minutes} minutes, --seed ${seed}`);
    say(`  ${source.name} (${source.address})`);
    for (const [index, { name, address }] of replicas.entries()) {
      say(`  ${name} (${address}): ${JSON.stringify(layout.replicas[index])}`);
    }
    await createAgentAccount(source.server);
    // Names are looked up where the logs don't have them.
    await source.query(`GRANT SELECT ON ${schema}.* TO '${agentAccount.user}'@'%'`);
    const audit = await this.#openAudit();
    this.#hints = startHints(source.server, hintsEveryMs);
    await this.#hints.next();
    const shadow = this.#random.chance(0.5) || this.#options.gentle;
    say(`  the agents read ${shadow ? 'a second server beside it: a shadow' : 'one server'}`);
    for (const replica of replicas) await replica.replicateFrom(source);
    const slowFile = join(this.#folder, 'slow');
    const agents = await this.#startAgents({ replicas, zookeeper, audit, slowFile, network, shadow });
    const load = (this.#load = await Load.start(source.server, seed, this.#failed));
    const disk = this.#disk;
    return new Stage({ source, replicas, zookeeper, links: network, agents, audit, load, disk, slowFile });
  }

  async #openAudit(): Promise<AuditFiles> {
    this.#disk = await Disk.mount(join(this.#folder, 'disk'));
    const folder = this.#disk instanceof Disk ? this.#disk.folder : join(this.#folder, 'audit');
    await mkdir(folder, { recursive: true });
    return (this.#audit = new AuditFiles(join(folder, 'audit.ndjson'), folder));
  }

  async #startAgents(means: AgentMeans): Promise<Agents> {
    const { minutes, say } = this.#options;
    const { replicas, zookeeper, audit, slowFile, network, shadow } = means;
    const permits = new Permits();
    const all: SupervisedAgent[] = [];
    this.#agents = new Agents(all, permits);
    for (const name of ['one', 'two']) {
      const { address, machine } = await network.addAgent(name, zookeeper.connectString);
      const store = { connect: address, root: '/waymark' };
      const agent = new SupervisedAgent({
        ...{ name, folder: join(this.#folder, name), permits, say, onFailure: this.#failed },
        environment: { ...machine, SOAK_SLOW_DISK: slowFile },
        limitMs: minutes * 60_000 + 2 * restMs,
        config: {
          stream: 'soak',
          servers: replicas.map((replica) => replica.address),
          ...agentAccount,
          filter: { include: [`${schema}.*`] },
          checkpoint: { store: 'zookeeper', ...store },
          election: { backend: 'zookeeper', ...store, ...lease },
          sink: { type: 'file', path: audit.path },
          failover: { cooldown: '1s', stalledAfter: '5s' },
          shadow,
        },
      });
      all.push(agent);
      await agent.start();
    }
    return this.#agents;
  }

  async #finish(stage: Stage, schedule: Schedule): Promise<string[]> {
    const { say, minutes, seed } = this.#options;
    await schedule.run(this.#ending.signal);
    say('the last fault is over');
    await stage.load.stop();
    await stage.calm();
    await stage.agents.stop();
    const { server } = stage.source;
    const verdict = await judgeSoak(stage.audit.records(), await readTables(server), stage.load.ledger);
    const figures = figuresOf(stage, schedule.made, verdict);
    const problems = [...verdict.problems, ...figures.problems];
    if (this.#options.gentle) problems.push(...stage.agents.departures);
    if (stage.agents.peakRssBytes > memoryBoundBytes)
      problems.push(`an agent took ${stage.agents.peakRssBytes} bytes of memory`);
    const right = 'every change once, in order; nothing that was rolled back, and nothing errant';
    say(`${tableOf(figures)}\nverdict       ${problems.length === 0 ? right : 'WRONG'}`);
    const run = { server: `${server.vendor} ${server.version}`, minutes, seed };
    console.log(JSON.stringify({ soak: { ...run, ...figures, problems: problems.length } }));
    return problems;
  }
}

/** What agents are started with. */
type AgentMeans = {
  readonly replicas: readonly Host[];
  readonly zookeeper: TestZooKeeper;
  readonly audit: AuditFiles;
  readonly slowFile: string;
  readonly network: Network;
  readonly shadow: boolean;
};

/** An error and what caused it. */
function explain(error: unknown): string {
  if (!(error instanceof Error) || error.cause === undefined) return messageOf(error);
  return `${messageOf(error)}: ${explain(error.cause)}`;
}

import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { startTopology, type Topology } from '../servers/index.js';
import { acquit } from '../servers/reaper.js';
import { messageOf, within } from '../servers/wait.js';
import { memoryBoundBytes } from '../support/agent-process.js';
import { agentAccount, createAgentAccount } from '../support/grants.js';
import { type Hints, startHints } from '../support/hints.js';
import { schema } from '../support/load-schema.js';
import { readTables } from '../support/oracle.js';
import { Random } from '../support/random.js';
import { AuditFiles } from './audit-files.js';
import { Disk } from './disk.js';
import { drawLayout } from './layout.js';
import { Load } from './load.js';
import { Schedule } from './schedule.js';
import { Stage } from './stage.js';
import { summarize } from './summary.js';
import { SupervisedAgent } from './supervised-agent.js';
import { judgeSoak } from './verdict.js';

export type SoakOptions = {
  readonly minutes: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
};

/** How a soak ended. */
export type SoakResult = { readonly ok: boolean; readonly skipped: number };

const hintsEveryMs = 400;

/** Behind the last fault: what is under way, a huge transaction, the servers' coming back. */
const restMs = 180_000;

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
  #hints: Hints | null = null;
  #agent: SupervisedAgent | null = null;
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

  get skipped(): number {
    return this.#schedule?.carried.skipped.size ?? 0;
  }

  /** Resolves with everything that is wrong. */
  async play(): Promise<string[]> {
    const { minutes, signal, say } = this.#options;
    const stop = (): void => {
      this.#failed(new Error('interrupted'));
    };
    signal.addEventListener('abort', stop, { once: true });
    const stage = await this.#set();
    const schedule = (this.#schedule = new Schedule(stage, this.#random, say));
    const durationMs = minutes * 60_000;
    const timer = setTimeout(() => {
      this.#ending.abort();
    }, durationMs);
    try {
      const played = this.#finish(stage, schedule);
      return await within(
        'the soak comes to its end',
        durationMs + restMs,
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
    await this.#agent?.kill();
    for (const [index, process] of (this.#agent?.processes ?? []).entries()) {
      await keep(`agent-${index + 1}.log`, process.log(Number.MAX_SAFE_INTEGER));
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
    await Promise.allSettled([this.#agent?.kill(), this.#hints?.stop()]);
    await Promise.allSettled([this.#topology?.stop()]);
    if (this.#disk instanceof Disk) await this.#disk.unmount().catch(() => undefined);
  }

  async #set(): Promise<Stage> {
    const { seed, say, minutes } = this.#options;
    const layout = drawLayout(this.#random);
    const topology = (this.#topology = await startTopology(layout));
    const { source, replicas } = topology;
    say(`${source.vendor} ${source.version}, ${minutes} minutes, --seed ${seed}`);
    for (const [index, { name, address }] of replicas.entries()) {
      say(`  ${name} (${address}): ${JSON.stringify(layout.replicas[index])}`);
    }
    await createAgentAccount(source);
    // Names are looked up where the logs don't have them.
    await source.query(`GRANT SELECT ON ${schema}.* TO '${agentAccount.user}'@'%'`);
    this.#disk = await Disk.mount(join(this.#folder, 'disk'));
    const auditFolder = this.#disk instanceof Disk ? this.#disk.folder : join(this.#folder, 'audit');
    await mkdir(auditFolder, { recursive: true });
    const audit = (this.#audit = new AuditFiles(join(auditFolder, 'audit.ndjson'), auditFolder));
    this.#hints = startHints(source, hintsEveryMs);
    await this.#hints.next();
    await topology.waitForReplicas();
    const agent = (this.#agent = new SupervisedAgent({
      folder: this.#folder,
      config: {
        stream: 'soak',
        servers: replicas.map(({ address }) => address),
        ...agentAccount,
        filter: { include: [`${schema}.*`] },
        checkpoint: { store: 'file', path: join(this.#folder, 'state') },
        sink: { type: 'file', path: audit.path },
        failover: { cooldown: '1s', stalledAfter: '5s' },
      },
      limitMs: minutes * 60_000 + 2 * restMs,
      say,
      onFailure: this.#failed,
    }));
    await agent.start();
    const load = (this.#load = await Load.start(source, seed, this.#failed));
    return new Stage({ topology, agent, audit, load, disk: this.#disk });
  }

  async #finish(stage: Stage, schedule: Schedule): Promise<string[]> {
    const { say } = this.#options;
    await schedule.run(this.#ending.signal);
    say('the last fault is over');
    await stage.load.stop();
    await stage.calm();
    await stage.agent.stop();
    const verdict = await judgeSoak(
      stage.audit.records(),
      await readTables(stage.topology.source),
      stage.load.ledger,
    );
    const summary = summarize(stage, schedule.carried, verdict);
    say(summary.text);
    const problems = [...verdict.problems, ...summary.problems];
    if (summary.peakRssBytes > memoryBoundBytes)
      problems.push(`the agent took ${summary.peakRssBytes} bytes of memory`);
    return problems;
  }
}

/** An error and what caused it. */
function explain(error: unknown): string {
  if (!(error instanceof Error) || error.cause === undefined) return messageOf(error);
  return `${messageOf(error)}: ${explain(error.cause)}`;
}

import { setTimeout as pause } from 'node:timers/promises';
import type { TestServer } from '../servers/index.js';
import { AuditCounter, readAudit } from './audit.js';
import { type LogEvent, RunningCommand } from './command.js';
import { type Judgement, judge } from './judge.js';
import { Load, table } from './load.js';
import type { Screen } from './screen.js';
import { describeServers, setStage, type Stage } from './stage.js';
import { serverNow, tell } from './story.js';

/** What the play needs from outside. */
export type PlayOptions = {
  readonly screen: Screen;
  readonly zookeeper: boolean;
  /** Fires when the audience has seen enough. */
  readonly signal: AbortSignal;
};

const writers = 4;
const loadBeforeMs = 4000;
const loadAfterMs = 4000;
const patienceMs = 30_000;
const progressEveryMs = 100;

/** Plays the demo from start to judgement; whatever happens, nothing of it is left behind. */
export async function play(options: PlayOptions): Promise<Judgement> {
  const { screen, zookeeper, signal } = options;
  const zookeeperToo = zookeeper ? ' and a ZooKeeper' : '';
  screen.step(`Starting a source, two replicas${zookeeperToo} …`);
  const stage = await setStage({ zookeeper });
  const show = new Show(stage, options);
  try {
    signal.throwIfAborted();
    return await show.run();
  } finally {
    screen.settle();
    await show.close();
    await stage.close();
  }
}

/** One run on a stage that stands. */
class Show {
  readonly #stage: Stage;
  readonly #options: PlayOptions;
  readonly #load: Load;
  readonly #counter: AuditCounter;
  readonly #over = new AbortController();
  readonly #commands: RunningCommand[] = [];
  readonly #seen: LogEvent[] = [];
  #look: () => void = () => undefined;
  #watching: Promise<void> = Promise.resolve();
  #reading = 'nothing yet';
  #delivered = 0;

  constructor(stage: Stage, options: PlayOptions) {
    this.#stage = stage;
    this.#options = options;
    this.#load = new Load(stage.topology.source);
    this.#counter = new AuditCounter(stage.auditFile);
  }

  async run(): Promise<Judgement> {
    await this.#begin();
    await this.#wait(loadBeforeMs);
    await this.#loseServer();
    await this.#wait(loadAfterMs);
    await this.#end();
    return this.#judge();
  }

  /** Ends everything that this run has started; the servers are the stage's. */
  async close(): Promise<void> {
    this.#over.abort();
    await this.#watching;
    await this.#load.stop().catch(() => undefined);
    await Promise.all(this.#commands.map((command) => command.stop()));
    await this.#counter.close();
  }

  async #begin(): Promise<void> {
    const { screen } = this.#options;
    const { topology, injector, config, checkpoint, nameOf } = this.#stage;
    screen.step(`${describeServers(topology)}:`);
    for (const { address } of topology.servers) screen.detail(nameOf(address), address);
    const { source } = topology;
    const inject = ['inject', '--server', source.address, '--every', '1s', '--get-server-public-key'];
    this.#start(inject, injector);
    await this.#event('hint.injected');
    screen.step('waymark inject: a hint goes into the binary log of the source every second.');
    await topology.waitForReplicas();
    this.#start(['run', '-c', config], {});
    const { server, file, position } = await this.#event('stream.started');
    screen.step(
      `waymark run: the agent reads ${nameOf(String(server))} from ${String(file)}:${String(position)} on; ` +
        `its checkpoint is in ${checkpoint}.`,
    );
    await this.#load.start(writers);
    screen.step(`${writers} writers change ${table.schema}.${table.name} on the source.`);
    this.#watching = this.#watch();
  }

  /** SIGKILL for the server that the agent reads, under load. */
  async #loseServer(): Promise<void> {
    const { screen } = this.#options;
    const { topology, nameOf } = this.#stage;
    const address = this.#seen.map(serverNow).findLast((server) => server !== null);
    const victim = topology.servers.find((server) => server.address === address);
    if (victim === undefined) throw new Error('the agent reads none of the servers');
    screen.step(screen.style('red', `kill -9: ${nameOf(victim.address)}, which the agent reads, is gone.`));
    const done = this.#event('failover.done');
    await victim.kill();
    await done;
  }

  async #end(): Promise<void> {
    const { screen } = this.#options;
    await this.#load.stop();
    screen.step(`The writers have stopped. Waiting until the audit file has everything …`);
    const deadline = performance.now() + patienceMs;
    while ((await this.#counter.count()) < this.#load.changes && performance.now() < deadline) {
      await this.#wait(progressEveryMs);
    }
    // What should not come would come now.
    await this.#wait(2 * progressEveryMs);
    this.#over.abort();
    await this.#watching;
    screen.settle();
    const codes = await Promise.all(this.#commands.map((command) => command.stop()));
    if (codes.some((code) => code !== 0))
      throw new Error(`a command ended with exit code ${codes.join(', ')}`);
    screen.step('Agent and injector have been stopped in order (exit code 0).');
  }

  async #judge(): Promise<Judgement> {
    const { topology, auditFile } = this.#stage;
    return judge({
      committed: this.#load.committed,
      audited: await readAudit(auditFile),
      table: await tableOf(topology.source),
    });
  }

  #start(args: readonly string[], environment: Readonly<Record<string, string>>): void {
    const command = new RunningCommand(args, environment, (event) => {
      this.#hear(event);
    });
    this.#commands.push(command);
    void command.ended.then(({ code, lastWords }) => {
      if (this.#over.signal.aborted) return;
      const what = `waymark ${args[0] ?? ''} ended before its time (exit code ${String(code)}):\n${lastWords}`;
      this.#over.abort(new Error(what));
    });
  }

  #hear(event: LogEvent): void {
    const { screen } = this.#options;
    const { nameOf } = this.#stage;
    this.#seen.push(event);
    const server = serverNow(event);
    if (server !== null) this.#reading = `reading ${nameOf(server)}`;
    if (event.event === 'failover.started') this.#reading = 'looking for another server';
    for (const line of tell(event, nameOf)) {
      if (line.kind === 'step') screen.step(screen.style('green', line.text));
      else screen.detail(line.name, line.text);
    }
    this.#look();
  }

  /** The first event of that name. */
  async #event(name: string): Promise<LogEvent> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const found = this.#seen.find(({ event }) => event === name);
      if (found) return found;
      if (performance.now() > deadline) {
        throw new Error(`gave up after ${patienceMs / 1000} s: no "${name}" in the log of the agent`);
      }
      const heard = new Promise<void>((resolve) => (this.#look = resolve));
      await Promise.race([heard, this.#wait(1000)]);
    }
  }

  /** Waits, unless something has ended the show. */
  async #wait(ms: number): Promise<void> {
    const ended = AbortSignal.any([this.#options.signal, this.#over.signal]);
    await pause(ms, undefined, { signal: ended }).catch(() => undefined);
    ended.throwIfAborted();
  }

  /** Keeps the progress line up to date. */
  async #watch(): Promise<void> {
    const { screen } = this.#options;
    while (!this.#over.signal.aborted) {
      this.#delivered = await this.#counter.count();
      const written = this.#load.changes;
      const behind = Math.max(0, written - this.#delivered);
      screen.progress(
        `${screen.style('cyan', 'rows')}  written ${number(written)}  delivered ${number(this.#delivered)}  ` +
          `on the way ${number(behind)}  ${this.#reading}`,
      );
      await pause(progressEveryMs, undefined, { signal: this.#over.signal }).catch(() => undefined);
    }
  }
}

async function tableOf(source: TestServer): Promise<Record<string, unknown>[]> {
  return source.query<Record<string, unknown>>(`SELECT * FROM ${table.schema}.${table.name}`);
}

function number(value: number): string {
  return value.toLocaleString('en').padStart(6);
}

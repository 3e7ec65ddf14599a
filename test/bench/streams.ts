/**
 * Many streams shared out among a few agents: `npm run bench:streams`. ZooKeeper, elections, checkpoints and agents are
 * real, each agent a process of its own; the streams have no tail.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startZooKeeper } from '../servers/index.js';
import { acquit, entrust } from '../servers/reaper.js';
import { until } from '../servers/wait.js';

const streams = Number(process.env['WAYMARK_BENCH_STREAMS'] ?? 1000);
const agents = Number(process.env['WAYMARK_BENCH_AGENTS'] ?? 10);
const program = fileURLToPath(new URL('stream-agent.ts', import.meta.url));
const patient = { timeoutMs: 180_000, everyMs: 50 };

/** An agent's process, and what it leads. */
class BenchAgent {
  readonly leads = new Set<string>();
  ready = false;
  /** How often it has begun to lead a stream. */
  begun = 0;
  readonly #child: ChildProcess;

  constructor(zookeeper: string) {
    // A session of its own: the client of ZooKeeper in its child process dies with it.
    this.#child = spawn(
      process.execPath,
      ['--import', 'tsx', program, zookeeper, String(streams), String(streams)],
      { detached: true, stdio: ['pipe', 'pipe', 'inherit'] },
    );
    if (this.#child.pid !== undefined) entrust('process', this.#child.pid);
    if (this.#child.stdout === null) throw new Error('no pipe');
    createInterface(this.#child.stdout).on('line', (line) => {
      const [sign, stream = ''] = line.split(' ');
      if (sign === 'ready') this.ready = true;
      else if (sign === '-') this.leads.delete(stream);
      else {
        this.leads.add(stream);
        this.begun += 1;
      }
    });
  }

  go(): void {
    this.#child.stdin?.write('go\n');
  }

  /** As if its machine had died: nobody is left to end its session. */
  kill(): void {
    this.leads.clear();
    if (this.#child.pid === undefined) return;
    process.kill(-this.#child.pid, 'SIGKILL');
    acquit('process', this.#child.pid);
  }
}

/** Requests that ZooKeeper has answered so far. */
function requests(address: string): Promise<number> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect({ host, port: Number(port) }, () => socket.write('mntr'));
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', reject);
    socket.on('close', () => {
      resolve(Number(/zk_packets_received\s+(\d+)/.exec(answer)?.[1] ?? 0));
    });
  });
}

const zookeeper = await startZooKeeper();
const living: BenchAgent[] = [];
const all: BenchAgent[] = [];
const start = async (count: number): Promise<void> => {
  const fresh = Array.from({ length: count }, () => new BenchAgent(zookeeper.connectString));
  living.push(...fresh);
  all.push(...fresh);
  await until('the agents are ready', () => Promise.resolve(fresh.every(({ ready }) => ready)), patient);
};

/** Every stream is led by one agent, and no agent leads two more than another. */
function isEven(): boolean {
  const counts = living.map(({ leads }) => leads.size);
  const led = new Set(living.flatMap(({ leads }) => [...leads]));
  const sum = counts.reduce((total, size) => total + size, 0);
  return led.size === streams && sum === streams && Math.max(...counts) - Math.min(...counts) <= 1;
}

async function measure(what: string, act: () => void): Promise<void> {
  const begun = (): number => all.reduce((sum, agent) => sum + agent.begun, 0);
  const [before, movedBefore] = [await requests(zookeeper.connectString), begun()];
  const startedAt = performance.now();
  act();
  const led = (): number => living.reduce((sum, { leads }) => sum + leads.size, 0);
  await until('all streams are led', () => Promise.resolve(led() === streams), patient);
  const ledAfter = (performance.now() - startedAt) / 1000;
  await until('the streams are spread', () => Promise.resolve(isEven()), patient);
  const seconds = (performance.now() - startedAt) / 1000;
  const operations = (await requests(zookeeper.connectString)) - before;
  console.log(
    `${what.padEnd(34)} all led after ${ledAfter.toFixed(1)} s, evenly after ${seconds.toFixed(1)} s; ` +
      `${String(begun() - movedBefore)} leaderships begun, ${String(operations)} ZooKeeper operations (${(operations / seconds).toFixed(0)}/s)`,
  );
}

try {
  await start(agents);
  await measure(`${agents} agents begin`, () => {
    for (const agent of living) agent.go();
  });
  const [restBefore, restStart] = [await requests(zookeeper.connectString), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const rest = (await requests(zookeeper.connectString)) - restBefore;
  console.log(
    `${'at rest'.padEnd(34)} ${((rest * 1000) / (performance.now() - restStart)).toFixed(0)} ZooKeeper operations/s`,
  );
  await measure('one dies with its machine', () => {
    living.shift()?.kill();
  });
  await start(1);
  await measure('one comes', () => {
    living.at(-1)?.go();
  });
} finally {
  for (const agent of living) agent.kill();
  await zookeeper.stop();
}

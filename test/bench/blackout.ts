/**
 * How long a server's death is noticed in the output: `npm run bench:blackout [-- --kills 20]`. An agent as its users
 * run it reads one of three replicas under load; the one that it reads is killed (SIGKILL) or frozen (SIGSTOP), comes
 * back, and so on. At the end everything must have been delivered exactly once, in order.
 */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { AgentStatus } from '../../src/index.js';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { claimPort } from '../servers/ports.js';
import { startTopology, type TestServer } from '../servers/index.js';
import { until } from '../servers/wait.js';
import { AgentProcess } from '../support/agent-process.js';
import { AuditFollower, readAudit } from '../support/audit.js';
import { startHints } from '../support/hints.js';
import { explain, judge } from '../support/judge.js';
import { startLoad } from '../support/load.js';
import { readTruth } from '../support/oracle.js';
import { Random } from '../support/random.js';

/** What is done to a server, and how it is undone. */
type Fault = {
  readonly name: string;
  do(server: TestServer): Promise<void>;
  undo(server: TestServer): Promise<void>;
};

/** The parts of a blackout, in milliseconds. */
type Parts = Readonly<
  Record<'blackout' | 'detect' | 'choose' | 'locate' | 'verify' | 'first record', number>
>;

const faults: readonly Fault[] = [
  { name: 'SIGKILL', do: (server) => server.kill(), undo: (server) => server.restart() },
  { name: 'SIGSTOP', do: (server) => server.freeze(), undo: (server) => server.resume() },
];

const hintsEveryMs = 1000;
const transactionsPerSecond = 40;
const agentLimitMs = 20 * 60_000;

const { values } = parseArgs({ options: { kills: { type: 'string', default: '20' } } });
const kills = Number(values.kills);
const seed = Number(process.env['WAYMARK_TEST_SEED'] ?? 1);
const random = new Random(seed);

const topology = await startTopology({ replicas: 3 });
const folder = await makeRunFolder();
const audit = join(folder, 'audit.ndjson');
const follower = new AuditFollower(audit);
const { source, replicas } = topology;
const port = await claimPort();

const hints = startHints(source, hintsEveryMs);
await hints.next();
await topology.waitForReplicas();
const agent = await AgentProcess.start({ folder, config: configuration(), limitMs: agentLimitMs });
await agent.waitForEvent('stream.started');
// Begun only now: all that is ever written must be delivered.
const load = await startLoad(source, { rate: transactionsPerSecond, seed });

try {
  console.log(
    `${source.vendor} ${source.version}, ${transactionsPerSecond} transactions/s, a hint every ${hintsEveryMs} ms, ` +
      `${kills} kills each, seed ${seed}`,
  );
  for (const fault of faults) {
    report(fault.name, await series(fault));
    const { trail } = await status();
    console.log(`  (each candidate is compared by a trail of some ${trail.transactions} transactions)`);
  }
  await load.stop();
  const mark = await load.mark();
  await until('the audit holds everything', () => follower.holds(mark), { timeoutMs: 60_000, everyMs: 50 });
  await agent.stop();
  const verdict = await judge(readAudit(audit), await readTruth(source));
  console.log(verdict.ok ? 'Everything was delivered exactly once, in order.' : explain(verdict));
  process.exitCode = verdict.ok ? 0 : 1;
} catch (error) {
  console.error(agent.log());
  throw error;
} finally {
  await Promise.allSettled([agent.kill(), hints.stop(), load.close()]);
  await topology.stop();
  await removeRunFolder(folder);
}
process.exit();

function configuration(): Record<string, unknown> {
  return {
    stream: 'bench',
    servers: replicas.map(({ address }) => address),
    ...{ user: source.user, password: source.password, getServerPublicKey: true },
    filter: { include: ['shop.*'] },
    checkpoint: { store: 'file', path: join(folder, 'state') },
    sink: { type: 'file', path: audit },
    failover: { cooldown: '1s' },
    http: { listen: `127.0.0.1:${port}` },
  };
}

/** So many deaths of the server that is read. */
async function series(fault: Fault): Promise<Parts[]> {
  const all: Parts[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    const server = await steady();
    // Anywhere between two hints.
    await pause(random.between(0, hintsEveryMs));
    await fault.do(server);
    all.push(await arrival(server));
    await fault.undo(server);
    await topology.waitForReplicas([...replicas], 60_000);
  }
  return all;
}

/** The server that is read, when records come from it and all others could take over. */
async function steady(): Promise<TestServer> {
  const lines = await follower.lines();
  return until('a steady stream', async () => {
    const { healthy, server, members, switches } = await status();
    const arrived = switches.at(-1)?.from == null || switches.at(-1)?.blackoutMs !== null;
    const all = members.every(({ finding }) => finding === 'healthy');
    if (!healthy || !all || !arrived || (await follower.lines()) <= lines) return undefined;
    return replicas.find(({ address }) => address === server);
  });
}

/** What the agent says of the switch away from that server. */
async function arrival(from: TestServer): Promise<Parts> {
  const change = await until(
    'a switch',
    async () => {
      const last = (await status()).switches.at(-1);
      return last?.from === from.address && last.blackoutMs !== null ? last : undefined;
    },
    { timeoutMs: 60_000 },
  );
  const { blackoutMs, timeline } = change;
  return {
    blackout: blackoutMs ?? 0,
    detect: timeline?.detectMs ?? 0,
    choose: timeline?.chooseMs ?? 0,
    locate: timeline?.locateMs ?? 0,
    verify: timeline?.verifyMs ?? 0,
    'first record': timeline?.firstRecordMs ?? 0,
  };
}

async function status(): Promise<AgentStatus> {
  const response = await fetch(`http://127.0.0.1:${port}/status`);
  return (await response.json()) as AgentStatus;
}

function report(name: string, all: readonly Parts[]): void {
  console.log(`\n${name.padEnd(16)} median    worst`);
  const [first] = all;
  if (first === undefined) return;
  for (const part of Object.keys(first) as (keyof Parts)[]) {
    const sorted = all.map((parts) => parts[part]).toSorted((a, b) => a - b);
    const median = sorted[sorted.length >> 1] ?? 0;
    const worst = sorted.at(-1) ?? 0;
    console.log(`  ${part.padEnd(12)} ${ms(median)} ${ms(worst)}`);
  }
}

function ms(value: number): string {
  return `${Math.round(value)} ms`.padStart(8);
}

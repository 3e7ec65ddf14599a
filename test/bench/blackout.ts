/**
 * How long a server's death is noticed in the output: `npm run bench:blackout [-- --kills 100 --streams hints+shadow]`. An
 * agent as its users run it reads one of three replicas under load; the one that it reads is killed (SIGKILL) or frozen
 * (SIGSTOP), comes back, and so on. Streams by hints and by GTIDs, and with a shadow (`hints+shadow`), take turns on the
 * same servers, and while GTIDs have their turn nobody injects hints. At the end each must have delivered everything
 * exactly once, in order.
 */
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { AgentStatus } from '../../src/index.js';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { defaultKind } from '../servers/kind.js';
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

/** The parts of a blackout, in milliseconds, and what a reader of the output sees of it. */
const partNames = [
  'in the output',
  'blackout',
  'detect',
  'choose',
  'locate',
  'verify',
  'first record',
] as const;
type Parts = Readonly<Record<(typeof partNames)[number], number>>;

/** A stream, what finds its places, and whether it has a shadow. */
type Stream = {
  readonly name: string;
  readonly anchors: Anchors;
  readonly shadow: boolean;
  readonly folder: string;
  readonly audit: string;
  readonly follower: AuditFollower;
  readonly port: number;
};

type Anchors = 'hints' | 'gtid';

const faults: readonly Fault[] = [
  { name: 'SIGKILL', do: (server) => server.kill(), undo: (server) => server.restart() },
  { name: 'SIGSTOP', do: (server) => server.freeze(), undo: (server) => server.resume() },
];

const hintsEveryMs = 1000;
const agentLimitMs = 20 * 60_000;
/** So many deaths follow each other in a turn. */
const turnLength = 5;

const hasGtids = defaultKind().settings['gtid_mode'] !== 'OFF';
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    rate: { type: 'string', default: '40' },
    streams: { type: 'string', default: hasGtids ? 'hints,gtid,hints+shadow' : 'hints,hints+shadow' },
  },
});
const kills = Number(values.kills);
const transactionsPerSecond = Number(values.rate);
const seed = Number(process.env['WAYMARK_TEST_SEED'] ?? 1);
const random = new Random(seed);

const topology = await startTopology({ replicas: 3 });
const folder = await makeRunFolder();
const { source, replicas } = topology;
const streams: Stream[] = [];
for (const name of values.streams.split(',')) streams.push(await prepareStream(name));
const agents = new Set<AgentProcess>();
// Both streams begin at the log's beginning: all that is ever written must be delivered.
const load = await startLoad(source, { rate: transactionsPerSecond, seed });

try {
  await topology.waitForReplicas();
  console.log(
    `${source.vendor} ${source.version}, ${transactionsPerSecond} transactions/s, a hint every ${hintsEveryMs} ms, ` +
      `${kills} kills each, seed ${seed}`,
  );
  for (const fault of faults) {
    const parts = new Map(streams.map((stream) => [stream, [] as Parts[]]));
    for (let done = 0; done < kills; done += turnLength) {
      for (const stream of streams) {
        const more = await turn(stream, fault, Math.min(turnLength, kills - done));
        parts.get(stream)?.push(...more);
      }
    }
    report(fault.name, parts);
  }
  await load.stop();
  const mark = await load.mark();
  for (const stream of streams) await finish(stream, mark);
} catch (error) {
  for (const agent of agents) console.error(agent.log());
  throw error;
} finally {
  await Promise.allSettled([...[...agents].map((agent) => agent.kill()), load.close()]);
  await topology.stop();
  await removeRunFolder(folder);
}
process.exit();

async function prepareStream(name: string): Promise<Stream> {
  const [anchors, more] = name.split('+');
  const isKnown = (anchors === 'hints' || anchors === 'gtid') && (more === undefined || more === 'shadow');
  if (!isKnown) throw new Error(`a stream is hints or gtid, with or without +shadow, and not ${name}`);
  const own = join(folder, name);
  await mkdir(own);
  const audit = join(own, 'audit.ndjson');
  const follower = new AuditFollower(audit);
  return { name, anchors, shadow: more !== undefined, folder: own, audit, follower, port: await claimPort() };
}

function configuration(stream: Stream): Record<string, unknown> {
  const { name, anchors, shadow, folder: own, audit, port } = stream;
  return {
    stream: name.replace('+', '-'),
    shadow,
    servers: replicas.map(({ address }) => address),
    ...{ user: source.user, password: source.password, getServerPublicKey: true },
    filter: { include: ['shop.*'] },
    start: 'earliest',
    anchors,
    checkpoint: { store: 'file', path: join(own, 'state') },
    sink: { type: 'file', path: audit },
    failover: { cooldown: '1s' },
    http: { listen: `127.0.0.1:${port}` },
  };
}

/** The stream's agent, as long as `work` takes. */
async function running<Result>(
  stream: Stream,
  work: (agent: AgentProcess) => Promise<Result>,
): Promise<Result> {
  const agent = await AgentProcess.start({
    folder: stream.folder,
    config: configuration(stream),
    limitMs: agentLimitMs,
  });
  agents.add(agent);
  await agent.waitForEvent('stream.started');
  const result = await work(agent);
  await agent.stop();
  agents.delete(agent);
  return result;
}

/** So many deaths of the server that the stream is read from. */
function turn(stream: Stream, fault: Fault, count: number): Promise<Parts[]> {
  return running(stream, async () => {
    const hints = stream.anchors === 'hints' ? startHints(source, hintsEveryMs) : null;
    try {
      // The trail has hints again, as it has where they are always injected.
      for (let hint = 0; hint < 3; hint += 1) await hints?.next();
      return await series(stream, fault, count);
    } finally {
      await hints?.stop();
    }
  });
}

async function series(stream: Stream, fault: Fault, count: number): Promise<Parts[]> {
  const all: Parts[] = [];
  for (let kill = 0; kill < count; kill += 1) {
    const server = await steady(stream);
    // Anywhere between two hints.
    await pause(random.between(0, hintsEveryMs));
    const gap = gapInOutput(stream.audit, server.address);
    await fault.do(server);
    all.push(await arrival(stream, server, gap));
    await fault.undo(server);
    await topology.waitForReplicas([...replicas], 60_000);
  }
  return all;
}

/** The server that is read, when records come from it and all others could take over. */
async function steady(stream: Stream): Promise<TestServer> {
  const holdsMark = stream.follower.expect(await load.mark());
  return until(
    'a steady stream',
    async () => {
      const { healthy, server, members, shadow, switches } = await status(stream);
      const arrived = switches.at(-1)?.from == null || switches.at(-1)?.blackoutMs !== null;
      const all = members.every(({ finding }) => finding === 'healthy');
      if (!healthy || !all || !arrived || !(await holdsMark())) return undefined;
      if (stream.shadow && shadow === null) return undefined;
      return replicas.find(({ address }) => address === server);
    },
    { timeoutMs: 60_000 },
  );
}

/** From the last record of one server to the first of another one, as they come into the audit: milliseconds. */
async function gapInOutput(audit: string, from: string): Promise<number> {
  const file = await open(audit);
  try {
    const buffer = Buffer.alloc(256 * 1024);
    let { size: offset } = await file.stat();
    let lastMs = performance.now();
    let rest = '';
    const endMs = lastMs + 60_000;
    while (performance.now() < endMs) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
      if (bytesRead === 0) {
        await pause(1);
        continue;
      }
      const nowMs = performance.now();
      offset += bytesRead;
      const lines = (rest + buffer.toString('latin1', 0, bytesRead)).split('\n');
      rest = lines.pop() ?? '';
      // The first line may have begun before.
      const servers = lines.flatMap((line) => /"source":\{"server":"([^"]+)"/.exec(line)?.[1] ?? []);
      if (servers.some((server) => server !== from)) return nowMs - lastMs;
      if (servers.length > 0) lastMs = nowMs;
    }
    throw new Error(`no other server than ${from} was read`);
  } finally {
    await file.close();
  }
}

/** What the agent says of the switch away from that server. */
async function arrival(stream: Stream, from: TestServer, gap: Promise<number>): Promise<Parts> {
  // Whoever fails before comes to await it no more.
  gap.catch(() => undefined);
  const change = await until(
    'a switch',
    async () => {
      const last = (await status(stream)).switches.at(-1);
      return last?.from === from.address && last.blackoutMs !== null ? last : undefined;
    },
    { timeoutMs: 60_000 },
  );
  const { blackoutMs, timeline } = change;
  return {
    'in the output': await gap,
    blackout: blackoutMs ?? 0,
    detect: timeline?.detectMs ?? 0,
    choose: timeline?.chooseMs ?? 0,
    locate: timeline?.locateMs ?? 0,
    verify: timeline?.verifyMs ?? 0,
    'first record': timeline?.firstRecordMs ?? 0,
  };
}

async function status({ port }: Stream): Promise<AgentStatus> {
  const response = await fetch(`http://127.0.0.1:${port}/status`);
  return (await response.json()) as AgentStatus;
}

/** Delivers what is left, and judges. */
async function finish(stream: Stream, mark: string): Promise<void> {
  const holdsMark = stream.follower.expect(mark);
  await running(stream, () =>
    until('the audit holds everything', holdsMark, {
      timeoutMs: 60_000,
      everyMs: 50,
    }),
  );
  const verdict = await judge(readAudit(stream.audit), await readTruth(source));
  const well = 'everything was delivered exactly once, in order';
  console.log(`By ${stream.name}: ${verdict.ok ? well : explain(verdict)}.`);
  if (!verdict.ok) process.exitCode = 1;
}

function report(name: string, all: ReadonlyMap<Stream, readonly Parts[]>): void {
  const columns = [...all].map(([{ name: stream }, parts]) => ({ title: `by ${stream}:`, parts }));
  const heading = columns.map(({ title }) => `${title.padStart(21)} median     99 %    worst`);
  console.log(`\n${name.padEnd(16)}${heading.join('')}`);
  for (const part of partNames) {
    const cells = columns.map(({ parts }) => {
      const sorted = parts.map((one) => one[part]).toSorted((a, b) => a - b);
      const [median, high, worst] = [0.5, 0.99, 1].map((share) =>
        ms(sorted[Math.ceil(share * sorted.length) - 1] ?? 0),
      );
      return `${(median ?? '').padStart(28)} ${high ?? ''} ${worst ?? ''}`;
    });
    console.log(`  ${part.padEnd(14)}${cells.join('')}`);
  }
}

function ms(value: number): string {
  return `${Math.round(value)} ms`.padStart(8);
}

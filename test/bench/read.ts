/**
 * How fast waymark reads, from the socket to the audit file, with everything on (checksums, identities, checkpoints),
 * beside other readers on the same files in the same run: `npm run bench [-- --runs 5] [--only bulk]`. Medians. With
 * `--pool` beside itself alone: a pool of two, with a hint each second. With `--shadow` a stream that has one beside one
 * that has none.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { startTopology, type TestServer } from '../servers/index.js';
import { startHints } from '../support/hints.js';
import { type Files, fixtures, makeTables } from './data.js';
import { type Peer, peersIn } from './peers.js';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    only: { type: 'string' },
    pool: { type: 'boolean', default: false },
    shadow: { type: 'boolean', default: false },
  },
});
const runs = Number(values.runs);
const reader = fileURLToPath(new URL('read-agent.mjs', import.meta.url));
const readLimitMs = 5 * 60_000;

/** What an agent of its own took for so many rows, and the most memory that it had. */
type Ours = {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rows: number;
  /** Transactions and hints that its shadow has shown. */
  readonly met: number;
  readonly peakRssMb: number;
};

const hintsEveryMs = 1000;

const topology = await startTopology({
  replicas: values.pool || values.shadow ? 1 : 0,
  settings: { max_binlog_size: '1G', innodb_buffer_pool_size: '256M', binlog_row_metadata: 'FULL' },
});
const { source: server } = topology;
const folder = await makeRunFolder();

/** @param shadow null: measured from the beginning. Else from where a shadow can begin, with or without one. */
async function ours(
  files: Files,
  rows: number,
  members: readonly TestServer[] = [server],
  shadow: boolean | null = null,
): Promise<Ours> {
  const { user, password } = server;
  const servers = members.map(({ host, port }) => `${host}:${port}`);
  const job = {
    ...{ servers, user, password, file: files.files[0] ?? '', rows, folder: join(folder, 'ours') },
    ...(shadow === null ? {} : { shadow }),
  };
  const child = fork(reader, [JSON.stringify(job)], { execArgv: [], timeout: readLimitMs });
  const [answer] = (await once(child, 'message')) as [Ours];
  await once(child, 'exit');
  return answer;
}

/** What a pool of two is measured against. */
const alone: Peer = {
  name: 'waymark, that server alone',
  read: async (_server, files, rows) => (await ours(files, rows)).seconds,
};

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0;
/** A stream with a shadow, beside the same without one, in turns. */
async function compareShadow(files: Files, rows: number): Promise<void> {
  const runsOf = new Map([false, true].map((shadow) => [shadow, [] as Ours[]]));
  for (let run = 0; run < runs; run += 1) {
    for (const [shadow, all] of runsOf)
      all.push(await ours(files, rows, [server, ...topology.replicas], shadow));
  }
  const cpu = new Map<boolean, number>();
  for (const [shadow, all] of runsOf) {
    const perRow = median(all.map((one) => (one.cpuSeconds / one.rows) * 1e6));
    cpu.set(shadow, perRow);
    const speed = median(all.map((one) => one.rows / one.seconds));
    const peak = median(all.map(({ peakRssMb }) => peakRssMb));
    const met = shadow
      ? `, the shadow has shown ${round(median(all.map((one) => one.met)))} transactions`
      : '';
    console.log(
      `  ${(shadow ? 'with a shadow' : 'without').padEnd(14)} ${round(speed).padStart(10)} a second, ` +
        `${perRow.toFixed(2)} µs of CPU each, ${peak} MB${met}`,
    );
  }
  const share = (cpu.get(true) ?? 0) / (cpu.get(false) ?? 1) - 1;
  console.log(`  the shadow takes ${share.toFixed(2)} of the CPU that the stream takes`);
}

const round = (value: number): string => Math.round(value).toLocaleString('en');

try {
  const peers = values.shadow ? [] : values.pool ? [alone] : await peersIn(folder);
  await makeTables(server);
  const hints = values.pool ? startHints(server, hintsEveryMs) : null;
  console.log(
    `${server.vendor} ${server.version}, medians of ${runs}, rows (or transactions of one) a second`,
  );
  for (const { name, rows, write } of fixtures) {
    if (values.only !== undefined && values.only !== name) continue;
    const files = await write(server);
    await topology.waitForReplicas();
    console.log(`\n${name}: ${round(rows)} rows, ${round(files.bytes / 1e6)} MB of log`);
    if (values.shadow) {
      await compareShadow(files, rows);
      continue;
    }
    const own: Ours[] = [];
    const seconds = new Map(peers.map((peer) => [peer.name, [] as number[]]));
    for (let run = 0; run < runs; run += 1) {
      own.push(await ours(files, rows, [server, ...topology.replicas]));
      for (const peer of peers) seconds.get(peer.name)?.push(await peer.read(server, files, rows));
    }
    const mine = median(own.map((one) => one.seconds));
    const peak = Math.max(...own.map(({ peakRssMb }) => peakRssMb));
    console.log(
      `  ${'waymark, to its file sink'.padEnd(52)} ${round(rows / mine).padStart(10)}   ${peak} MB`,
    );
    for (const [peer, all] of seconds) {
      const theirs = median(all);
      console.log(
        `  ${peer.padEnd(52)} ${round(rows / theirs).padStart(10)}   waymark is ${(theirs / mine).toFixed(2)} of it`,
      );
    }
  }
  await hints?.stop();
} finally {
  await topology.stop();
  await removeRunFolder(folder);
}
process.exit();

/**
 * How fast waymark reads, from the socket to the audit file, with everything on (checksums, identities, checkpoints),
 * beside other readers on the same files in the same run: `npm run bench [-- --runs 5] [--only bulk]`. Medians.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { startServer } from '../servers/index.js';
import { type Files, fixtures, makeTables } from './data.js';
import { peersIn } from './peers.js';

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '3' }, only: { type: 'string' } },
});
const runs = Number(values.runs);
const reader = fileURLToPath(new URL('read-agent.mjs', import.meta.url));
const readLimitMs = 5 * 60_000;

/** What an agent of its own took, and the most memory that it had. */
type Ours = { readonly seconds: number; readonly peakRssMb: number };

const server = await startServer({
  settings: { max_binlog_size: '1G', innodb_buffer_pool_size: '256M', binlog_row_metadata: 'FULL' },
});
const folder = await makeRunFolder();

async function ours(files: Files, rows: number): Promise<Ours> {
  const { host, port, user, password } = server;
  const job = { host, port, user, password, file: files.files[0] ?? '', rows, folder: join(folder, 'ours') };
  const child = fork(reader, [JSON.stringify(job)], { execArgv: [], timeout: readLimitMs });
  const [answer] = (await once(child, 'message')) as [Ours];
  await once(child, 'exit');
  return answer;
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0;
const round = (value: number): string => Math.round(value).toLocaleString('en');

try {
  const peers = await peersIn(folder);
  await makeTables(server);
  console.log(
    `${server.vendor} ${server.version}, medians of ${runs}, rows (or transactions of one) a second`,
  );
  for (const { name, rows, write } of fixtures) {
    if (values.only !== undefined && values.only !== name) continue;
    const files = await write(server);
    const own: Ours[] = [];
    const seconds = new Map(peers.map((peer) => [peer.name, [] as number[]]));
    for (let run = 0; run < runs; run += 1) {
      own.push(await ours(files, rows));
      for (const peer of peers) seconds.get(peer.name)?.push(await peer.read(server, files, rows));
    }
    const mine = median(own.map((one) => one.seconds));
    const peak = Math.max(...own.map(({ peakRssMb }) => peakRssMb));
    console.log(`\n${name}: ${round(rows)} rows, ${round(files.bytes / 1e6)} MB of log`);
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
} finally {
  await server.stop();
  await removeRunFolder(folder);
}
process.exit();

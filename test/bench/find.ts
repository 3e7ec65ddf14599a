/**
 * How long it takes to find a hint or a GTID in long logs: `npm run bench:find [-- --files 2000 --megabytes 2048]`. Each
 * figure stands beside the time for reading one file up to that place, which nobody who looks for it can do without.
 */
import { parseArgs } from 'node:util';
import { Secret } from '../../src/config/secret.js';
import { defaultHintFormat, hintFromToken } from '../../src/hints/hint.js';
import { scanTransactions } from '../../src/matching/gtid-scan.js';
import { locateHint } from '../../src/matching/locate.js';
import { locateGtid } from '../../src/matching/locate-gtid.js';
import { startServer, type TestServer } from '../servers/index.js';
import { documentOf, runWaymark } from '../unit/cli/waymark.js';
import { inject } from './data.js';

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '2000' },
    megabytes: { type: 'string', default: '2048' },
    runs: { type: 'string', default: '5' },
  },
});
const files = Number(values.files);
const runs = Number(values.runs);
const transactionsPerFile = 20;
const transactionBytes = Math.round((Number(values.megabytes) * 2 ** 20) / files / transactionsPerFile);

/** What is looked for, and in which of the files it is. */
type Sample = { readonly file: number; readonly gtid: string; readonly token: string };

/** What finding something has cost, and reading one file up to its place. */
type Cost = {
  readonly ms: number;
  readonly readMs: number;
  readonly probed: number;
  readonly bytes: number;
};

const { signal } = new AbortController();
const server = await startServer({ settings: { max_binlog_size: '1G', sync_binlog: 0 } });
const { host, port, user, password } = server;
const instance = {
  address: { host, port },
  account: { user, password: new Secret(password), getServerPublicKey: true },
};
const options = { instance, signal, format: defaultHintFormat };

try {
  const samples = await writeLogs();
  const sizes = await server.query<{ File_size: number | string }>('SHOW BINARY LOGS');
  const bytes = sizes.reduce((sum, { File_size: size }) => sum + Number(size), 0);
  console.log(
    `${server.vendor} ${server.version}, ${sizes.length} files, ${Math.round(bytes / 1e6)} MB; medians of ${runs} runs ` +
      `for each of ${samples.length} places`,
  );
  console.log(
    'found by      ms   one file   beyond it   files probed   MB read   (waymark find, a new process: ms)',
  );
  const costs = { hint: [] as Cost[], gtid: [] as Cost[] };
  const commands = { hint: [] as number[], gtid: [] as number[] };
  for (const sample of samples) {
    for (let run = 0; run < runs; run += 1) {
      costs.hint.push(await byHint(sample));
      costs.gtid.push(await byGtid(sample));
      commands.hint.push(await byCommand('--hint', sample.token));
      commands.gtid.push(await byCommand('--gtid', sample.gtid));
    }
  }
  for (const by of ['hint', 'gtid'] as const) report(by, costs[by], commands[by]);
} finally {
  await server.stop();
}
process.exit();

/** Writes the logs: a hint at each file's beginning, and transactions of one row each. */
async function writeLogs(): Promise<Sample[]> {
  await server.query('CREATE DATABASE bench');
  await server.query('USE bench');
  // Only the log is of interest: nothing else is written to the disk.
  await server.query(
    'CREATE TABLE filling (id INT PRIMARY KEY, body VARCHAR(60000)) CHARACTER SET latin1 ENGINE = MEMORY',
  );
  await server.query(
    `CREATE PROCEDURE fill(count INT, bytes INT) BEGIN
      DECLARE i INT DEFAULT 0;
      WHILE i < count DO
        INSERT INTO filling VALUES (i, REPEAT('x', bytes));
        SET i = i + 1;
      END WHILE;
    END`,
  );
  // Near both ends, and between them.
  const wanted = new Set([0.01, 0.25, 0.5, 0.75, 0.99].map((part) => Math.floor(part * files)));
  const samples: Sample[] = [];
  for (let file = 0; file < files; file += 1) {
    const token = await inject(server);
    await server.query('CALL fill(?, ?)', [transactionsPerFile, transactionBytes]);
    if (wanted.has(file)) samples.push({ file, gtid: await middleOf(server), token });
    await server.query('FLUSH BINARY LOGS');
    await server.query('TRUNCATE TABLE filling');
  }
  return samples;
}

/** The GTID in the middle of the file that is being written. */
async function middleOf({ vendor }: TestServer): Promise<string> {
  const variable = vendor === 'mariadb' ? '@@gtid_binlog_pos' : '@@gtid_executed';
  const [row] = await server.query<{ gtids: string }>(`SELECT ${variable} AS gtids`);
  // `0-1-42`, or `UUID:1-42`
  const [, origin = '', last = ''] = /^(\S+?[-:])(?:(?<=:)1-)?(\d+)$/.exec(row?.gtids ?? '') ?? [];
  return `${origin}${Number(last) - transactionsPerFile / 2}`;
}

async function byGtid({ gtid }: Sample): Promise<Cost> {
  const began = performance.now();
  const found = await locateGtid([gtid], options);
  const ms = performance.now() - began;
  const { filesProbed: probed, bytesScanned: bytes } = found;
  return { ms, readMs: await reading(found), probed, bytes };
}

async function byHint({ token }: Sample): Promise<Cost> {
  const began = performance.now();
  const found = await locateHint([hintFromToken(token)], options);
  const ms = performance.now() - began;
  const { filesProbed: probed, bytesScanned: bytes } = found;
  return { ms, readMs: await reading(found), probed, bytes };
}

/** How long it takes to read a file up to a place. */
async function reading({ file, position }: { file: string; position: number }): Promise<number> {
  const began = performance.now();
  await scanTransactions({ file, position: 4 }, options, (place) => place.position >= position);
  return performance.now() - began;
}

/** What the command says of itself. */
async function byCommand(option: '--hint' | '--gtid', text: string): Promise<number> {
  const args = ['find', '--server', server.address, '--get-server-public-key', option, text, '--json'];
  const environment = { WAYMARK_USER: user, WAYMARK_PASSWORD: password };
  return Number(documentOf(await runWaymark(args, environment, 'built'))['elapsedMs']);
}

function report(by: string, costs: readonly Cost[], commands: readonly number[]): void {
  const cells = [
    median(costs.map(({ ms }) => ms))
      .toFixed(0)
      .padStart(10),
    median(costs.map(({ readMs }) => readMs))
      .toFixed(0)
      .padStart(11),
    median(costs.map(({ ms, readMs }) => ms - readMs))
      .toFixed(0)
      .padStart(12),
    median(costs.map(({ probed }) => probed))
      .toFixed(0)
      .padStart(15),
    (median(costs.map(({ bytes: read }) => read)) / 1e6).toFixed(2).padStart(10),
    median(commands).toFixed(0).padStart(10),
  ];
  console.log(`${by.padEnd(8)}${cells.join('')}`);
}

function median(all: readonly number[]): number {
  return all.toSorted((a, b) => a - b)[all.length >> 1] ?? 0;
}

/**
 * How fast waymark reads: `node --import tsx test/bench/scan.ts`. Each figure stands beside a peer's on the same files
 * in the same run; medians of several runs.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import ZongJi from '@vlasky/zongji';
import pino from 'pino';
import { ProvedLayouts } from '../../src/layouts/proved-layouts.js';
import { readDump } from '../../src/dump/dump-stream.js';
import { EventType, eventType } from '../../src/binlog/event.js';
import { Secret } from '../../src/config/secret.js';
import { tableFilter } from '../../src/config/table-filter.js';
import { defaultHintFormat } from '../../src/hints/hint.js';
import { beginTrail } from '../../src/matching/first-trail.js';
import { scanHints } from '../../src/matching/hint-scan.js';
import { findResumePoint } from '../../src/matching/resume-point.js';
import { newProgress } from '../../src/tail/progress.js';
import { inspect } from '../../src/mysql/inspect.js';
import { tail } from '../../src/tail/tail.js';
import { startServer } from '../servers/index.js';
import { bulk, type Files, inject, makeTables, singles } from './data.js';

const runs = 3;
const { signal } = new AbortController();
const everything = tableFilter({ include: ['*.*'], exclude: [] });

if (spawnSync('mariadb-binlog', ['--version']).error !== undefined) {
  console.error(
    'mariadb-binlog, which scans are held against, is missing: on Debian, apt-get install mariadb-client',
  );
  process.exit(1);
}
const server = await startServer({ settings: { max_binlog_size: '64M', innodb_buffer_pool_size: '256M' } });
const instance = {
  address: { host: server.host, port: server.port },
  account: { user: server.user, password: new Secret(server.password), getServerPublicKey: true },
};
const common = { instance, signal, format: defaultHintFormat, filter: everything };

/** The median of several runs, in seconds. */
async function median(work: () => Promise<void>): Promise<number> {
  const seconds: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const began = performance.now();
    await work();
    seconds.push((performance.now() - began) / 1000);
  }
  return seconds.toSorted((a, b) => a - b)[runs >> 1] ?? 0;
}

const report = (what: string, figures: Record<string, string>): void => {
  const cells = Object.entries(figures).map(([name, figure]) => `${name} ${figure}`);
  console.log(`${what.padEnd(34)} ${cells.join('   ')}`);
};
const round = (value: number): string => Math.round(value).toLocaleString('en');

async function countEvents(files: Files): Promise<{ events: number; rows: number }> {
  let events = 0;
  let rows = 0;
  for (const file of files.files) {
    const state = { done: false };
    for await (const batch of readDump({ ...common, start: { file, position: 4 }, nonBlocking: true })) {
      batch.forEach((buffer, start) => {
        const type = eventType(buffer, start);
        if (state.done) return;
        events += 1;
        if (type === EventType.writeRowsV1) rows += 1;
        if (type === EventType.rotate && events > 1 && buffer.readUInt32LE(start + 13) !== 0)
          state.done = true;
      });
      if (state.done) break;
    }
  }
  return { events, rows };
}

async function scan(files: Files): Promise<void> {
  const start = { file: files.files[0] ?? '', position: 4 };
  const last = files.files.at(-1);
  let inRange = true;
  await scanHints(
    start,
    common,
    () => false,
    (file) => {
      const before = inRange;
      inRange = files.files.includes(file);
      return before && !inRange && last !== undefined;
    },
  );
}

/** The client that comes with the server, reading the same files over the same kind of connection. */
async function mariadbBinlog(files: Files): Promise<void> {
  const args = [
    '--no-defaults',
    '--read-from-remote-server',
    '--verify-binlog-checksum=0',
    `--host=${server.host}`,
  ];
  args.push(
    `--port=${server.port}`,
    `--user=${server.user}`,
    `--password=${server.password}`,
    ...files.files,
  );
  const child = spawn('mariadb-binlog', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`mariadb-binlog ended with ${code}`);
}

/** All of waymark but the sink: events, transactions, identities, rows, records. */
async function tailRows(files: Files, rows: number): Promise<void> {
  const done = new AbortController();
  const inspection = await inspect(instance, signal, 5000);
  const coordinates = { file: files.files[0] ?? '', position: 4 };
  const progress = { ...newProgress(1024), coordinates };
  const sink = {
    open: () => Promise.resolve({ remembers: false, delivered: [], endsBetweenTransactions: true }),
    deliver: () => Promise.resolve(),
    flush: () => Promise.resolve(null),
    close: () => Promise.resolve(),
  };
  await tail({
    ...common,
    signal: done.signal,
    inspection,
    resume: { coordinates, trail: [], sequence: 0, sourceServerId: null, skip: [] },
    own: {
      judge: () => Promise.resolve({ kind: 'errant', unchecked: null }),
      upstream: () => Promise.resolve(null),
    },
    ordered: true,
    onDivergence: 'halt',
    columns: null,
    rowImage: 'full',
    query: false,
    progress,
    layouts: new ProvedLayouts(),
    unprovedNames: 'halt',
    sink,
    logger: pino({ level: 'silent' }),
    sinkSignal: signal,
    onBatch: () => {
      if (progress.records >= rows) done.abort(new Error('done'));
      return Promise.resolve();
    },
  }).catch((error: unknown) => {
    if (!done.signal.aborted) throw error;
  });
}

async function zongjiRows(files: Files, rows: number): Promise<void> {
  const { host, port, user, password } = server;
  const zongji = new ZongJi({ host, port, user, password, dateStrings: true });
  let seen = 0;
  await new Promise<void>((resolve, reject) => {
    zongji.on('error', reject);
    zongji.on('binlog', (event: object) => {
      if ('rows' in event && Array.isArray(event.rows)) seen += event.rows.length;
      if (seen >= rows) resolve();
    });
    zongji.start({
      filename: files.files[0] ?? '',
      position: 4,
      serverId: 3_000_000_001,
      includeEvents: ['tablemap', 'writerows', 'rotate'],
    });
  });
  zongji.stop();
}

async function benchScan(name: string, files: Files): Promise<void> {
  const { events } = await countEvents(files);
  const ours = await median(() => scan(files));
  const theirs = await median(() => mariadbBinlog(files));
  report(`scan, ${name} (${round(files.bytes / 1e6)} MB)`, {
    'MB/s': round(files.bytes / 1e6 / ours),
    'events/s': round(events / ours),
    'mariadb-binlog MB/s': round(files.bytes / 1e6 / theirs),
    ratio: (theirs / ours).toFixed(1),
  });
}

async function benchTail(name: string, files: Files, rows: number): Promise<void> {
  const ours = await median(() => tailRows(files, rows));
  const theirs = await median(() => zongjiRows(files, rows));
  report(`tail, ${name}`, {
    'rows/s': round(rows / ours),
    'zongji rows/s': round(rows / theirs),
    ratio: (theirs / ours).toFixed(2),
  });
}

async function benchResume(count: number): Promise<void> {
  await server.query('FLUSH BINARY LOGS');
  const first = await inject(server);
  for (let part = 0; part < 9; part += 1) {
    await server.query('CALL singles(?)', [count / 10]);
    await inject(server);
  }
  await server.query('CALL singles(?)', [count / 10]);
  const inspection = await inspect(instance, signal, 5000);
  const { trail } = await beginTrail({ at: 'latest' }, 'hints', { ...common, inspection });
  const begin = trail.findIndex((entry) => entry.kind === 'hint' && entry.hint.token === first);
  const options = {
    ...common,
    inspection,
    trail: trail.slice(Math.max(begin, 0)),
    trailOrdered: true,
    margin: 1024,
  };
  let matchMs = 0;
  let matched = 0;
  await median(async () => {
    const resumption = await findResumePoint(options);
    matchMs = resumption.matchMs;
    matched = resumption.evidence.transactionsMatched;
  });
  report(`resume, ${round(matched)} transactions`, { 'match ms': round(matchMs) });
}

try {
  await makeTables(server);
  const singleRows = 200_000;
  const bulkRows = 500_000;
  const single = await singles(server, singleRows, 10);
  const rows = await bulk(server, bulkRows);
  await benchScan('single-row transactions', single);
  await benchScan('bulk', rows);
  await benchTail('single-row transactions', single, singleRows);
  await benchTail('bulk', rows, bulkRows);
  await benchResume(10_000);
  await benchResume(30_000);
} finally {
  await server.stop();
}

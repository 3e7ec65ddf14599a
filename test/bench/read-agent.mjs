/**
 * One agent for read.ts, as it is built, in a process of its own: reads so many rows into a file, and says what it took.
 * With a shadow, its sink waits until the shadow's place is proved, and only what comes then is measured.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { stringify } from 'yaml';
import { createAgent, fileSink, parseConfig } from '../../dist/index.js';

const job = JSON.parse(process.argv[2] ?? '');
await rm(job.folder, { recursive: true, force: true });
await mkdir(job.folder, { recursive: true });
const path = join(job.folder, 'audit.ndjson');
const settings = {
  stream: 'bench',
  servers: job.servers,
  user: job.user,
  password: job.password,
  getServerPublicKey: true,
  start: { file: job.file, position: 4 },
  checkpoint: { store: 'file', path: join(job.folder, 'state') },
  sink: { type: 'file', path },
  shadow: job.shadow === true,
};
const stop = new AbortController();
let records = 0;
/** When measuring began. Null: not yet. */
let began = null;
let ended = null;
const file = fileSink({ path });

const now = () => ({ ms: performance.now(), cpu: process.cpuUsage(), records });

/** Beside a pool of one, measuring begins at once; else behind the first transactions, where a shadow can begin. */
async function begin() {
  if (job.shadow === undefined) return;
  const { canSwitch, transactions } = agent.status();
  if (!canSwitch || transactions === 0) return;
  while (job.shadow && agent.status().shadow === null) await pause(10);
  began = now();
}

/** The file sink, counted. */
const sink = {
  open: (...args) => file.open(...args),
  async deliver(batch, ...args) {
    if (began === null) await begin();
    await file.deliver(batch, ...args);
    records += batch.count;
    if (records < job.rows || ended !== null) return;
    ended = { ...now(), met: agent.status().shadow?.met ?? 0 };
    stop.abort();
  },
  flush: (...args) => file.flush(...args),
  saved: (position) => file.saved?.(position),
  watch: (signal) => file.watch?.(signal) ?? Promise.reject(new Error('no watch')),
  close: () => file.close(),
};
/** Counts from where the others do: from the request for the log on. */
const logger = pino(
  { level: 'info' },
  {
    write(line) {
      if (line.includes('"stream.started"') && job.shadow === undefined) began = now();
      if (line.includes('"shadow.ended"')) process.stderr.write(line);
    },
  },
);
const agent = createAgent(parseConfig(stringify(settings), 'bench', {}), { logger, sink });
await agent.run(stop.signal);
const cpu = process.cpuUsage(began.cpu);
process.send?.(
  {
    seconds: (ended.ms - began.ms) / 1000,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    rows: ended.records - began.records,
    met: ended.met,
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
  },
  () => {
    process.exit();
  },
);

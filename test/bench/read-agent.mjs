/** One agent for read.ts, as it is built, in a process of its own: reads so many rows into a file, and says how long it took. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
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
};
const stop = new AbortController();
let beganMs = 0;
let endedMs = 0;
let records = 0;
const file = fileSink({ path });
/** The file sink, counted. */
const sink = {
  open: (...args) => file.open(...args),
  async deliver(batch, ...args) {
    await file.deliver(batch, ...args);
    records += batch.count;
    if (records < job.rows || endedMs !== 0) return;
    endedMs = performance.now();
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
      if (line.includes('"stream.started"')) beganMs = performance.now();
    },
  },
);
await createAgent(parseConfig(stringify(settings), 'bench', {}), { logger, sink }).run(stop.signal);
const seconds = (endedMs - beganMs) / 1000;
const peakRssMb = Math.round(process.resourceUsage().maxRSS / 1024);
process.send?.({ seconds, peakRssMb }, () => {
  process.exit();
});

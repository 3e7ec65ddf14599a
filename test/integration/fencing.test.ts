import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { checkpointTable } from '../../src/checkpoint/checkpoint-table.js';
import { parseConfig } from '../../src/config/load.js';
import type { Election, Leadership } from '../../src/election/election.js';
import { Metrics } from '../../src/http/metrics.js';
import { readAccount } from '../../src/mysql/account.js';
import type { ChangeRecord } from '../../src/records/record.js';
import { createSink } from '../../src/sinks/create-sink.js';
import type { Sink } from '../../src/sinks/sink.js';
import { runStream } from '../../src/streams/run-stream.js';
import { Stream } from '../../src/streams/stream.js';
import { abortable } from '../../src/util/abortable.js';
import { startServer, startTopology, type TestServer, type Topology } from '../servers/index.js';
import { until } from '../servers/wait.js';
import { type Hints, startHints } from '../support/hints.js';

/** What a store and a sink do with a leader that doesn't know that its time is over: no clock of its own stops it. */

let topology: Topology;
/** Has the checkpoints of the MySQL store. */
let tables: TestServer;
let hints: Hints;
let folder: string;
let stop: AbortController;
let running: Promise<unknown>[];
let written = 0;

beforeAll(async () => {
  topology = await startTopology({ replicas: 1, zookeeper: true });
  tables = await startServer();
  await tables.query('CREATE DATABASE waymark');
  await tables.query(checkpointTable('waymark').sql);
  await topology.source.query('CREATE DATABASE shop');
  await topology.source.query('CREATE TABLE shop.notes (id INT PRIMARY KEY)');
  hints = startHints(topology.source);
  await hints.next();
  await topology.waitForReplicas();
});

afterAll(async () => {
  await hints.stop();
  await Promise.all([topology.stop(), tables.stop()]);
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waymark-fencing-'));
  stop = new AbortController();
  running = [];
});

afterEach(async () => {
  stop.abort(new Error('the test is over'));
  await Promise.allSettled(running);
  await rm(folder, { recursive: true, force: true });
});

/** Leads once, under a token, for as long as nobody else stops it; then it waits for ever. */
function deafElection(token: number): Election {
  let led = false;
  const leadership: Leadership = {
    token,
    lost: new AbortController().signal,
    assertHeld: () => undefined,
    resign: () => Promise.resolve(),
  };
  const unknown = (): Promise<never> => Promise.reject(new Error('not asked here'));
  return {
    campaign: async (signal) => {
      if (led) return abortable(new Promise<never>(() => undefined), signal);
      led = true;
      return Promise.resolve(leadership);
    },
    ...{ show: unknown, take: unknown, stepDown: unknown },
  };
}

type Deaf = { readonly stream: Stream; readonly events: Record<string, unknown>[] };

async function lead(token: number, checkpoint: object, sink?: Sink): Promise<Deaf> {
  const events: Record<string, unknown>[] = [];
  const write = (line: string): void => void events.push(JSON.parse(line) as Record<string, unknown>);
  const source = {
    stream: 'fenced',
    servers: topology.replicas.map(({ address }) => address),
    ...{ user: 'root', password: topology.source.password, getServerPublicKey: true },
    filter: { include: ['shop.*'] },
    ...{ checkpoint, sink: { type: 'file', path: join(folder, 'audit.ndjson') } },
    // Whose place the deaf one takes.
    election: { backend: 'zookeeper', connect: topology.zookeeper?.connectString },
  };
  const config = parseConfig(stringify(source), 'test', { WAYMARK_USER: topology.source.user });
  const logger = pino({ level: 'debug' }, { write });
  const stream = new Stream({
    config,
    sink: sink ?? createSink(config, logger),
    logger,
    meters: new Metrics().meters('fenced'),
    acceptGap: false,
  });
  stream.use(await readAccount(config));
  const run = runStream(stream, { own: deafElection(token), injectors: null }, stop.signal);
  running.push(run);
  const reads = (): Promise<boolean> =>
    Promise.resolve(events.some(({ event }) => event === 'stream.started'));
  await Promise.race([until('it reads', reads), run]);
  return { stream, events };
}

async function change(): Promise<void> {
  written += 1;
  await topology.source.query(`INSERT INTO shop.notes VALUES (${String(written)})`);
}

const refused = ({ events }: Deaf): Promise<Record<string, unknown>> =>
  until('it is refused', () => Promise.resolve(events.find(({ event }) => event === 'write.refused')));

describe('a leader that has slept through its successor’s election', () => {
  test('can write nothing more to an audit file that both of them have', async () => {
    const checkpoint = { store: 'file', path: join(folder, 'state') };
    const audit = async (): Promise<number[]> => {
      // What stands behind the last line's end is being written.
      const lines = (await readFile(join(folder, 'audit.ndjson'), 'utf8')).split('\n').slice(0, -1);
      return lines.map((line) => (JSON.parse(line) as { after: { id: number } }).after.id);
    };
    const first = written + 1;
    const old = await lead(1, checkpoint);
    await change();
    await until('it is delivered', async () => (await audit()).length === 1);
    await lead(2, checkpoint);
    await change();
    await change();
    // By a lock, or by the record of the checkpoint, whichever it comes to first.
    const refusal = await refused(old);
    expect(refusal['reason']).toMatch(
      /was taken over by|^The checkpoint .* was (changed|written under fencing token 2)/,
    );
    const byLock = String(refusal['reason']).includes('was taken over by');
    expect(refusal).toMatchObject(byLock ? { token: 1, newerToken: 2 } : { token: 1 });
    await until('all is delivered', async () => (await audit()).length >= 3);
    await change();
    await until('all is delivered', async () => (await audit()).length >= 4);
    expect(await audit()).toEqual([first, first + 1, first + 2, first + 3]);
  });

  const account = (): object => ({ user: tables.user, password: tables.password });
  test.each([
    [
      'ZooKeeper',
      () => ({ store: 'zookeeper', connect: topology.zookeeper?.connectString, root: '/fencing' }),
    ],
    ['MySQL', () => ({ store: 'mysql', server: tables.address, ...account() })],
  ])('can save no checkpoint in %s, and stops', async (_store, checkpoint) => {
    const memory = (taken: ChangeRecord[]): Sink => ({
      open: () => Promise.resolve({ remembers: false, delivered: [], endsBetweenTransactions: false }),
      deliver: ({ records }) => Promise.resolve(void taken.push(...records)),
      flush: () => Promise.resolve(null),
      close: () => Promise.resolve(),
    });
    const [early, late]: [ChangeRecord[], ChangeRecord[]] = [[], []];
    const old = await lead(1, checkpoint(), memory(early));
    await change();
    await until('it is delivered', () => Promise.resolve(early.length > 0));
    const successor = await lead(2, checkpoint(), memory(late));
    await until('the old one is refused', async () => {
      await change();
      return old.events.some(({ event }) => event === 'write.refused');
    });
    const [taken, saved, savedByTheOther] = [early.length, saves(old), saves(successor)];
    const last = late.length;
    await change();
    await until('the new one goes on', () =>
      Promise.resolve(late.length > last && saves(successor) > savedByTheOther),
    );
    expect(early).toHaveLength(taken);
    expect(saves(old)).toBe(saved);
  });
});

function saves({ events }: Deaf): number {
  return events.filter(({ event }) => event === 'checkpoint.saved').length;
}

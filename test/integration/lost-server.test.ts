import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import pino from 'pino';
import { firstPosition } from '../../src/binlog/coordinates.js';
import { readDump } from '../../src/dump/dump-stream.js';
import { checkHints } from '../../src/check/hints.js';
import { tableFindings } from '../../src/check/own-tables.js';
import { Secret } from '../../src/config/secret.js';
import { checkpointTable } from '../../src/checkpoint/checkpoint-table.js';
import { mysqlStore } from '../../src/checkpoint/mysql-store.js';
import { electionTable } from '../../src/election/election-sql.js';
import { mysqlElections } from '../../src/election/mysql-election.js';
import { ownAgentId } from '../../src/election/agent-id.js';
import { probe } from '../../src/pool/probe.js';
import { defaultHintFormat } from '../../src/hints/hint.js';
import { runInjector } from '../../src/hints/injector.js';
import { installServerEvent } from '../../src/hints/server-event.js';
import { correlate } from '../../src/correlate/correlate.js';
import { lastHint, locateHint } from '../../src/matching/locate.js';
import { examineServer } from '../../src/preflight/preflight.js';
import { inspect } from '../../src/mysql/inspect.js';
import type { Instance } from '../../src/mysql/instance.js';
import { listBinaryLogs } from '../../src/mysql/log-list.js';
import { namingGrants } from '../../src/preflight/named-grants.js';
import { readRelayLog } from '../../src/mysql/relay-log.js';
import { channelStatus, withReplica } from '../../src/mysql/replication-control.js';
import { repoint } from '../../src/repoint/repoint.js';
import { lookAt } from '../../src/repoint/look.js';
import { LayoutSource } from '../../src/layouts/layout-source.js';
import { ProvedLayouts } from '../../src/layouts/proved-layouts.js';
import { parseServerVersion } from '../../src/mysql/version.js';
import { survey } from '../../src/topology/survey.js';
import { sightHint } from '../../src/topology/newest-hint.js';
import { type ErrorCode, WaymarkError } from '../../src/util/errors.js';
import { checkpointOf } from '../unit/checkpoint/samples.js';
import { startTopology, type TestServer, type Topology } from '../servers/index.js';
import { type Fault, type FaultAt, faults, FaultyProxy } from '../support/faulty-proxy.js';
import { ascendingHint, inject } from './fixtures/hints.js';
import { instanceOf, logsOf } from './fixtures/log-reading.js';

/** Everything that waits on a server, with the server lost at each of its commands in each of the ways. */

const format = defaultHintFormat;
const logger = pino({ level: 'silent' });
const quiet = { info: () => undefined, warn: () => undefined };
/** A busy machine's share, on top of an operation's own limit. */
const slackMs = 8000;

/** What waits on a server. */
type Operation = {
  readonly name: string;
  /** Which server it asks; the source unless said. */
  readonly on?: 'replica';
  /** What it may take at most when the server falls silent. */
  readonly limitMs: number;
  readonly run: (instance: Instance, signal: AbortSignal) => Promise<unknown>;
  /** Faults that take too long to wait for: what sets the limit is the same as elsewhere. */
  readonly leavesOut?: readonly Fault[];
  /** Codes beside those that the fault itself calls for. */
  readonly codes?: readonly ErrorCode[];
  /** One that never rejects for what is wrong at a server says it in its result. */
  readonly tells?: (result: unknown, command: string | undefined) => boolean;
};

/** What each fault may be called where nothing else is said. */
const codesOf: Readonly<Record<Fault, readonly ErrorCode[]>> = {
  closed: ['stream-broken', 'server-unreachable'],
  reset: ['stream-broken', 'server-unreachable'],
  silent: ['server-unreachable', 'stream-silent'],
  // Inside a dump it is the stream that has ended.
  error: ['protocol', 'server-unreachable', 'stream-broken'],
  rubbish: ['protocol', 'server-unreachable', 'stream-broken'],
};

let topology: Topology;
const source = (): TestServer => topology.source;
const replica = (): TestServer => topology.replicas[0]!;

beforeAll(async () => {
  topology = await startTopology({ replicas: 2 });
  for (const sql of [
    'CREATE DATABASE shop',
    'CREATE TABLE shop.orders (id INT PRIMARY KEY, note TEXT)',
    'CREATE DATABASE waymark',
    checkpointTable('waymark').sql,
    electionTable('waymark').sql,
  ]) {
    await source().query(sql);
  }
  await inject(source(), ascendingHint(1));
  await source().query("INSERT INTO shop.orders VALUES (1, 'a')");
  await topology.waitForReplicas();
});

afterAll(async () => {
  await topology.stop();
});

const tables = ({ address }: Instance) => ({ server: address, schema: 'waymark' });

/** A store on the server, closed whatever happens. */
async function withStore<T>(
  instance: Instance,
  work: (store: ReturnType<typeof mysqlStore>) => Promise<T>,
): Promise<T> {
  const { account } = instance;
  const store = mysqlStore({ tables: tables(instance), account, stream: `s${String(Math.random())}` });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** Elections on the server, closed whatever happens. */
async function withElections<T>(
  instance: Instance,
  work: (elections: ReturnType<typeof mysqlElections>) => Promise<T>,
): Promise<T> {
  // Nothing is said again within the operation: what is lost then is another matter.
  const times = { timeoutMs: 8000, intervalMs: 2000, marginMs: 2000 };
  const options = { tables: tables(instance), account: instance.account, self: ownAgentId() };
  const elections = mysqlElections({ ...options, ...times, logger: quiet });
  try {
    return await work(elections);
  } finally {
    await elections.close();
  }
}

const repointing = { forced: new Set<never>(), awaitHint: false, format, onStep: () => undefined };
const found = (result: unknown): boolean => JSON.stringify(result).includes('"severity":"error"');

const operations: readonly Operation[] = [
  {
    name: 'inspect',
    limitMs: 1500,
    run: (instance, signal) => inspect(instance, signal, 1500),
  },
  {
    name: 'probe',
    limitMs: 700,
    run: (instance, signal) => probe(instance, signal),
    tells: (result) => (result as { outcome: string }).outcome !== 'answers',
  },
  {
    name: 'list the binary logs',
    limitMs: 5000,
    run: (instance, signal) => listBinaryLogs(instance, signal),
  },
  {
    name: 'preflight',
    limitMs: 2000,
    run: (instance, signal) => examineServer(instance, { signal, timeoutMs: 2000 }),
    tells: found,
  },
  {
    name: 'check a server',
    limitMs: 40_000,
    run: async (instance, signal) => {
      const report = await examineServer(instance, { signal, timeoutMs: 2000 });
      const hints = await checkHints(instance, report, { format, anchors: 'hints', signal });
      return [...report.findings, ...hints.findings];
    },
    tells: found,
  },
  {
    name: 'check the tables',
    limitMs: 10_000,
    run: (instance, signal) =>
      tableFindings('checkpoint', tables(instance), instance.account, { signal, limitMs: 5000 }),
    tells: found,
  },
  {
    name: 'read a dump',
    limitMs: 5000,
    run: async (instance, signal) => {
      const { file } = (await logsOf(source())).at(-1)!;
      const start = { file, position: firstPosition };
      for await (const batch of readDump({ instance, start, signal, nonBlocking: true })) {
        batch.forEach(() => undefined);
      }
    },
  },
  {
    name: 'look columns up',
    limitMs: 8000,
    run: async (instance, signal) => {
      const layouts = new LayoutSource({
        ...{ instance, layouts: new ProvedLayouts(), logger, signal, unprovedNames: 'number' },
        version: parseServerVersion(source().vendor === 'mysql' ? '9.7.4' : '10.11.19-MariaDB'),
      });
      const { file } = (await logsOf(source())).at(-1)!;
      const place = { file, position: firstPosition };
      try {
        await layouts.tableMap(
          {
            layout: {
              ...{ tableId: 1, schema: 'shop', table: 'orders', columns: [], primaryKey: null },
              ...{ generatedKey: false, vendor: source().vendor },
            },
            missing: 'names',
            describe: () => undefined,
          },
          place,
          place,
        );
      } finally {
        layouts.close();
      }
    },
  },
  {
    name: 'find the newest hint',
    limitMs: 10_000,
    run: (instance, signal) => lastHint({ instance, format, signal }),
  },
  {
    name: 'find a hint',
    limitMs: 10_000,
    run: (instance, signal) => locateHint([ascendingHint(1)], { instance, format, signal }),
  },
  {
    name: 'correlate',
    on: 'replica',
    limitMs: 15_000,
    run: async (instance, signal) => {
      const from = { instance, inspection: await inspect(instance, signal, 2000) };
      const other = instanceOf(source());
      const to = { instance: other, inspection: await inspect(other, signal, 5000) };
      return correlate({ from, at: from.inspection.logEnd!, to, format, signal });
    },
  },
  {
    name: 'survey a topology',
    limitMs: 5000,
    run: (instance, signal) =>
      survey([instance.address], { account: instance.account, signal, timeoutMs: 2000 }),
    tells: (result) => JSON.stringify(result).includes('"state":"dead"'),
  },
  {
    name: 'sight a hint',
    limitMs: 10_000,
    run: async (instance, signal) => {
      const { file, size: position } = (await logsOf(source())).at(-1)!;
      return sightHint({ instance, logEnd: { file, position }, format, signal });
    },
    tells: (result) => (result as { hint: unknown }).hint === null,
  },
  {
    name: 'plan a repointing',
    on: 'replica',
    limitMs: 20_000,
    run: (instance, signal) =>
      repoint({
        ...{ replica: instance, below: instanceOf(topology.replicas[1]!), execute: false, signal },
        ...repointing,
      }),
    codes: ['refused'],
  },
  {
    name: 'look at a replica',
    on: 'replica',
    limitMs: 20_000,
    run: (instance, signal) => lookAt(instance, signal),
  },
  {
    name: "control a replica's channel",
    on: 'replica',
    limitMs: 12_000,
    run: async (instance, signal) => {
      const { facts } = await inspect(instanceOf(replica()), signal, 5000);
      return withReplica(instance, facts.version, '', signal, channelStatus);
    },
    codes: ['replication'],
  },
  {
    name: 'read a relay log',
    on: 'replica',
    limitMs: 5000,
    leavesOut: ['silent', 'rubbish'],
    run: async (instance, signal) => {
      const { facts } = await inspect(instanceOf(replica()), signal, 5000);
      const { version, serverId } = facts;
      const pages = [];
      for await (const page of readRelayLog({ instance, version, serverId, channel: '', signal }))
        pages.push(page);
    },
  },
  {
    name: 'inject a hint',
    limitMs: 12_000,
    run: (instance, signal) =>
      runInjector({
        ...{
          instance,
          format: { ...format, schema: `h${String(Math.random()).slice(2)}` },
          everyMs: 1000,
          signal,
        },
        ...{ once: true, newest: () => Promise.resolve(null), onInjected: () => undefined },
      }),
    codes: ['unsuitable-server'],
  },
  {
    name: 'install the event',
    limitMs: 35_000,
    run: (instance, signal) =>
      installServerEvent({ instance, format, everyMs: 5000, newest: null, signal }).catch(
        (error: unknown) => {
          // Where the server has its scheduler off there is no more to be asked.
          if (error instanceof WaymarkError && 'eventScheduler' in error.details) return;
          throw error;
        },
      ),
    codes: ['unsuitable-server'],
  },
  {
    name: 'name missing grants',
    limitMs: 15_000,
    run: (instance, signal) => namingGrants(instance, signal, () => listBinaryLogs(instance, signal)),
  },
  {
    name: 'open, read and write a checkpoint',
    limitMs: 12_000,
    run: (instance, signal) =>
      withStore(instance, async (store) => {
        await store.open(signal);
        await store.load(signal);
        await store.save(checkpointOf(), null, signal);
      }),
    codes: ['checkpoint-store'],
  },
  {
    name: 'ask an election',
    limitMs: 15_000,
    run: (instance, signal) =>
      withElections(instance, async (elections) => {
        await elections.join(signal);
        await elections.agents(signal);
        await elections.of('shop').show(signal);
      }),
    codes: ['election-store'],
    // Who says goodbye, and can't be heard, is forgotten later.
    tells: (_, command) => command?.startsWith('DELETE') === true,
  },
];

/** An operation's server behind a proxy, with a fault; null: none. */
async function attempt(
  { run, on }: Operation,
  fault: FaultAt | null,
): Promise<{ outcome: unknown; failed: boolean; ms: number; proxy: FaultyProxy }> {
  const server = on === 'replica' ? replica() : source();
  const proxy = await FaultyProxy.start(server, fault);
  const account = { user: server.user, password: new Secret(server.password), getServerPublicKey: true };
  const startedAt = performance.now();
  try {
    const outcome = await run({ address: proxy.target, account }, new AbortController().signal).then(
      (value) => ({ outcome: value, failed: false }),
      (error: unknown) => ({ outcome: error, failed: true }),
    );
    return { ...outcome, ms: performance.now() - startedAt, proxy };
  } finally {
    await proxy.stop();
  }
}

/** Loses an operation's server at each of its commands, and looks at what becomes of it. */
async function loseAtEach(operation: Operation, kind: Fault): Promise<void> {
  const whole = await attempt(operation, null);
  expect(whole.failed, String(whole.outcome)).toBe(false);
  const count = whole.proxy.commands.length;
  expect(count).toBeGreaterThan(0);
  const attempts = await Promise.all(
    Array.from({ length: count + 1 }, (_, at) => attempt(operation, { kind, at })),
  );
  attempts.forEach(({ outcome, failed, ms, proxy }, at) => {
    // Where an operation asks less than before the fault was never met.
    if (!proxy.met) return;
    const context = `at ${String(at)} (${proxy.commands.at(-1) ?? 'greeting'}): ${describeOutcome(outcome)}`;
    expect(ms, context).toBeLessThan(operation.limitMs + slackMs);
    if (!failed) {
      expect(operation.tells?.(outcome, proxy.commands.at(-1)), context).toBe(true);
      return;
    }
    expect(outcome, context).toBeInstanceOf(WaymarkError);
    expect([...codesOf[kind], ...(operation.codes ?? [])], context).toContain((outcome as WaymarkError).code);
    expect((outcome as WaymarkError).message, context).not.toMatch(/undefined|\[object|: \.|: $/);
  });
}

const meets = (kind: Fault): ((operation: Operation) => boolean) => {
  return ({ leavesOut }) => leavesOut?.includes(kind) !== true;
};

/** Behind these an operation waits for its limit, and uses nothing meanwhile: several can wait at once. */
const waitedFor: ReadonlySet<Fault> = new Set(['silent', 'rubbish']);

for (const fault of faults) {
  describe('the server is lost at each command', { concurrent: waitedFor.has(fault) }, () => {
    test.each(operations.filter(meets(fault)))(`${fault}: $name`, { timeout: 180_000 }, async (operation) => {
      await loseAtEach(operation, fault);
    });
  });
}

function describeOutcome(outcome: unknown): string {
  return outcome instanceof Error ? (outcome.stack ?? outcome.message) : JSON.stringify(outcome);
}

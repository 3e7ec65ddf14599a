import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type Agent, createAgent } from '../../../src/agent.js';
import { parseConfig } from '../../../src/config/load.js';
import type { ChangeRecord } from '../../../src/records/record.js';
import { gtidText, type ServerOptions } from '../../simulation/server/server.js';
import { createStatement } from '../../simulation/server/tables.js';
import { type Content, effectOf, type Transaction } from '../../simulation/server/transaction.js';
import { Workload } from '../../simulation/server/workload.js';
import { Random } from '../../support/random.js';
import { choicesOf } from './choices.js';
import { LoopbackServer } from './loopback.js';
import { orders } from './models.js';

let folder: string;
let servers: LoopbackServer[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waymark-model-'));
  servers = [];
});

afterEach(async () => {
  await Promise.all(servers.map((server) => server.kill()));
  await rm(folder, { recursive: true, force: true });
});

type PoolOptions = Pick<ServerOptions, 'gtidMode' | 'keepsOrder' | 'rowMetadata'>;

/** A source and two replicas. */
async function startPool(
  vendor: 'mysql' | 'mariadb',
  options: PoolOptions,
): Promise<readonly [LoopbackServer, LoopbackServer, LoopbackServer]> {
  const start = async (serverId: number): Promise<LoopbackServer> => {
    const server = await LoopbackServer.start({
      ...{ vendor, serverId, uuid: `00000000-0000-0000-0000-00000000000${serverId}` },
      ...options,
    });
    servers.push(server);
    return server;
  };
  const [source, one, two] = [await start(1), await start(2), await start(3)];
  const { end } = source.model.binlog;
  for (const replica of [one, two]) {
    replica.model.readOnly = true;
    replica.model.replicateFrom(source.model, { by: 'place', place: end });
  }
  return [source, one, two];
}

/** A change as it must be delivered. */
function changesOf(history: readonly Transaction[]): unknown[] {
  return history.flatMap((transaction): unknown[] => {
    const { content } = transaction;
    const gtid = gtidText(transaction) ?? undefined;
    if (content.kind === 'statement') return content.isHint ? [] : [{ gtid, sql: content.sql }];
    return effectOf(content).flatMap(({ table, operation, rows }): unknown[] => {
      const shown = (row: readonly unknown[] | null): object | undefined =>
        row === null
          ? undefined
          : Object.fromEntries(table.columns.map(({ name }, index) => [name, row[index]]));
      return rows.map(({ before, after }) => ({
        ...{ gtid, op: operation, table: table.name, before: shown(before), after: shown(after) },
      }));
    });
  });
}

async function delivered(): Promise<readonly ChangeRecord[]> {
  const lines = (await readFile(join(folder, 'audit.ndjson'), 'utf8').catch(() => '')).split('\n');
  // The last line is empty, or not written whole yet.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as ChangeRecord);
}

function changeOf(record: ChangeRecord): unknown {
  const { gtid } = record.tx;
  if (record.type === 'ddl') return { gtid, sql: record.sql };
  if (record.type !== 'row') throw new Error(`a record of type ${record.type}`);
  const [before, after] = [
    'before' in record ? record.before : undefined,
    'after' in record ? record.after : undefined,
  ];
  return { gtid, op: record.op, table: record.table, before, after };
}

function sorted(changes: readonly unknown[]): string[] {
  return changes.map((change) => JSON.stringify(change)).toSorted();
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`gave up waiting: ${what}`);
    await pause(10);
  }
}

/** An agent that reads a pool of two replicas while their source is written, in real time. */
class Play {
  readonly source: LoopbackServer;
  readonly replicas: readonly [LoopbackServer, LoopbackServer];
  readonly agent: Agent;
  readonly #workload: Workload;
  readonly #choices = choicesOf(new Random(42));
  readonly #ending = new AbortController();
  readonly #running: Promise<void>;
  readonly #log: string[] = [];
  readonly #drive: NodeJS.Timeout;
  #writes = true;

  private constructor([source, one, two]: readonly [LoopbackServer, LoopbackServer, LoopbackServer]) {
    this.source = source;
    this.replicas = [one, two];
    this.#workload = new Workload(source.model, this.#choices, { writers: 4, hintEvery: 15 });
    const logger = pino({ level: 'info' }, { write: (line) => this.#log.push(line) });
    const yaml = stringify({
      ...{ stream: 'model', servers: [one.address, two.address], user: 'waymark', password: 'any' },
      ...{ start: 'earliest', matching: { margin: 64 }, failover: { cooldown: '1s' } },
      checkpoint: { store: 'file', path: join(folder, 'state') },
      sink: { type: 'file', path: join(folder, 'audit.ndjson') },
    });
    this.agent = createAgent(parseConfig(yaml, 'test', {}), { logger });
    this.#running = this.agent.run(this.#ending.signal);
    this.#running.catch(() => undefined);
    this.#drive = setInterval(() => {
      this.#goOn();
    }, 4);
  }

  /** Plays, and adds to an error what the agent told last. */
  static async run(
    vendor: 'mysql' | 'mariadb',
    options: PoolOptions,
    play: (on: Play) => Promise<void>,
  ): Promise<void> {
    const on = new Play(await startPool(vendor, options));
    try {
      await play(on);
    } catch (error) {
      throw new Error(`${String(error)}\n${on.#log.slice(-40).join('')}`, { cause: error });
    } finally {
      clearInterval(on.#drive);
      on.#ending.abort(new Error('the test is over'));
      await on.#running.catch(() => undefined);
    }
  }

  /** The replica that is read, and the other one. */
  get read(): readonly [LoopbackServer, LoopbackServer] {
    const [one, two] = this.replicas;
    return this.agent.status().server === one.address ? [one, two] : [two, one];
  }

  /** Resolves when so many more records have come from a server. */
  async deliversFrom({ address }: LoopbackServer, count = 150): Promise<void> {
    await until('the stream goes on', () => this.agent.status().server === address);
    const before = (await delivered()).length;
    await until('records come', async () => (await delivered()).length > before + count);
  }

  /** Ends the writing, waits for all of it, and gives the records. What was committed came once, in its order. */
  async judge(): Promise<readonly ChangeRecord[]> {
    this.#writes = false;
    const expected = changesOf(this.#workload.history);
    await until('all is delivered', async () => (await delivered()).length >= expected.length);
    const records = await delivered();
    const changes = records.map(changeOf);
    if (this.source.model.keepsOrder) expect(changes).toEqual(expected);
    else expect(sorted(changes)).toEqual(sorted(expected));
    expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
    for (const { model } of servers) expect(model.unknown).toEqual([]);
    return records;
  }

  #goOn(): void {
    if (this.#writes) this.#workload.step();
    for (const { model } of this.replicas) {
      const { replication } = model;
      replication?.receive();
      for (let count = this.#choices.int(4); count > 0; count -= 1) {
        const next = replication?.applicable(4) ?? [];
        if (next.length > 0) replication?.apply(this.#choices.pick(next));
      }
    }
  }
}

describe.each([
  ['MySQL with GTIDs', 'mysql', {}],
  ['MySQL without GTIDs', 'mysql', { gtidMode: false }],
  ['MySQL that commits in another order', 'mysql', { keepsOrder: false }],
  ['MySQL whose log names no columns', 'mysql', { rowMetadata: 'MINIMAL' }],
  ['MariaDB', 'mariadb', {}],
  ['MariaDB whose log names no columns', 'mariadb', { rowMetadata: 'NO_LOG' }],
] as const)('on %s an agent delivers the history once', (_name, vendor, options) => {
  test('also when the server that it reads is killed', { timeout: 60_000 }, () =>
    Play.run(vendor, options, async (on) => {
      await until('records come', async () => (await delivered()).length > 200);
      const [read, other] = on.read;
      await read.kill();
      await on.deliversFrom(other);
      const records = await on.judge();
      const from = new Set(records.map(({ source }) => source.server));
      expect(from).toEqual(new Set([read.address, other.address]));
      if (on.source.model.keepsOrder) expect(on.agent.status().confidence).toBe('exact');
    }),
  );
});

test.each(['mysql', 'mariadb'] as const)(
  'on %s it goes there and back over a log that was cut off, errant transactions and a new log file',
  { timeout: 60_000 },
  (vendor) =>
    Play.run(vendor, {}, async (on) => {
      await until('records come', async () => (await delivered()).length > 200);
      const [first, second] = on.read;
      expect(first.model.crash({ lost: 1, kept: 3 })).toHaveLength(1);
      await first.kill();
      await on.deliversFrom(second);
      await first.restart();
      second.model.flushLogs();
      for (const { model } of on.replicas) model.commit(errant(model.serverId));
      await on.deliversFrom(second);
      await second.kill();
      await on.deliversFrom(first);
      await on.judge();
      const switches = on.agent.status().switches.map(({ from, to }) => [from, to]);
      expect(switches.slice(1)).toEqual([
        [first.address, second.address],
        [second.address, first.address],
      ]);
    }),
);

test.each(['mysql', 'mariadb'] as const)(
  'on %s it leaves a server that was rebuilt under its address, and comes back when that has what it needs',
  { timeout: 60_000 },
  (vendor) =>
    Play.run(vendor, {}, async (on) => {
      await until('records come', async () => (await delivered()).length > 200);
      const [first, second] = on.read;
      await first.kill();
      first.model.rebuild(second.model, '00000000-0000-0000-0000-000000000009');
      await first.restart();
      await on.deliversFrom(second, 1000);
      await second.kill();
      await on.deliversFrom(first);
      await on.judge();
      expect(on.agent.status()).toMatchObject({ server: first.address, confidence: 'exact' });
    }),
);

/** A transaction on a table that the source doesn't have. */
function errant(serverId: number): Content {
  const after = { schema: 'own', name: `own_${serverId}`, columns: orders.columns };
  return {
    kind: 'statement',
    schema: '',
    sql: createStatement(after),
    alters: { before: null, after },
    isHint: false,
  };
}

import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import ZongJi, { type BinlogEvent, DeleteRows, UpdateRows, WriteRows, Xid } from '../../src/zongji/index.js';
import { type AuditedRow, judge } from '../demo/judge.js';
import { Load, table, tableStatements } from '../demo/load.js';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { hasType, samples } from '../exact/samples.js';
import { binlogEnd, startTopology, type Topology } from '../servers/index.js';
import { defaultKind } from '../servers/kind.js';
import { until } from '../servers/wait.js';
import { agentPrivileges } from '../support/grants.js';

const account = { user: 'waymark', password: 'geheim', getServerPublicKey: true };

let topology: Topology;
let folder: string;
let hints = 0;

async function injectHint(): Promise<void> {
  hints += 1;
  const token = `asc:6B000000:${hints.toString(16).toUpperCase().padStart(16, '0')}:00000000`;
  await topology.source.query(`DROP VIEW IF EXISTS meta.\`_pseudo_gtid_hint__${token}\``);
}

const isMysql = defaultKind().vendor === 'mysql';

/** MySQL's replicas commit as they come. */
const outOfOrder = { replica_parallel_workers: 8, replica_preserve_commit_order: 'OFF' };

beforeAll(async () => {
  topology = await startTopology(isMysql ? { replicas: [outOfOrder, outOfOrder] } : {});
  const { source } = topology;
  for (const statement of tableStatements) await source.query(statement);
  await source.query(`CREATE USER waymark@'%' IDENTIFIED BY '${account.password}'`);
  await source.query(`GRANT ${agentPrivileges(source)} ON *.* TO waymark@'%'`);
  await source.query(`GRANT SELECT ON shop.* TO waymark@'%'`);
  await injectHint();
  await topology.waitForReplicas();
});

afterAll(() => topology.stop());

beforeEach(async () => {
  folder = await makeRunFolder();
  return () => removeRunFolder(folder);
});

/** A program that was written for zongji. */
class Program {
  readonly rows: AuditedRow[] = [];
  readonly errors: Error[] = [];
  readonly switches: { readonly from: string; readonly to: string; readonly confidence: string }[] = [];
  readonly zongji: ZongJi;
  ready = 0;

  constructor(onRows: () => void = () => undefined) {
    const log = new Writable({
      write: (line: Buffer, _encoding, done) => {
        const entry = JSON.parse(line.toString()) as { event?: string; from?: string };
        if (entry.event === 'failover.done') this.switches.push(entry as (typeof this.switches)[number]);
        done();
      },
    });
    this.zongji = new ZongJi({
      servers: topology.replicas.map(({ address }) => address),
      ...account,
      checkpoint: { store: 'file', path: join(folder, 'state') },
      dateStrings: true,
      logger: pino(log),
    });
    this.zongji.on('ready', () => (this.ready += 1));
    this.zongji.on('error', (error) => this.errors.push(error));
    this.zongji.on('binlog', (event) => {
      this.#take(event);
      onRows();
    });
  }

  #take(event: BinlogEvent): void {
    if (event instanceof Xid) {
      const last = this.rows.pop();
      if (last !== undefined) this.rows.push({ ...last, tx: { ...last.tx, last: true } });
    }
    if (!(event instanceof WriteRows || event instanceof UpdateRows || event instanceof DeleteRows)) return;
    if (event.tableMap[event.tableId]?.parentSchema === 'typed') return;
    expect(event.tableMap[event.tableId]).toMatchObject({
      parentSchema: table.schema,
      tableName: table.name,
    });
    const tx = event.gtid === undefined ? {} : { gtid: event.gtid };
    const add = (row: Pick<AuditedRow, 'op' | 'before' | 'after'>): void => {
      this.rows.push({ id: String(this.rows.length), tx, ...row });
    };
    if (event instanceof WriteRows) for (const after of event.rows) add({ op: 'insert', after });
    else if (event instanceof DeleteRows) for (const before of event.rows) add({ op: 'delete', before });
    else for (const { before, after } of event.rows) add({ op: 'update', before, after });
  }

  async start(options: Parameters<ZongJi['start']>[0] = {}): Promise<void> {
    const ready = this.ready;
    this.zongji.start({
      includeEvents: ['tablemap', 'writerows', 'updaterows', 'deleterows', 'xid'],
      ...options,
    });
    await until('it is ready', () => Promise.resolve(this.ready > ready || this.errors.length > 0), {
      timeoutMs: 20_000,
    });
    expect(this.errors).toEqual([]);
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.zongji.once('stopped', resolve);
      this.zongji.stop();
    });
  }
}

async function verdict(load: Load, audited: readonly AuditedRow[]): Promise<ReturnType<typeof judge>> {
  const rows = await topology.source.query<Record<string, unknown>>(
    `SELECT * FROM ${table.schema}.${table.name}`,
  );
  return judge({ committed: load.committed, audited, table: rows });
}

test('the server that is read is killed: the program goes on, nothing lost, nothing twice', async () => {
  const [victim, other] = topology.replicas;
  const program = new Program(() => {
    if (program.rows.length > 2000 && victim!.alive) void victim!.kill();
  });
  await program.start({ startAtEnd: true });
  expect(program.zongji.connection?.threadId).toBeGreaterThan(0);
  const load = new Load(topology.source);
  await load.start(3);
  const hinting = setInterval(() => void injectHint().catch(() => undefined), 300);
  try {
    await until('much has come', () => Promise.resolve(program.rows.length > 5000), { timeoutMs: 60_000 });
    await load.stop();
    await until(
      'all has come',
      () =>
        Promise.resolve(program.rows.filter(({ tx }) => tx.last === true).length >= load.committed.length),
      {
        timeoutMs: 20_000,
      },
    );
  } finally {
    clearInterval(hinting);
    await load.stop();
    await program.stop();
  }
  expect(program.errors).toEqual([]);
  expect(program.switches).toMatchObject([
    {
      from: victim!.address,
      to: other!.address,
      confidence: expect.stringMatching(isMysql ? /exact|reordered/ : /exact/) as string,
    },
  ]);
  expect(program.ready).toBe(1);
  const found = await verdict(load, program.rows);
  expect(found).toMatchObject({ missing: 0, doubled: 0, unknown: 0 });
  expect(found.rows.same).toBe(found.rows.source);
  expect(found.rows.replayed).toBe(found.rows.source);
  if (!isMysql) expect(found).toMatchObject({ outOfOrder: 0, perfect: true });
  await victim!.restart();
});

/** What a program sees of row events: of which table they are, and what they say. */
function seenOf(event: BinlogEvent): unknown[] {
  if (!(event instanceof WriteRows || event instanceof UpdateRows || event instanceof DeleteRows)) return [];
  const { parentSchema, tableName } = event.tableMap[event.tableId]!;
  return parentSchema === 'typed' ? [[event.getEventName(), tableName, event.rows]] : [];
}

test('rows of every type, in a log without names, are those of the source while the server that is read is killed', async () => {
  const { source, replicas } = topology;
  const [victim] = replicas;
  const metadata = isMysql ? 'MINIMAL' : 'NO_LOG';
  for (const server of topology.servers) await server.query(`SET GLOBAL binlog_row_metadata = ${metadata}`);
  await source.query(`GRANT SELECT ON typed.* TO waymark@'%'`);
  await injectHint();
  await topology.waitForReplicas();
  const seen: unknown[] = [];
  const program = new Program();
  program.zongji.on('binlog', (event) => {
    seen.push(...seenOf(event));
  });
  await program.start({ startAtEnd: true, includeSchema: { typed: true } });
  const { file, position } = await binlogEnd(source);
  const writer = await source.connect();
  await writer.query("SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION'");
  await writer.query('CREATE DATABASE typed CHARACTER SET utf8mb4');
  const ours = samples.filter(({ only }) => only === undefined || only === source.vendor);
  for (const [index, sample] of ours.entries()) {
    if (!hasType(source, sample)) continue;
    if (index % 5 === 0) await injectHint();
    const name = `typed.t${index}`;
    await writer.query(`CREATE TABLE ${name} (id INT PRIMARY KEY, v ${sample.type}, w INT)`);
    const values = [...sample.values, 'NULL'].map((value, id) => `(${id}, ${value}, ${id})`);
    await writer.query(`INSERT INTO ${name} VALUES ${values.join(', ')}`);
    await writer.query(`UPDATE ${name} SET w = w + 1`);
    await writer.query(`ALTER TABLE ${name} RENAME COLUMN w TO x, RENAME COLUMN v TO w`);
    await writer.query(`DELETE FROM ${name} ORDER BY id DESC`);
    if (index === Math.floor(ours.length / 2)) {
      await until('half of it has come', () => Promise.resolve(seen.length > index), { timeoutMs: 20_000 });
      await victim!.kill();
    }
  }
  await writer.query('CREATE TABLE typed.finish (id INT)');
  await writer.query('INSERT INTO typed.finish VALUES (1)');
  writer.destroy();
  const { host, port, user, password } = source;
  const expected: unknown[] = [];
  const direct = new ZongJi({ host, port, user, password, dateStrings: true });
  direct.on('binlog', (event) => {
    expected.push(...seenOf(event));
  });
  direct.on('error', (error) => expected.push(error));
  const ended = new Promise<void>((resolve) => direct.once('ready', resolve));
  direct.start({ filename: file, position, includeSchema: { typed: true } });
  await ended;
  const isComplete = (rows: readonly unknown[]): Promise<boolean> =>
    Promise.resolve(JSON.stringify(rows.slice(-1)).includes('finish'));
  try {
    await until('all has come from the source', () => isComplete(expected), { timeoutMs: 30_000 });
    await until('all has come from the pool', () => isComplete(seen), { timeoutMs: 60_000 });
  } finally {
    await new Promise<void>((resolve) => {
      direct.once('stopped', resolve);
      direct.stop();
    });
    await program.stop();
  }
  expect(program.errors).toEqual([]);
  expect(program.switches).toMatchObject([{ from: victim!.address }]);
  expect(seen).toEqual(expected);
  for (const server of [source, replicas[1]!]) await server.query('SET GLOBAL binlog_row_metadata = FULL');
  await victim!.restart();
});

test('a program that is stopped goes on behind what its listeners have kept their promise for', async () => {
  await topology.source.query(`DELETE FROM ${table.schema}.${table.name}`);
  await injectHint();
  await topology.waitForReplicas();
  const first = new Program();
  await first.start({ startAtEnd: true });
  const insert = (seq: number): Promise<unknown> =>
    topology.source.query(
      `INSERT INTO ${table.schema}.${table.name} (writer, seq, customer, amount, changed_at) VALUES (1, ?, 'Ada', 1, NOW(6))`,
      [seq],
    );
  const seqs = ({ rows }: Program): unknown[] => rows.map(({ after }) => after?.['seq']);
  await insert(1);
  await until('the first has come', () => Promise.resolve(first.rows.length > 0));
  const never: () => unknown = () => new Promise(() => undefined);
  first.zongji.on('binlog', never);
  await insert(2);
  await until('the second has come', () => Promise.resolve(first.rows.length > 1));
  await first.stop();
  await insert(3);
  const second = new Program();
  // Where the checkpoint is, it says where to begin.
  await second.start({ startAtEnd: true });
  await until('the third has come', () => Promise.resolve(seqs(second).includes(3)));
  await second.stop();
  expect(seqs(first)).toEqual([1, 2]);
  expect(seqs(second)).toEqual([2, 3]);
});

test('a promise that is rejected ends reading, and its event comes again', async () => {
  await injectHint();
  await topology.waitForReplicas();
  const first = new Program();
  await first.start({ startAtEnd: true });
  const failing: () => unknown = () => Promise.reject(new Error('the store is down'));
  first.zongji.on('binlog', failing);
  await topology.source.query(
    `INSERT INTO ${table.schema}.${table.name} (writer, seq, customer, amount, changed_at) VALUES (2, 77, 'Ada', 1, NOW(6))`,
  );
  await until('it has ended', () => Promise.resolve(first.errors.length > 0), { timeoutMs: 20_000 });
  expect(first.errors.map(({ message }) => message)).toEqual(['the store is down']);
  expect(first.zongji.ready).toBe(false);
  const second = new Program();
  await second.start();
  const seqs = (): unknown[] => second.rows.map(({ after }) => after?.['seq']);
  await until('it has come again', () => Promise.resolve(seqs().includes(77)));
  await second.stop();
});

test('what a pool does not support is refused by name', () => {
  const servers = topology.replicas.map(({ address }) => address);
  const checkpoint = { store: 'file', path: folder };
  expect(() => new ZongJi({ servers, ...account })).toThrow(/checkpoint/);
  expect(() => new ZongJi({ servers, ...account, checkpoint, host: 'db1' })).toThrow(/servers, or host/);
  expect(() => new ZongJi({ servers, ...account, checkpoint, ssl: {} })).toThrow(/tls/);
});

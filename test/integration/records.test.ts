import { createHmac } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type ChangeRecord, createAgent, loadConfig, type Sink } from '../../src/index.js';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { startTopology, type Topology } from '../servers/index.js';
import { until } from '../servers/wait.js';
import { agentPrivileges } from '../support/grants.js';
import { newLog } from './fixtures/log-reading.js';

const account = { user: 'waymark', password: 'geheim', getServerPublicKey: true };
const key = 'what the hashes are made with';

let topology: Topology;
let folder: string;

beforeAll(async () => {
  topology = await startTopology({ replicas: 1 });
  const { source } = topology;
  await source.query(`CREATE USER waymark@'%' IDENTIFIED BY '${account.password}'`);
  await source.query(`GRANT ${agentPrivileges(source)} ON *.* TO waymark@'%'`);
  await source.query('CREATE DATABASE shop');
  await source.query(
    'CREATE TABLE shop.users (id INT, part INT, name VARCHAR(20), mail VARCHAR(40), pin INT, PRIMARY KEY (part, id))',
  );
  await source.query('CREATE TABLE shop.finish (id INT PRIMARY KEY)');
  await topology.waitForReplicas();
});

afterAll(() => topology.stop());

beforeEach(async () => {
  folder = await makeRunFolder();
  return () => removeRunFolder(folder);
});

let finishes = 0;

/** Runs an agent over what is written; gives its records, or the error that it ends with. */
async function play(
  change: Record<string, unknown>,
  write: () => Promise<void>,
  server = topology.source,
): Promise<{ records: ChangeRecord[]; error: unknown }> {
  const file = join(folder, 'waymark.yaml');
  const start = await newLog(server);
  const config = {
    ...{ stream: 'records', servers: [server.address], ...account, start },
    filter: { include: ['shop.*'] },
    checkpoint: { store: 'file', path: join(folder, 'state') },
    ...change,
  };
  await writeFile(file, stringify(config));
  await write();
  finishes += 1;
  const finish = finishes;
  await topology.source.query('INSERT INTO shop.finish VALUES (?)', [finish]);
  const records: ChangeRecord[] = [];
  const sink: Sink = {
    open: () => Promise.resolve({ remembers: false, delivered: [], endsBetweenTransactions: false }),
    deliver: (batch) => Promise.resolve(void records.push(...batch.records)),
    flush: () => Promise.resolve(null),
    close: () => Promise.resolve(),
  };
  const stop = new AbortController();
  let error: unknown = null;
  const running = createAgent(await loadConfig(file, {}), { logger: pino({ level: 'silent' }), sink })
    .run(stop.signal)
    .catch((reason: unknown) => {
      error = reason;
    });
  const finished = until('the records', () =>
    Promise.resolve(
      error !== null ||
        records.some(
          (record) => 'after' in record && record.table === 'finish' && record.after['id'] === finish,
        ),
    ),
  );
  try {
    await finished;
  } finally {
    stop.abort();
    await running;
  }
  return { records: records.filter((record) => !('table' in record) || record.table !== 'finish'), error };
}

const insert = "INSERT INTO shop.users VALUES (1, 2, 'Ada', 'ada@example.com', 1234)";

describe('columns that are kept out', () => {
  const columns = {
    exclude: ['shop.users.pin'],
    hash: { columns: ['shop.users.mail'], key },
  };

  test('are in no record, nor is a statement that speaks of their table', async () => {
    const { source } = topology;
    const { records } = await play({ columns }, async () => {
      await source.query(insert);
      await source.query("UPDATE shop.users SET pin = 99, name = 'Bo'");
      await source.query('USE shop');
      await source.query("ALTER TABLE users ALTER COLUMN pin SET DEFAULT '4321'");
      await source.query('CREATE TABLE IF NOT EXISTS others (id INT)');
      await source.query('DELETE FROM users');
    });
    const mail = { $hmac: createHmac('sha256', key).update('"ada@example.com"').digest('base64') };
    const image = { id: 1, part: 2, name: 'Ada', mail };
    expect(
      records.map((record) => ('op' in record ? record : { sql: 'sql' in record && record.sql })),
    ).toEqual([
      expect.objectContaining({ op: 'insert', key: ['part', 'id'], after: image }),
      expect.objectContaining({ op: 'update', before: image, after: { ...image, name: 'Bo' } }),
      { sql: '<withheld>' },
      { sql: 'CREATE TABLE IF NOT EXISTS others (id INT)' },
      expect.objectContaining({ op: 'delete', before: { ...image, name: 'Bo' } }),
    ]);
    expect(JSON.stringify(records)).not.toMatch(/ada@|1234|4321/);
  });
});

describe('the statement behind rows', () => {
  test('stands in their records where it is asked for', async () => {
    const { source } = topology;
    const setting = source.vendor === 'mysql' ? 'binlog_rows_query_log_events' : 'binlog_annotate_row_events';
    const write = async (): Promise<void> => {
      await source.query(`SET SESSION ${setting} = ON`);
      await source.query(insert);
      await source.query('BEGIN');
      await source.query("UPDATE shop.users SET name = 'Zoë'");
      await source.query('DELETE FROM shop.users');
      await source.query('COMMIT');
    };
    const { records } = await play({ records: { query: true } }, write);
    expect(records.map((record) => record.type === 'row' && record.query)).toEqual([
      insert,
      "UPDATE shop.users SET name = 'Zoë'",
      'DELETE FROM shop.users',
    ]);
    const without = await play({}, write);
    expect(without.records.map((record) => 'query' in record)).toEqual([false, false, false]);
  });
});

test.each(['source', 'replica'] as const)('who committed it and when, read from the %s', async (role) => {
  const { source, replicas } = topology;
  const [row] = await source.query<{ id: number }>('SELECT CONNECTION_ID() AS id');
  const aboutNow = Date.now() * 1000;
  const write = async (): Promise<void> => {
    await source.query(insert);
    await source.query('DELETE FROM shop.users');
  };
  await topology.waitForReplicas();
  const { records } = await play({}, write, role === 'source' ? source : replicas[0]);
  const knowsTime = source.vendor === 'mysql';
  const [major = 0, minor = 0] = source.version.split('.').map(Number);
  const knowsSession = knowsTime || major > 11 || (major === 11 && minor >= 5);
  expect(records).toHaveLength(2);
  for (const { tx } of records) {
    expect(tx.connection).toBe(knowsSession ? row?.id : undefined);
    expect(tx.committed === undefined).toBe(!knowsTime);
    if (tx.committed !== undefined) expect(Math.abs(tx.committed - aboutNow)).toBeLessThan(60_000_000);
  }
});

describe('rows that the log has in part', () => {
  const write = async (): Promise<void> => {
    const { source } = topology;
    await source.query(insert);
    await source.query("SET SESSION binlog_row_image = 'MINIMAL'");
    await source.query("UPDATE shop.users SET name = 'Bo'");
    await source.query("SET SESSION binlog_row_image = 'FULL'");
    await source.query('DELETE FROM shop.users');
  };

  test('stop the stream by name', async () => {
    const { records, error } = await play({}, write);
    expect(error).toMatchObject({ code: 'unsupported-event' });
    expect(String(error)).toContain('rowImage: any');
    expect(records).toHaveLength(1);
  });

  test("have all of the row before under MariaDB's FULL_NODUP, and what changed of the row after", async ({
    skip,
  }) => {
    const { source } = topology;
    const [major = 0, minor = 0] = source.version.split('.').map(Number);
    const hasIt = source.vendor === 'mariadb' && (major > 11 || (major === 11 && minor >= 4));
    skip(!hasIt, 'it came with MariaDB 11.4');
    const { records } = await play({ rowImage: 'any' }, async () => {
      await source.query(insert);
      await source.query("SET SESSION binlog_row_image = 'FULL_NODUP'");
      await source.query("UPDATE shop.users SET name = 'Bo'");
      await source.query("SET SESSION binlog_row_image = 'FULL'");
      await source.query('DELETE FROM shop.users');
    });
    const whole = expect.objectContaining({ id: 1, part: 2, name: 'Ada' }) as unknown;
    expect(records).toMatchObject([
      { op: 'insert', after: whole },
      { op: 'update', partial: true, before: whole },
      { op: 'delete', before: { id: 1, part: 2, name: 'Bo' } },
    ]);
    expect(records[1]).toHaveProperty('after', { name: 'Bo' });
  });

  test('are delivered as they are, and marked, where that is wanted', async () => {
    const { records } = await play({ rowImage: 'any' }, write);
    expect(records.map((record) => record.type === 'row' && (record.partial ?? false))).toEqual([
      false,
      true,
      false,
    ]);
    expect(records[1]).toMatchObject({ before: { part: 2, id: 1 }, after: { name: 'Bo' } });
  });
});

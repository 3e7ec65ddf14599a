import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Coordinates } from '../../src/binlog/coordinates.js';
import { RowDecoder } from '../../src/decode/row-decoder.js';
import type { EndedTransaction } from '../../src/transactions/transaction.js';
import { type ServerSettings, startTopology, type TestServer, type Topology } from '../servers/index.js';
import {
  type Kind,
  kinds,
  logsOf,
  newLog,
  readTransactions,
  shownEvents,
  type ShownEvent,
} from './fixtures/log-reading.js';

/** Begin and end of the transactions in a log, by the text that the server itself shows. */
function boundaries(events: readonly ShownEvent[]): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  const open: { start: number | null; grouped: boolean } = { start: null, grouped: false };
  for (const { type, info, position, end } of events) {
    const isQuery = type.startsWith('Query');
    const text = info.replace(/^use `[^`]*`; ?/, '');
    if (/gtid$/i.test(type)) {
      // MariaDB's stands for the BEGIN.
      Object.assign(open, { start: position, grouped: /^BEGIN GTID|^XA START/.test(info) });
    } else if (isQuery && /^(BEGIN|XA START)/.test(text)) {
      Object.assign(open, { start: open.start ?? position, grouped: true });
    } else if (
      type === 'Xid' ||
      type === 'XA_prepare' ||
      (isQuery && /^(COMMIT|ROLLBACK)( \/\*.*)?$/.test(text)) ||
      (isQuery && !open.grouped && !text.startsWith('XA END'))
    ) {
      found.push({ start: open.start ?? position, end });
      Object.assign(open, { start: null, grouped: false });
    }
  }
  return found;
}

/** All sorts of transactions. */
async function writeHistory(
  server: TestServer,
  options: { plainEngine: string; mixedEngines: boolean },
): Promise<void> {
  const connection = await server.connect({ database: 'shop' });
  const run = async (...statements: string[]): Promise<void> => {
    for (const sql of statements) await connection.query(sql);
  };
  await run('CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200)) ENGINE=InnoDB');
  await run(`CREATE TABLE m (id INT PRIMARY KEY, v VARCHAR(200)) ENGINE=${options.plainEngine}`);
  await run("INSERT INTO t VALUES (1, 'a')");
  await run(
    'BEGIN',
    "INSERT INTO t VALUES (2, 'b'), (3, 'c')",
    "UPDATE t SET v = 'B' WHERE id = 2",
    'COMMIT',
  );
  await run('BEGIN', "INSERT INTO t VALUES (4, 'gone')", 'ROLLBACK');
  await run("INSERT INTO m VALUES (1, 'a'), (2, 'b')");
  if (options.mixedEngines) {
    await run('BEGIN', "INSERT INTO t VALUES (5, 'e')", "INSERT INTO m VALUES (3, 'stays')", 'ROLLBACK');
  }
  await run('BEGIN', "INSERT INTO t VALUES (6, 'f')", 'SAVEPOINT s', "INSERT INTO t VALUES (7, 'g')");
  await run('ROLLBACK TO SAVEPOINT s', "INSERT INTO t VALUES (8, 'h')", 'COMMIT');
  await run("XA START 'one'", "INSERT INTO t VALUES (11, 'xa')", "XA END 'one'", "XA PREPARE 'one'");
  await server.query("INSERT INTO shop.m VALUES (5, 'between')");
  await run("XA COMMIT 'one'");
  await run("XA START 'two'", "INSERT INTO t VALUES (12, 'xa')", "XA END 'two'", "XA COMMIT 'two' ONE PHASE");
  await run('CREATE TABLE copy SELECT * FROM t');
  await run('CREATE TABLE empty_copy SELECT * FROM t WHERE 1 = 0');
  await run('DELETE FROM t WHERE id > 1000', 'BEGIN', 'COMMIT');
  await run('ALTER TABLE t ADD extra INT', "UPDATE t SET extra = id, v = 'é' WHERE id < 3");
  await run('CREATE TEMPORARY TABLE tmp (a INT)', 'INSERT INTO tmp VALUES (1)', 'DROP TEMPORARY TABLE tmp');
  await run('DROP VIEW IF EXISTS nothing', 'TRUNCATE TABLE copy', 'DROP TABLE copy, empty_copy');
  await run('DELETE FROM t WHERE id IN (1, 2)');
  await run(
    'REPLACE INTO t VALUES (3, "r", 3)',
    'INSERT INTO t VALUES (3, "s", 3) ON DUPLICATE KEY UPDATE v = "t"',
  );
  const values = Array.from({ length: 2000 }, (_, index) => `(${1000 + index}, REPEAT('x', 100), ${index})`);
  await run(`INSERT INTO t VALUES ${values.join(', ')}`);
  await run('UPDATE t SET extra = extra + 1 WHERE id >= 1000', 'DELETE FROM t WHERE id >= 1000');
  // Two tables in turns, in one transaction.
  await run('BEGIN');
  for (let id = 100; id < 110; id += 1)
    await run(`INSERT INTO t VALUES (${id}, 'x', 1)`, `DELETE FROM t WHERE id = ${id - 3}`);
  await run('COMMIT');
}

/** What must be the same on every server. */
const history = (transactions: readonly EndedTransaction[]): unknown[] =>
  transactions.filter(({ identity }) => identity !== null).map(({ identity }) => identity);

/** The rows of all transactions as records have them. */
async function decodedRows(server: TestServer, start: Coordinates): Promise<unknown[]> {
  const decoder = new RowDecoder(server.vendor);
  const rows: unknown[] = [];
  await readTransactions(server, start, {
    tableMap: (buffer, at, end) => {
      expect(decoder.tableMap(buffer, at, end)).toBeNull();
    },
    rows: (_open, event, name, buffer) => {
      for (const row of decoder.rows(event, buffer)) rows.push({ ...name, ...row });
    },
  });
  return rows;
}

/** A pair whose replica writes its log in another way than its source. */
const variants: { name: string; vendor: Kind['vendor']; source: ServerSettings; replica: ServerSettings }[] =
  [
    {
      name: 'other event and file sizes',
      vendor: 'mariadb',
      source: {},
      replica: { binlog_row_event_max_size: 512, max_binlog_size: 65_536 },
    },
    {
      name: 'other event and file sizes',
      vendor: 'mysql',
      source: { binlog_row_event_max_size: 512 },
      // With several workers a replica does not keep the order of what it writes to tables without transactions.
      replica: { max_binlog_size: 65_536, replica_parallel_workers: 1 },
    },
    {
      name: 'compressed events on the source',
      vendor: 'mariadb',
      source: { log_bin_compress: 'ON', log_bin_compress_min_len: 20 },
      replica: {},
    },
    {
      name: 'compressed transactions on the source',
      vendor: 'mysql',
      source: { binlog_transaction_compression: 'ON' },
      replica: { replica_parallel_workers: 1 },
    },
    {
      name: 'no checksums, and rows of statements shown',
      vendor: 'mysql',
      source: { binlog_checksum: 'NONE', binlog_rows_query_log_events: 'ON' },
      replica: { replica_preserve_commit_order: 'ON', replica_parallel_workers: 4 },
    },
  ];

for (const kind of kinds) {
  for (const variant of variants.filter(({ vendor }) => vendor === kind.vendor)) {
    describe.skipIf(!kind.supported)(`${kind.name}: ${variant.name}`, () => {
      let topology: Topology;
      let start: Coordinates;

      beforeAll(async () => {
        topology = await startTopology({
          vendor: kind.vendor,
          settings: kind.settings,
          source: variant.source,
          replicas: [variant.replica],
        });
        const { source } = topology;
        await source.query('CREATE DATABASE shop');
        start = await newLog(source);
        await writeHistory(source, {
          plainEngine: variant.replica['replica_parallel_workers'] === 4 ? 'InnoDB' : 'MyISAM',
          mixedEngines: kind.settings['enforce_gtid_consistency'] !== 'ON',
        });
        await topology.waitForReplicas();
      });

      afterAll(async () => {
        await topology.stop();
      });

      // Inside of a compressed transaction the server shows no events of their own.
      test.skipIf(variant.name.startsWith('compressed transactions'))(
        'boundaries are those that the server shows',
        async () => {
          const { source } = topology;
          const shown = await shownEvents(source, start.file);
          const read = (await readTransactions(source, start))
            .filter(({ start: place }) => place.file === start.file)
            .map((transaction) => ({ start: transaction.start.position, end: transaction.end.position }));
          expect(read).toEqual(boundaries(shown));
        },
      );

      test('reading can begin at every boundary', async () => {
        const { source } = topology;
        const all = await readTransactions(source, start);
        expect(all.length).toBeGreaterThan(20);
        const step = Math.ceil(all.length / 12);
        for (let index = 0; index < all.length; index += step) {
          const behind = await readTransactions(source, all[index]!.end);
          expect(history(behind)).toEqual(history(all.slice(index + 1)));
          expect(behind.map(({ start: place }) => place)).toEqual(
            all.slice(index + 1).map(({ start: place }) => place),
          );
        }
      });

      test('identities are the same on source and replica, and so are the rows', async () => {
        const { source, replicas } = topology;
        const replica = replicas[0]!;
        const [first] = await logsOf(replica);
        const theirs = await readTransactions(replica, { file: first!.file, position: 4 });
        const ours = await readTransactions(source, start);
        const expected = history(ours);
        expect(history(theirs).slice(-expected.length)).toEqual(expected);
        expect(ours.every(({ serverId }) => serverId === source.serverId)).toBe(true);
        const origins = ours.flatMap(({ identity }) => (identity === null ? [] : [identity.origin]));
        expect(new Set(origins).size).toBe(origins.length);
        expect(origins.every((origin) => origin.startsWith(kind.vendor === 'mariadb' ? 'g:' : 'c:'))).toBe(
          true,
        );

        const rows = await decodedRows(source, start);
        expect(rows.length).toBeGreaterThan(6000);
        const replicated = await decodedRows(replica, { file: first!.file, position: 4 });
        expect(replicated.slice(-rows.length)).toEqual(rows);
      });

      test('digests differ where contents do', async () => {
        const transactions = await readTransactions(topology.source, start);
        const digests = transactions.flatMap(({ identity }) => (identity === null ? [] : [identity.digest]));
        expect(new Set(digests).size).toBe(digests.length);
      });
    });
  }
}

const tagged = kinds.find(({ name }) => name === 'MySQL with GTIDs')!;

describe.skipIf(!tagged.supported)('MySQL with tagged GTIDs', () => {
  test('the GTID with its tag, and the same identity on the replica', async () => {
    await using topology = await startTopology({ vendor: 'mysql', settings: tagged.settings, replicas: 1 });
    const { source, replicas } = topology;
    const replica = replicas[0]!;
    await source.query('CREATE DATABASE shop');
    await source.query('CREATE TABLE shop.t (id INT PRIMARY KEY)');
    const start = await newLog(source);
    const connection = await source.connect();
    await connection.query("SET gtid_next = 'AUTOMATIC:audit'");
    await connection.query('INSERT INTO shop.t VALUES (1)');
    await topology.waitForReplicas();
    const [row] = await source.query<{ uuid: string }>('SELECT @@server_uuid AS uuid');
    const [transaction] = await readTransactions(source, start);
    expect(transaction?.gtid).toBe(`${row!.uuid}:audit:1`);
    expect(transaction?.identity?.origin).toMatch(/^c:\d{16}$/);
    const last = (
      await readTransactions(replica, { file: (await logsOf(replica))[0]!.file, position: 4 })
    ).at(-1);
    expect(last?.identity).toEqual(transaction?.identity);
    expect(last?.gtid).toBe(transaction?.gtid);
  });
});

import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Coordinates } from '../../src/binlog/coordinates.js';
import { RowDecoder } from '../../src/decode/row-decoder.js';
import type { EndedTransaction } from '../../src/transactions/transaction.js';
import { startTopology, type TestServer, type Topology } from '../servers/index.js';
import { kinds, logsOf, newLog, readTransactions } from './fixtures/log-reading.js';

/** What a log says, as a consumer would have it. */
type Told = {
  /** Rows of shop.t by their ids, made from the log alone. */
  readonly table: ReadonlyMap<number, unknown>;
  readonly statements: readonly string[];
  /** XIDs of prepared rows, and outcomes, in order. */
  readonly xa: readonly string[];
  readonly ended: readonly EndedTransaction[];
};

async function tell(server: TestServer, start: Coordinates): Promise<Told> {
  const decoder = new RowDecoder(server.vendor);
  const table = new Map<number, unknown>();
  const statements: string[] = [];
  const xa: string[] = [];
  const ended = await readTransactions(server, start, {
    tableMap: (buffer, at, end) => {
      expect(decoder.tableMap(buffer, at, end)).toBeNull();
    },
    rows: ({ xid }, event, name, buffer) => {
      if (name.table !== 't') return;
      if (xid !== null) xa.push(`prepared ${xid}`);
      for (const row of decoder.rows(event, buffer)) {
        if (row.operation !== 'insert') table.delete(Number(row.before['id']));
        if (row.operation !== 'delete') table.set(Number(row.after['id']), row.after['v']);
      }
    },
    statement: (_open, { sql }) => void statements.push(sql),
    outcome: (_open, { outcome, xid }) => void xa.push(`${outcome} ${xid}`),
  });
  return { table, statements, xa, ended };
}

async function tableOf(server: TestServer): Promise<Map<number, unknown>> {
  const rows = await server.query<{ id: number; v: string }>('SELECT id, v FROM shop.t');
  return new Map(rows.map(({ id, v }) => [id, v]));
}

const history = ({ ended }: Told): unknown[] =>
  ended.flatMap(({ identity }) => (identity === null ? [] : [identity]));

/** Of a replica's log the part that has what the source wrote behind a place: as many transactions. */
function newest(told: Told, count: number): unknown[] {
  return count === 0 ? [] : history(told).slice(-count);
}

let used = 100;

/** Statements with each `?` replaced by a value that was never there. */
async function run(connection: Connection, ...statements: readonly string[]): Promise<void> {
  for (const sql of statements) {
    await connection.query(sql.replaceAll('?', () => `${++used}`));
  }
}

const insert = 'INSERT INTO t VALUES (?, CONCAT("a", UUID()))';
const make = 'CREATE TEMPORARY TABLE tmp (a INT)';
const drop = 'DROP TEMPORARY TABLE tmp';

/** MySQL refuses it where it enforces that GTIDs are consistent. */
const mixedEngines = 'a table without transactions in between';

/** Transactions of one session. Each begins with no temporary table, and ends with none. */
const cases: Readonly<Record<string, readonly string[]>> = {
  'rolled back, a temporary table made in it': ['BEGIN', insert, make, insert, 'ROLLBACK', drop],
  'rolled back, a temporary table dropped in it': [make, 'BEGIN', insert, drop, insert, 'ROLLBACK'],
  'committed, a temporary table made, filled and dropped in it': [
    ...['BEGIN', insert, make, 'INSERT INTO tmp VALUES (1)', insert, drop, 'COMMIT'],
  ],
  'a savepoint that is rolled back to': [
    ...['BEGIN', insert, 'SAVEPOINT s', make, insert, 'ROLLBACK TO SAVEPOINT s', insert, 'COMMIT', drop],
  ],
  'a savepoint before everything': [
    ...['BEGIN', 'SAVEPOINT s', insert, make, insert, 'ROLLBACK TO s', insert, 'COMMIT', drop],
  ],
  'savepoints within each other, of the same name, of odd names': [
    ...[make, 'BEGIN', insert, 'SAVEPOINT a', drop, insert, 'SAVEPOINT `b c`', insert, 'SAVEPOINT A', insert],
    ...[
      'ROLLBACK WORK TO SAVEPOINT `a`',
      insert,
      'SAVEPOINT `é ``"`',
      insert,
      'ROLLBACK TO `é ``"`',
      insert,
      'COMMIT',
    ],
  ],
  'nothing left behind the savepoint': [
    ...[
      'BEGIN',
      insert,
      'SAVEPOINT s',
      make,
      'DELETE FROM t WHERE v <> UUID()',
      'ROLLBACK TO s',
      'COMMIT',
      drop,
    ],
  ],
  'a savepoint that is released': [
    ...['BEGIN', insert, 'SAVEPOINT s', insert, 'RELEASE SAVEPOINT s', make, insert, 'COMMIT', drop],
  ],
  [mixedEngines]: [
    ...[
      'BEGIN',
      insert,
      'SAVEPOINT s',
      'INSERT INTO m VALUES (?, UUID())',
      insert,
      'ROLLBACK TO s',
      'COMMIT',
    ],
  ],
  'temporary tables by themselves': [make, 'INSERT INTO tmp VALUES (1)', insert, drop],
  'a failed statement': [
    'BEGIN',
    make,
    insert,
    'INSERT IGNORE INTO t VALUES (1, UUID()), (1, UUID())',
    'COMMIT',
    drop,
  ],
};

for (const kind of kinds) {
  const formats = kind.vendor === 'mariadb' ? ['ROW', 'MIXED'] : ['ROW'];
  describe.skipIf(!kind.supported)(`${kind.name}: what was rolled back`, () => {
    let topology: Topology;

    beforeAll(async () => {
      topology = await startTopology({
        vendor: kind.vendor,
        settings: kind.settings,
        replicas: kind.vendor === 'mysql' ? [{ replica_parallel_workers: 1 }] : 1,
      });
      const { source } = topology;
      await source.query('CREATE DATABASE shop');
      await source.query('CREATE TABLE shop.t (id BIGINT PRIMARY KEY, v VARCHAR(100)) ENGINE=InnoDB');
      await source.query('CREATE TABLE shop.m (id BIGINT PRIMARY KEY, v VARCHAR(100)) ENGINE=MyISAM');
      await source.query("INSERT INTO shop.t VALUES (1, 'first')");
    });

    afterAll(async () => {
      await topology.stop();
    });

    /** Runs statements, and gives what the logs of source and replica say of them. */
    async function told(
      work: (connection: Connection) => Promise<void>,
    ): Promise<{ ours: Told; theirs: Told }> {
      const { source, replicas } = topology;
      const replica = replicas[0]!;
      const start = await newLog(source);
      const connection = await source.connect({ database: 'shop' });
      try {
        await work(connection);
      } finally {
        connection.destroy();
      }
      await source.query('INSERT INTO shop.t VALUES (?, "the end")', [++used]);
      await topology.waitForReplicas();
      const [first] = await logsOf(replica);
      return {
        ours: await tell(source, start),
        theirs: await tell(replica, { file: first!.file, position: 4 }),
      };
    }

    for (const format of formats) {
      const allowed = Object.entries(cases).filter(
        ([name]) => kind.settings['enforce_gtid_consistency'] !== 'ON' || name !== mixedEngines,
      );
      test.each(allowed)(`${format}: %s`, async (_name, statements) => {
        const before = await tableOf(topology.source);
        // In a MIXED session that is a statement in the source's log, and nothing in the replica's.
        const written = statements.filter((sql) => format === 'ROW' || !sql.startsWith('INSERT INTO tmp'));
        const { ours, theirs } = await told((connection) =>
          run(connection, `SET SESSION binlog_format = ${format}`, ...written),
        );
        const truth = await tableOf(topology.source);
        expect(theirs.table).toEqual(truth);
        expect(new Map([...before, ...ours.table])).toEqual(truth);
        expect(history(ours).length).toBeGreaterThan(0);
        expect(newest(theirs, history(ours).length)).toEqual(history(ours));
        expect([...ours.statements, ...theirs.statements].filter((sql) => /temporary/i.test(sql))).toEqual(
          [],
        );
      });
    }

    test('a connection that dies in the middle', async () => {
      const { source } = topology;
      const before = await tableOf(source);
      const { ours, theirs } = await told(async (connection) => {
        await run(connection, 'BEGIN', insert, make, insert);
        const [rows] = await connection.query('SELECT CONNECTION_ID() AS id');
        const [{ id }] = rows as [{ id: number }];
        await source.query(`KILL ${id}`);
        const gone = async (): Promise<boolean> =>
          (await source.query('SELECT 1 FROM INFORMATION_SCHEMA.PROCESSLIST WHERE ID = ?', [id])).length ===
          0;
        while (!(await gone()));
      });
      const truth = await tableOf(source);
      expect(theirs.table).toEqual(truth);
      expect(new Map([...before, ...ours.table])).toEqual(truth);
      expect(newest(theirs, history(ours).length)).toEqual(history(ours));
    });

    test('XA: prepared rows are marked, outcomes told, ONE PHASE is neither', async () => {
      const begin = (name: string): string[] => [`XA START '${name}'`, insert, `XA END '${name}'`];
      const { ours, theirs } = await told((connection) =>
        run(
          connection,
          ...[...begin('one'), "XA PREPARE 'one'", "XA COMMIT 'one'"],
          ...[...begin('two'), "XA PREPARE 'two'", "XA ROLLBACK 'two'"],
          ...[...begin('three'), "XA COMMIT 'three' ONE PHASE"],
          ...[...begin('four'), "XA ROLLBACK 'four'"],
          ...["XA START 'five', 'branch', 7", insert, insert, "XA END 'five', 'branch', 7"],
          ...["XA PREPARE 'five', 'branch', 7", "XA COMMIT 'five', 'branch', 7"],
        ),
      );
      const [one, two, five] = ["X'6f6e65',X'',1", "X'74776f',X'',1", "X'66697665',X'6272616e6368',7"];
      const expected = [
        ...[`prepared ${one}`, `commit ${one}`, `prepared ${two}`, `rollback ${two}`],
        ...[`prepared ${five}`, `prepared ${five}`, `commit ${five}`],
      ];
      expect(ours.xa).toEqual(expected);
      expect(theirs.xa.slice(-expected.length)).toEqual(expected);
      // Three outcomes, three that were prepared, one that was committed at once, and the end.
      expect(history(ours)).toHaveLength(8);
      expect(newest(theirs, 8)).toEqual(history(ours));
      expect([...ours.statements, ...theirs.statements].filter((sql) => sql.startsWith('XA'))).toEqual([]);
      // What the consumer has counted may not stay: the next tests compare tables.
      await topology.source.query('DELETE FROM shop.t WHERE id > 1');
    });
  });
}

const [mariadb] = kinds;
const withoutGtids = kinds.find(({ name }) => name === 'MySQL without GTIDs')!;

describe.skipIf(!mariadb!.supported)('MariaDB: ALTER TABLE in two phases', () => {
  test('is told once, at its commit, and not when it failed', async () => {
    await using topology = await startTopology({ vendor: 'mariadb', replicas: 1 });
    const { source, replicas } = topology;
    await source.query('CREATE DATABASE shop');
    await source.query('CREATE TABLE shop.t (id BIGINT PRIMARY KEY, v VARCHAR(100))');
    await source.query("INSERT INTO shop.t VALUES (1, 'twice'), (2, 'twice')");
    const start = await newLog(source);
    const connection = await source.connect({ database: 'shop' });
    await run(connection, 'SET SESSION binlog_alter_two_phase = ON', 'ALTER TABLE t ADD x INT');
    await expect(connection.query('ALTER TABLE t ADD UNIQUE (v)')).rejects.toThrow('Duplicate');
    await run(connection, 'ALTER TABLE t DROP x');
    await topology.waitForReplicas();
    const ours = await tell(source, start);
    const [first] = await logsOf(replicas[0]!);
    const theirs = await tell(replicas[0]!, { file: first!.file, position: 4 });
    expect(ours.statements).toEqual(['ALTER TABLE t ADD x INT', 'ALTER TABLE t DROP x']);
    expect(theirs.statements.slice(-2)).toEqual(ours.statements);
    expect(ours.ended).toHaveLength(6);
    expect(history(ours)).toHaveLength(2);
    expect(newest(theirs, 2)).toEqual(history(ours));
  });
});

describe('a statement in what was rolled back', () => {
  for (const kind of [mariadb!, withoutGtids]) {
    test.skipIf(!kind.supported)(`${kind.name}: is refused, and is not there on the replica`, async () => {
      await using topology = await startTopology({
        vendor: kind.vendor,
        settings: kind.settings,
        replicas: 1,
      });
      const { source, replicas } = topology;
      await source.query('CREATE DATABASE shop');
      await source.query('CREATE TABLE shop.t (id BIGINT PRIMARY KEY, v VARCHAR(100))');
      const start = await newLog(source);
      const connection = await source.connect({ database: 'shop' });
      await run(
        connection,
        'SET SESSION binlog_format = STATEMENT',
        make,
        'BEGIN',
        "INSERT INTO t VALUES (?, 'a')",
      );
      await run(connection, drop, 'ROLLBACK', "INSERT INTO t VALUES (?, 'b')");
      await topology.waitForReplicas();
      await expect(tell(source, start)).rejects.toMatchObject({ code: 'unsupported-event' });
      const [first] = await logsOf(replicas[0]!);
      const { table } = await tell(replicas[0]!, { file: first!.file, position: 4 });
      expect([...table.values()]).toEqual(['b']);
    });
  }
});

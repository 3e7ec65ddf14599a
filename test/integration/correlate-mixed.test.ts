import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Coordinates } from '../../src/binlog/coordinates.js';
import { defaultHintFormat, hintRecogniser } from '../../src/hints/hint.js';
import { correlate } from '../../src/correlate/correlate.js';
import type { Correlation, InspectedServer } from '../../src/correlate/result.js';
import { connect } from '../../src/mysql/connection.js';
import { inspect } from '../../src/mysql/inspect.js';
import {
  binlogEnd,
  changeSource,
  replicationStatus,
  startServer,
  startTopology,
  supports,
  type TestServer,
  type Topology,
} from '../servers/index.js';
import { REPLICATOR } from '../servers/template.js';
import { ascendingHint, inject } from './fixtures/hints.js';
import { instanceOf, kinds, logsOf, readTransactions } from './fixtures/log-reading.js';

const signal = AbortSignal.timeout(240_000);
const bothVendors = (await supports('mariadb')) && (await supports('mysql'));

async function inspected(server: TestServer): Promise<InspectedServer> {
  const instance = instanceOf(server);
  return { instance, inspection: await inspect(instance, signal, 5000) };
}

async function place(from: TestServer, at: Coordinates, to: TestServer): Promise<Correlation> {
  const [one, other] = [await inspected(from), await inspected(to)];
  return correlate({ from: one, at, to: other, format: defaultHintFormat, signal });
}

/** The ends of a server's transactions, from its first hint on. */
async function boundaries(server: TestServer): Promise<Coordinates[]> {
  const recognise = hintRecogniser(defaultHintFormat);
  const [oldest] = await logsOf(server);
  const all = await readTransactions(server, { file: oldest!.file, position: 4 });
  const content = all.filter(({ identity }) => identity !== null);
  const first = content.findIndex(({ statement }) => statement !== null && recognise(statement) !== null);
  return content.slice(first).map(({ end }) => end);
}

describe.skipIf(!bothVendors)('a MariaDB replica below a MySQL source', () => {
  let source: TestServer;
  let replica: TestServer;

  beforeAll(async () => {
    [source, replica] = await Promise.all([
      startServer({
        vendor: 'mysql',
        settings: {
          ...{ gtid_mode: 'OFF', enforce_gtid_consistency: 'OFF' },
          collation_server: 'utf8mb4_general_ci',
        },
      }),
      // Where Debian's client library has what MySQL's accounts need (caching_sha2_password).
      startServer({
        vendor: 'mariadb',
        settings: { plugin_dir: '/usr/lib/x86_64-linux-gnu/libmariadb3/plugin' },
      }),
    ]);
    // MySQL lets MariaDB's client in without TLS only once it remembers the password from another login.
    await (await connect(instanceOf(source, REPLICATOR))).close();
    await changeSource(replica, source, await binlogEnd(source));
  });

  afterAll(async () => {
    await Promise.all([source, replica].map((server) => server.stop()));
  });

  test('every boundary, both ways, by content', async () => {
    // MariaDB 10.11 doesn't know the collation that MySQL begins with.
    await source.query('SET NAMES utf8mb4 COLLATE utf8mb4_general_ci');
    await source.query('CREATE DATABASE shop');
    await source.query(
      'CREATE TABLE shop.all_kinds (id INT PRIMARY KEY, a VARCHAR(20), b DECIMAL(20,5), c DATETIME(6), d TEXT, ' +
        "e ENUM('x', 'y'), f BIT(12), g TIME(2), h DOUBLE, i YEAR, j SET('p', 'q'), k CHAR(10), l BINARY(4))",
    );
    for (let counter = 1; counter < 4; counter += 1) {
      await inject(source, ascendingHint(counter));
      await source.query(
        `INSERT INTO shop.all_kinds (id, a, b, e, g) VALUES (${counter * 2}, NULL, 1.5, 'y', '10:11:12.13'), ` +
          `(${counter * 2 + 1}, 'a', NULL, NULL, NULL)`,
      );
      await source.query(
        "UPDATE shop.all_kinds SET c = NOW(6), d = REPEAT('x', 300), f = b'101', h = 0.5, i = 2026, j = 'p,q', k = 'k', l = 'l'",
      );
    }
    await source.query('DELETE FROM shop.all_kinds WHERE id = 4');
    const [there, here] = await vi.waitFor(
      async () => {
        const ends = [await boundaries(source), await boundaries(replica)] as const;
        const { lastError } = (await replicationStatus(replica))!;
        expect([ends[1].length, lastError]).toEqual([ends[0].length, '']);
        return ends;
      },
      { timeout: 30_000, interval: 100 },
    );
    for (const [index, end] of there.entries()) {
      if (index === 0) continue;
      expect(await place(source, end, replica)).toMatchObject({ to: here[index], confidence: 'exact' });
      expect(await place(replica, here[index]!, source)).toMatchObject({ to: end, confidence: 'exact' });
    }
  });
});

for (const kind of kinds) {
  describe.skipIf(!kind.supported)(`${kind.name}: statements`, () => {
    let topology: Topology;

    beforeAll(async () => {
      topology = await startTopology({
        vendor: kind.vendor,
        settings: kind.settings,
        source: { binlog_format: 'STATEMENT' },
        replicas: [{ binlog_format: 'STATEMENT' }, { binlog_format: 'ROW' }],
      });
      const { source } = topology;
      await source.query('CREATE DATABASE shop');
      await source.query('USE shop');
      await source.query('CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, note TEXT)');
      for (let counter = 1; counter < 4; counter += 1) {
        await inject(source, ascendingHint(counter));
        await source.query("INSERT INTO orders (note) VALUES ('a'), ('b')");
        await source.query('BEGIN');
        await source.query(`UPDATE orders SET note = 'c${counter}' WHERE id = 1`);
        await source.query('DELETE FROM orders WHERE id = 2');
        await source.query('COMMIT');
      }
      await source.query('DELETE FROM orders WHERE id = 77');
      await topology.waitForReplicas();
    });

    afterAll(async () => {
      await topology.stop();
    });

    test('match by their text; with rows they are not compared, and the answer says so', async () => {
      const { source, replicas } = topology;
      const here = await boundaries(source);
      for (const [replica, confidence] of [
        [replicas[0]!, 'exact'],
        [replicas[1]!, 'unverified'],
      ] as const) {
        const there = await boundaries(replica);
        // The last transaction changes nothing: rows have nothing of it to log.
        const same = confidence === 'exact' ? here.length : here.length - 1;
        expect(there).toHaveLength(same);
        for (const index of [1, 2, 5, same - 1]) {
          const up = await place(replica, there[index]!, source);
          expect(up).toMatchObject({ to: here[index], confidence });
          if (index === same - 1) continue;
          const down = await place(source, here[index]!, replica);
          expect(down).toMatchObject({ to: there[index], confidence });
        }
      }
      // What hasn't come and what never comes can't be told apart at the end of the log.
      const end = place(source, here.at(-1)!, replicas[1]!);
      await expect(end).rejects.toMatchObject({ code: 'server-behind' });
      await inject(source, ascendingHint(9));
      await topology.waitForReplicas();
      const rows = await boundaries(replicas[1]!);
      for (const back of [2, 3]) {
        const found = await place(source, here.at(1 - back)!, replicas[1]!);
        expect(found).toMatchObject({ to: rows.at(-2), confidence: 'unverified' });
      }
    });
  });
}

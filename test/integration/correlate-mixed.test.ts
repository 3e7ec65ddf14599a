import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Coordinates } from '../../src/binlog/coordinates.js';
import { defaultHintFormat, hintRecogniser } from '../../src/hints/hint.js';
import { correlate } from '../../src/matching/correlate.js';
import type { Correlation, InspectedServer } from '../../src/matching/correlation.js';
import { close, connect } from '../../src/mysql/connection.js';
import { inspect } from '../../src/mysql/inspect.js';
import {
  binlogEnd,
  changeSource,
  replicationStatus,
  startServer,
  supports,
  type TestServer,
} from '../servers/index.js';
import { REPLICATOR } from '../servers/template.js';
import { ascendingHint, inject } from './fixtures/hints.js';
import { instanceOf, logsOf, readTransactions } from './fixtures/log-reading.js';

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
    await close(await connect(instanceOf(source, REPLICATOR)));
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

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Coordinates } from '../../src/binlog/coordinates.js';
import { defaultHintFormat } from '../../src/hints/hint.js';
import type { InspectedServer } from '../../src/correlate/result.js';
import { placeOfReplica, type ReplicaPlace } from '../../src/correlate/replica-place.js';
import { inspect } from '../../src/mysql/inspect.js';
import {
  replicationStatus,
  startReplication,
  startTopology,
  stopReplication,
  type TestServer,
  type Topology,
} from '../servers/index.js';
import { ascendingHint, inject } from './fixtures/hints.js';
import { instanceOf, kinds, logsOf, readTransactions } from './fixtures/log-reading.js';

const signal = AbortSignal.timeout(240_000);

async function inspected(server: TestServer): Promise<InspectedServer> {
  const instance = instanceOf(server);
  return { instance, inspection: await inspect(instance, signal, 5000) };
}

/** The end of the last transaction of a server's log. */
async function lastEnd(server: TestServer): Promise<Coordinates> {
  const [oldest] = await logsOf(server);
  const all = await readTransactions(server, { file: oldest!.file, position: 4 });
  return all.filter(({ identity }) => identity !== null).at(-1)!.end;
}

for (const kind of kinds) {
  describe.skipIf(!kind.supported)(kind.name, () => {
    let topology: Topology;
    let counter = 0;
    const source = (): TestServer => topology.source;
    const target = (): TestServer => topology.replicas[0]!;
    const quiet = (): TestServer => topology.replicas[1]!;

    beforeAll(async () => {
      const noLogUpdates =
        kind.vendor === 'mariadb' ? { log_slave_updates: 'OFF' } : { log_replica_updates: 'OFF' };
      topology = await startTopology({
        vendor: kind.vendor,
        settings: kind.settings,
        replicas: [{ binlog_row_event_max_size: 256 }, noLogUpdates],
      });
      await source().query('CREATE DATABASE shop');
      await source().query('USE shop');
      await source().query('CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, note TEXT)');
    });

    afterAll(async () => {
      await topology.stop();
    });

    async function write(hints: number): Promise<void> {
      for (let hint = 0; hint < hints; hint += 1) {
        await inject(source(), ascendingHint((counter += 1)));
        await source().query("INSERT INTO orders (note) VALUES (REPEAT('x', 1000)), (NULL)");
        await source().query(`CREATE TABLE made${counter} (id INT) /* a comment */`);
        await source().query('BEGIN');
        await source().query("UPDATE orders SET note = 'y' ORDER BY id LIMIT 1");
        await source().query(`INSERT INTO made${counter} VALUES (1)`);
        await source().query('DELETE FROM orders ORDER BY id DESC LIMIT 1');
        await source().query('COMMIT');
        await source().query("INSERT INTO orders (note) VALUES ('z')");
      }
    }

    async function place(replica: TestServer, above: TestServer | null): Promise<ReplicaPlace> {
      const { executed } = (await replicationStatus(replica))!;
      return placeOfReplica({
        replica: await inspected(replica),
        channel: { name: '', executed },
        source: above && (await inspected(above)),
        to: await inspected(target()),
        format: defaultHintFormat,
        signal,
      });
    }

    test('a replica that doesn’t log what it replicates: by its living source, then by its relay log', async () => {
      await write(2);
      await source().query('FLUSH BINARY LOGS');
      await write(2);
      await topology.waitForReplicas();
      const truth = await lastEnd(target());
      await stopReplication(quiet(), 'io');
      await write(1);
      await source().query("INSERT INTO orders (note) VALUES ('more')");
      await topology.waitForReplicas([target()]);
      expect(await place(quiet(), source())).toMatchObject({
        to: truth,
        via: 'source-log',
        confidence: 'exact',
      });
      await source().kill();
      const found = await place(quiet(), null);
      expect(found).toMatchObject({ to: truth, via: 'relay-log', confidence: 'shape' });
      expect(found.transactionsMatched).toBeGreaterThan(5);
      expect(await place(target(), null)).toMatchObject({ to: await lastEnd(target()), via: 'own-log' });
    });

    test('no hint left in the relay log: by GTID, or said so', async () => {
      await source().restart();
      // Starting the receiver again begins a new relay log; the applier purges the older ones.
      for (let round = 0; round < 3; round += 1) {
        await startReplication(quiet(), 'io');
        await source().query("INSERT INTO shop.orders (note) VALUES ('no hint')");
        await topology.waitForReplicas([quiet()]);
        await stopReplication(quiet(), 'io');
      }
      // The place is looked for there.
      await topology.waitForReplicas([target()]);
      await source().kill();
      const resting = place(quiet(), null);
      if (kind.settings['gtid_mode'] === 'OFF') {
        const details = { server: quiet().address };
        await expect(resting).rejects.toMatchObject({ code: 'no-trail', details });
      } else expect(await resting).toMatchObject({ via: 'relay-log', hint: null, confidence: 'shape' });
    });
  });
}

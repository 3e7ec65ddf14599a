import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { correlate } from '../../src/correlate/correlate.js';
import { GtidState } from '../../src/gtids/gtid-state.js';
import { defaultHintFormat } from '../../src/hints/hint.js';
import { beginTrail } from '../../src/matching/first-trail.js';
import { endOfTransaction } from '../../src/matching/gtid-scan.js';
import { GtidLog, locateGtid } from '../../src/matching/locate-gtid.js';
import { inspect } from '../../src/mysql/inspect.js';
import { startTopology, type TestServer, type Topology } from '../servers/index.js';
import { until } from '../servers/wait.js';
import { BinlogServer } from '../support/binlog-server.js';
import { documentOf, runWaymark } from '../unit/cli/waymark.js';
import { everything, instanceOf, kinds, logsOf, newLog, readTransactions } from './fixtures/log-reading.js';

const signal = AbortSignal.timeout(240_000);

async function optionsFor(server: TestServer) {
  const instance = instanceOf(server);
  const inspection = await inspect(instance, signal, 5000);
  return { instance, inspection, signal, format: defaultHintFormat, filter: everything };
}

for (const kind of kinds.filter(({ name }) => name !== 'MySQL without GTIDs')) {
  describe.skipIf(!kind.supported)(`${kind.name}, without any hint`, () => {
    let topology: Topology;
    const source = (): TestServer => topology.source;
    const replica = (): TestServer => topology.replicas[0]!;
    let row = 0;

    beforeAll(async () => {
      topology = await startTopology({ vendor: kind.vendor, settings: kind.settings, replicas: 1 });
      await source().query('CREATE DATABASE shop');
      await source().query('CREATE TABLE shop.orders (id INT PRIMARY KEY, note TEXT)');
      for (let file = 0; file < 8; file += 1) {
        for (let index = 0; index < 20; index += 1) await insert();
        await newLog(source());
        if (file % 2 === 1) continue;
        await topology.waitForReplicas();
        await newLog(replica());
      }
      await topology.waitForReplicas();
    });

    afterAll(async () => {
      await topology.stop();
    });

    const insert = (): Promise<unknown> =>
      source().query(`INSERT INTO shop.orders VALUES (${(row += 1)}, REPEAT('x', 200))`);

    async function transactionsOf(server: TestServer) {
      const [oldest] = await logsOf(server);
      const all = await readTransactions(server, { file: oldest!.file, position: 4 });
      return all.flatMap(({ gtid, ...rest }) => (gtid === null ? [] : [{ gtid, ...rest }]));
    }

    test('each GTID is found where it is, by reading one file', async () => {
      for (const server of [source(), replica()]) {
        const options = await optionsFor(server);
        const all = await transactionsOf(server);
        const isLast = (index: number): boolean => all[index + 1]?.start.file !== all[index]?.start.file;
        expect(all.filter((_, index) => isLast(index)).length).toBeGreaterThan(3);
        for (const { gtid, start, end } of all.filter((_, index) => index % 13 === 0 || isLast(index))) {
          const found = await locateGtid([gtid], options);
          expect(found).toMatchObject({ gtid, ...start });
          expect(await endOfTransaction(start, options)).toBe(end.position);
          // The first file's head, as many as a bisection takes, and the file itself.
          expect(found.filesProbed).toBeLessThanOrEqual(7);
          const wrongNote = { file: all.at(-1)!.start.file, position: 4 };
          expect(await locateGtid([gtid], { ...options, startHere: wrongNote })).toMatchObject(start);
        }
      }
    });

    test('a binlog server, which lists no events: the same place', async () => {
      const binlogServer = await BinlogServer.start(source());
      try {
        const { gtid, start } = (await transactionsOf(source())).at(-50)!;
        const [host = '', port] = binlogServer.address.split(':');
        const { instance, ...options } = await optionsFor(source());
        const there = { ...instance, address: { host, port: Number(port) } };
        expect(await locateGtid([gtid], { ...options, instance: there })).toMatchObject(start);
        expect(binlogServer.dumps).toBeGreaterThan(2);
      } finally {
        await binlogServer.stop();
      }
    });

    test('what is not there is behind, or purged', async () => {
      const options = await optionsFor(replica());
      const last = (await transactionsOf(replica())).at(-1)!.gtid;
      const later = last.replace(/\d+$/, (number) => String(Number(number) + 1000));
      await expect(locateGtid([later], options)).rejects.toMatchObject({ code: 'behind' });
      const all = await transactionsOf(source());
      const second = (await logsOf(source()))[3]!.file;
      // A server keeps a file that it still sends to somebody, and doesn't say so.
      await until('the older logs are gone', async () => {
        await source().query(`PURGE BINARY LOGS TO '${second}'`);
        return (await logsOf(source()))[0]!.file === second;
      });
      const there = await optionsFor(source());
      await expect(locateGtid([all[0]!.gtid], there)).rejects.toMatchObject({ code: 'purged' });
      // The next one that is there will do.
      expect(await locateGtid([all[0]!.gtid, last], there)).toMatchObject({ gtid: last });
      const delivered = GtidState.parse(all[0]!.gtid.replace(/:(\d+)$/, ':1-$1'));
      const log = await GtidLog.open(there);
      await expect(log.startBefore([last], delivered, {}, 0)).rejects.toMatchObject({ code: 'purged' });
    });

    test('a stream begins behind a GTID, or at a time, with its trail and what came before', async () => {
      const options = await optionsFor(replica());
      const all = await transactionsOf(replica());
      const half = Math.floor(all.length / 2);
      const middle = all[half]!;
      const behind = await beginTrail({ at: 'gtid', gtid: middle.gtid }, 'auto', options);
      // It may be the last of its file.
      expect(behind).toMatchObject({ coordinates: all[half + 1]!.start, anchors: 'gtid' });
      expect(behind.delivered?.has(middle.gtid)).toBe(true);
      expect(behind.delivered?.has(all.at(-1)!.gtid)).toBe(false);
      expect(behind.trail.filter((entry) => entry.kind === 'gtid').length).toBeGreaterThan(0);

      const begun = Date.now();
      await until('the next second', () => Promise.resolve(Date.now() >= begun + 1500));
      const timeMs = Math.ceil(Date.now() / 1000) * 1000;
      await until('that time', () => Promise.resolve(Date.now() >= timeMs));
      await insert();
      await topology.waitForReplicas();
      const newest = (await transactionsOf(replica())).at(-1)!;
      const later = await optionsFor(replica());
      expect(await beginTrail({ at: 'time', timeMs }, 'auto', later)).toMatchObject({
        coordinates: newest.start,
        anchors: 'gtid',
      });
      const longAgo = beginTrail({ at: 'time', timeMs: Date.UTC(2020) }, 'auto', later);
      await expect(longAgo).rejects.toMatchObject({ code: 'purged' });
      expect(await beginTrail({ at: 'latest' }, 'hints', later)).toMatchObject({
        anchors: 'hint',
        trail: [],
      });
    });

    test('a stream begins behind log files without transactions: its trail is from before them', async () => {
      await topology.waitForReplicas();
      const newest = (await transactionsOf(replica())).at(-1)!;
      for (let file = 0; file < 3; file += 1) await newLog(replica());
      const { trail, delivered } = await beginTrail({ at: 'latest' }, 'gtid', await optionsFor(replica()));
      expect(trail.some((entry) => entry.kind === 'gtid')).toBe(true);
      expect(delivered?.has(newest.gtid)).toBe(true);
    });

    test('find --gtid, and the same place on another server', async () => {
      await topology.waitForReplicas();
      const ours = await transactionsOf(replica());
      const { gtid, start, end } = ours.at(-5)!;
      const { address, user, password } = replica();
      const args = ['find', '--server', address, '--get-server-public-key', '--gtid', gtid, '--json'];
      const found = await runWaymark(args, { WAYMARK_USER: user, WAYMARK_PASSWORD: password });
      expect(documentOf(found)).toMatchObject({ gtid, hint: null, ...start, endPosition: end.position });
      const [from, to] = await Promise.all([source(), replica()].map(optionsFor));
      const at = (await transactionsOf(source())).find((one) => one.gtid === gtid)!.end;
      const place = await correlate({ from: from!, to: to!, at, format: defaultHintFormat, signal });
      expect(place).toMatchObject({ to: end, hint: null, confidence: 'exact' });
    });
  });
}

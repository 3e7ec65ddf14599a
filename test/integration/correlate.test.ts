import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Coordinates } from '../../src/binlog/coordinates.js';
import { defaultHintFormat, hintRecogniser } from '../../src/hints/hint.js';
import { correlate } from '../../src/correlate/correlate.js';
import type { Correlation } from '../../src/correlate/result.js';
import { inspect } from '../../src/mysql/inspect.js';
import {
  startReplication,
  startTopology,
  stopReplication,
  type TestServer,
  type Topology,
} from '../servers/index.js';
import { documentOf, runWaymark } from '../unit/cli/waymark.js';
import { ascendingHint, inject } from './fixtures/hints.js';
import { instanceOf, kinds, logsOf, newLog, readTransactions } from './fixtures/log-reading.js';

const signal = AbortSignal.timeout(240_000);

async function inspected(server: TestServer) {
  const instance = instanceOf(server);
  return { instance, inspection: await inspect(instance, signal, 5000) };
}

async function place(from: TestServer, at: Coordinates, to: TestServer): Promise<Correlation> {
  const [one, other] = [await inspected(from), await inspected(to)];
  return correlate({ from: one, at, to: other, format: defaultHintFormat, signal });
}

async function endOf(server: TestServer): Promise<Coordinates> {
  const { file, size } = (await logsOf(server)).at(-1)!;
  return { file, position: size };
}

/** The ends of a server's transactions, from its first hint on: places between transactions, in order. */
async function boundaries(server: TestServer): Promise<{ start: Coordinates; end: Coordinates }[]> {
  const recognise = hintRecogniser(defaultHintFormat);
  const [oldest] = await logsOf(server);
  const all = await readTransactions(server, { file: oldest!.file, position: 4 });
  const content = all.filter(({ identity }) => identity !== null);
  return content.slice(content.findIndex(({ statement }) => statement && recognise(statement)));
}

for (const kind of kinds) {
  describe.skipIf(!kind.supported)(kind.name, () => {
    let topology: Topology;
    let counter = 0;
    let row = 0;
    const source = (): TestServer => topology.source;
    const first = (): TestServer => topology.replicas[0]!;
    const second = (): TestServer => topology.replicas[1]!;

    beforeAll(async () => {
      topology = await startTopology({
        vendor: kind.vendor,
        settings: kind.settings,
        replicas: [{}, { binlog_row_event_max_size: 256, max_binlog_size: 16_384 }],
      });
      await source().query('CREATE DATABASE shop');
      await source().query('CREATE TABLE shop.orders (id INT PRIMARY KEY, note TEXT)');
    });

    afterAll(async () => {
      await topology.stop();
    });

    /** Hints with transactions of several rows and a DDL statement between them. */
    async function write(intervals: number, transactions = 5): Promise<void> {
      for (let interval = 0; interval < intervals; interval += 1) {
        await inject(source(), ascendingHint((counter += 1)));
        for (let index = 0; index < transactions; index += 1) {
          const rows = Array.from({ length: 1 + index }, () => `(${(row += 1)}, REPEAT('x', 300))`);
          await source().query(`INSERT INTO shop.orders (id, note) VALUES ${rows.join(', ')}`);
        }
        await source().query(`ALTER TABLE shop.orders ADD c${counter} INT`);
      }
    }

    test('every boundary of a stretch of history, up, down and sideways', async () => {
      await write(2);
      await newLog(source());
      await write(2);
      await topology.waitForReplicas();
      const places = new Map<TestServer, Awaited<ReturnType<typeof boundaries>>>();
      for (const server of topology.servers) places.set(server, await boundaries(server));
      const count = places.get(source())!.length;
      const directions: [TestServer, TestServer][] = [
        [source(), second()],
        [second(), source()],
        [first(), second()],
      ];
      for (const [from, to] of directions) {
        expect(places.get(to)).toHaveLength(count);
        for (const [index, { end }] of places.get(from)!.entries()) {
          const found = await place(from, end, to);
          expect(found).toMatchObject({
            to: places.get(to)![index]!.end,
            ownTransactions: { from: { count: 0 }, to: { count: 0 } },
            // Right behind the very first hint there is nothing to compare.
            confidence: index === 0 ? 'unverified' : 'exact',
          });
        }
      }
    });

    test('the end of the log, also where it ends with what is no transaction', async () => {
      const last = (await boundaries(source())).at(-1)!.end;
      await newLog(second());
      await newLog(second());
      expect(await place(second(), await endOf(second()), source())).toMatchObject({ to: last });
      const [, , ...rest] = (await logsOf(second())).toReversed();
      const { file, size } = rest[0]!;
      expect(await place(second(), { file, position: size }, source())).toMatchObject({ to: last });
      expect(await place(source(), last, second())).toMatchObject({
        to: (await boundaries(second())).at(-1)!.end,
      });
    });

    test('a position inside a transaction is refused, with the boundaries around it', async () => {
      const { start, end } = (await boundaries(first())).at(-2)!;
      for (const position of [start.position + 1, end.position - 1]) {
        await expect(place(first(), { file: end.file, position }, second())).rejects.toMatchObject({
          code: 'coordinates',
          details: { boundaries: [start, end] },
        });
      }
      const beyond = { file: end.file, position: 900_000_000 };
      await expect(place(first(), beyond, second())).rejects.toMatchObject({ code: 'coordinates' });
    });

    test('before the first hint only GTIDs can tell', async () => {
      const at = (await boundaries(source()))[0]!.start;
      const found = place(source(), at, first());
      if (kind.settings['gtid_mode'] === 'OFF')
        await expect(found).rejects.toMatchObject({ code: 'no-trail' });
      else expect(await found).toMatchObject({ hint: null, confidence: 'exact' });
    });

    test('the command, and a server that is behind: exit 5 and what it lacks first', async () => {
      const environment = { WAYMARK_USER: source().user, WAYMARK_PASSWORD: source().password };
      const run = (at: Coordinates, ...more: string[]) =>
        runWaymark(
          [
            ...['correlate', '--from', source().address, '--at', `${at.file}:${at.position}`],
            ...['--to', second().address, ...more],
          ],
          environment,
        );
      const level = (await boundaries(source())).at(-1)!.end;
      const done = await run(level, '--json');
      expect(done.code).toBe(0);
      expect(documentOf(done)).toMatchObject({
        from: { server: source().address, ...level },
        to: { server: second().address, ...(await boundaries(second())).at(-1)!.end },
        confidence: 'exact',
      });
      await stopReplication(second());
      await write(1, 2);
      const late = (await boundaries(source())).slice(-4);
      const behind = await run(late[2]!.end, '--json');
      expect(behind.code).toBe(5);
      expect(documentOf(behind)).toMatchObject({
        error: { code: 'server-behind', count: 3, first: { start: { file: late[0]!.end.file } } },
      });
      expect((await run(late[2]!.end)).stderr).toContain('is behind');
      await startReplication(second());
      await topology.waitForReplicas();
    });

    test('own transactions of a replica are told apart, and are common where another replicates from it', async () => {
      await first().query('CREATE TABLE shop.own (id INT)');
      await first().query('INSERT INTO shop.own VALUES (1)');
      await write(1, 2);
      await topology.waitForReplicas();
      const { start } = (await boundaries(first())).at(-6)!;
      const last = (await boundaries(source())).at(-1)!.end;
      const up = await place(first(), await endOf(first()), source());
      expect(up).toMatchObject({ to: last, confidence: 'exact' });
      expect(up.ownTransactions.from).toMatchObject({
        count: 2,
        first: [{ server: first().address, start }, {}],
      });
      const down = await place(source(), last, first());
      expect(down.ownTransactions).toMatchObject({ from: { count: 0 }, to: { count: 2 } });
      const below = await topology.addReplica({}, { of: first() });
      await topology.waitForReplicas();
      const ends = [await boundaries(first()), await boundaries(below)];
      for (const back of [-1, -4, -5, -6, -7]) {
        expect(await place(first(), ends[0]!.at(back)!.end, below)).toMatchObject({
          to: ends[1]!.at(back)!.end,
          ownTransactions: { from: { count: 0 }, to: { count: 0 } },
        });
        expect(await place(below, ends[1]!.at(back)!.end, first())).toMatchObject({
          to: ends[0]!.at(back)!.end,
          ownTransactions: { from: { count: 0 }, to: { count: 0 } },
        });
      }
    });

    test('contents differ: diverged, with the transaction and the table', async () => {
      await second().query('SET sql_log_bin = 0');
      await second().query("UPDATE shop.orders SET note = 'other' WHERE id = 1");
      await second().query('SET sql_log_bin = 1');
      await write(1, 1);
      await source().query('CREATE TABLE shop.fine (id INT)');
      await source().query('BEGIN');
      await source().query('INSERT INTO shop.fine VALUES (1)');
      await source().query("UPDATE shop.orders SET note = 'new' WHERE id = 1");
      await source().query('COMMIT');
      await topology.waitForReplicas();
      const [here, there] = [await boundaries(source()), await boundaries(second())];
      await expect(place(source(), here.at(-2)!.end, second())).resolves.toMatchObject({
        to: there.at(-2)!.end,
      });
      await expect(place(source(), here.at(-1)!.end, second())).rejects.toMatchObject({
        code: 'diverged',
        details: {
          server: second().address,
          table: 'shop.orders',
          first: { server: source().address, start: here.at(-1)!.start },
          instead: { server: second().address, start: there.at(-1)!.start },
        },
      });
    });
  });
}

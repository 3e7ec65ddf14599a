import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EndedTransaction } from '../../src/transactions/transaction.js';
import type { StartConfig } from '../../src/config/schema.js';
import { defaultHintFormat } from '../../src/hints/hint.js';
import { beginTrail } from '../../src/matching/first-trail.js';
import type { ResumePoint } from '../../src/matching/match-state.js';
import { inspect } from '../../src/mysql/inspect.js';
import { until } from '../servers/wait.js';
import { startServer, type TestServer } from '../servers/index.js';
import { ascendingHint, inject } from './fixtures/hints.js';
import { everything, instanceOf, kinds, logsOf, newLog, readTransactions } from './fixtures/log-reading.js';

const signal = AbortSignal.timeout(240_000);

for (const kind of kinds) {
  describe.skipIf(!kind.supported)(kind.name, () => {
    let server: TestServer;
    let transactions: EndedTransaction[];

    const begin = async (start: StartConfig): Promise<ResumePoint> => {
      const instance = instanceOf(server);
      const inspection = await inspect(instance, signal, 5000);
      return beginTrail(start, 'hints', {
        instance,
        inspection,
        signal,
        format: defaultHintFormat,
        filter: everything,
      });
    };
    /** The trail in short: hints by number, transactions as dots. */
    const short = ({ trail }: ResumePoint): string =>
      trail
        .map((entry) =>
          entry.kind === 'hint' ? String(Number.parseInt(entry.hint.token.slice(13, 29), 16)) : '.',
        )
        .join('');

    beforeAll(async () => {
      server = await startServer({ vendor: kind.vendor, settings: kind.settings });
      await server.query('CREATE DATABASE shop');
      await server.query('CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, note TEXT)');
    });

    afterAll(async () => {
      await server.stop();
    });

    const row = (): Promise<unknown> => server.query("INSERT INTO shop.orders (note) VALUES ('x')");

    test('before any hint the trail is empty, and the place is right all the same', async () => {
      const [oldest] = await logsOf(server);
      const latest = await begin({ at: 'latest' });
      const { size, file } = (await logsOf(server)).at(-1)!;
      expect(latest).toMatchObject({
        coordinates: { file, position: size },
        trail: [],
        sequence: 0,
        skip: [],
      });
      expect(await begin({ at: 'earliest' })).toMatchObject({
        coordinates: { file: oldest!.file, position: 4 },
        trail: [],
      });
      const [transaction] = await readTransactions(server, { file: oldest!.file, position: 4 });
      const at = transaction!.end;
      expect(await begin({ at: 'coordinates', ...at })).toMatchObject({ coordinates: at, trail: [] });
      await expect(
        begin({ at: 'coordinates', file: at.file, position: at.position - 5 }),
      ).rejects.toMatchObject({ code: 'coordinates' });
    });

    test('latest: from the hints before, over files', async () => {
      await newLog(server);
      await row();
      await inject(server, ascendingHint(1));
      await row();
      await row();
      await newLog(server);
      await inject(server, ascendingHint(2));
      await row();
      await newLog(server);
      // MariaDB notes a checkpoint of its own in a new file, a moment later.
      const point = await until('the place is the end of the log', async () => {
        const latest = await begin({ at: 'latest' });
        const { file, size } = (await logsOf(server)).at(-1)!;
        return latest.coordinates.file === file && latest.coordinates.position === size && latest;
      });
      expect(point.sequence).toBe(1);
      expect(short(point)).toMatch(/2\.$/);
      await row();
      expect(short(await begin({ at: 'latest' }))).toMatch(/2\.\.$/);
    });

    test('coordinates: every boundary will do, and gives the trail up to there', async () => {
      const oldest = (await logsOf(server))[0]!.file;
      transactions = await readTransactions(server, { file: oldest, position: 4 });
      for (const transaction of transactions) {
        const { file, position } = transaction.end;
        const point = await begin({ at: 'coordinates', file, position });
        expect(point.coordinates).toEqual({ file, position });
        const before = transactions.slice(0, transactions.indexOf(transaction) + 1);
        const hint = before.findLastIndex(({ statement }) => statement?.sql.includes('_pseudo_gtid_hint__'));
        if (hint >= 0) expect(point.sequence).toBe(before.length - 1 - hint);
      }
    });

    test('inside a transaction: refused, with the boundaries around', async () => {
      const transaction = transactions.at(-1)!;
      const { file } = transaction.start;
      for (const position of [transaction.start.position + 1, transaction.end.position - 1]) {
        const error: unknown = await begin({ at: 'coordinates', file, position }).catch(
          (reason: unknown) => reason,
        );
        expect(error).toMatchObject({ code: 'coordinates' });
        const { message } = error as Error;
        expect(message).toContain(`${file}:${transaction.start.position}`);
        expect(message).toContain(`${file}:${transaction.end.position}`);
      }
    });

    test.skipIf(kind.vendor !== 'mariadb')('inside one that was rolled back: refused, too', async () => {
      const connection = await server.connect({ database: 'shop' });
      for (const sql of [
        'BEGIN',
        "INSERT INTO orders (note) VALUES ('gone')",
        'CREATE TEMPORARY TABLE tmp (a INT)',
        'ROLLBACK',
      ])
        await connection.query(sql);
      connection.destroy();
      const { file } = (await logsOf(server)).at(-1)!;
      const { start, end } = (await readTransactions(server, { file, position: 4 })).at(-1)!;
      await expect(begin({ at: 'coordinates', file, position: end.position - 1 })).rejects.toMatchObject({
        code: 'coordinates',
        details: { boundaries: [start, end] },
      });
      expect(await begin({ at: 'coordinates', ...end })).toMatchObject({ coordinates: end });
    });

    test('beyond the file, and in a file that is not there', async () => {
      const { file, size } = (await logsOf(server)).at(-1)!;
      await expect(begin({ at: 'coordinates', file, position: size + 1 })).rejects.toMatchObject({
        code: 'coordinates',
        message: expect.stringContaining(`${size} bytes`) as string,
      });
      await expect(begin({ at: 'coordinates', file: 'mysql-bin.999999', position: 4 })).rejects.toMatchObject(
        {
          code: 'coordinates',
          message: expect.stringContaining(file) as string,
        },
      );
      await expect(begin({ at: 'coordinates', file, position: size })).resolves.toMatchObject({
        coordinates: { file, position: size },
      });
    });

    test('a hint: right behind it, whatever comes later', async () => {
      for (const counter of [1, 2]) {
        const { token } = ascendingHint(counter);
        const point = await begin({ at: 'hint', hint: token });
        const place = transactions.find(({ statement }) => statement?.sql.includes(token))!;
        expect(point).toMatchObject({ coordinates: place.end, sequence: 0 });
        expect(short(point)).toBe(String(counter));
      }
      await expect(begin({ at: 'hint', hint: ascendingHint(7).token })).rejects.toMatchObject({
        code: 'behind',
      });
    });

    test('when the last hint is more than three files back there is none near', async () => {
      for (let count = 0; count < 4; count += 1) {
        await newLog(server);
        await row();
      }
      expect(await begin({ at: 'latest' })).toMatchObject({ trail: [], sequence: 0 });
    });
  });
}

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { defaultHintFormat, type Hint, hintFromToken } from '../../src/hints/hint.js';
import { lastHint, type LocateOptions, type LocateResult, locateHint } from '../../src/matching/locate.js';
import { startServer, type TestServer } from '../servers/index.js';
import { ascendingHint, inject } from './fixtures/hints.js';
import { instanceOf, kinds, logsOf, newLog, shownEvents } from './fixtures/log-reading.js';

const files = 10;
const hintsPerFile = 3;

for (const kind of kinds) {
  describe.skipIf(!kind.supported)(kind.name, () => {
    let server: TestServer;
    /** Places of the hints by token, as the server shows them. */
    const places = new Map<string, { file: string; position: number; endPosition: number }>();
    const locate = (wanted: readonly Hint[], options: Partial<LocateOptions> = {}): Promise<LocateResult> =>
      locateHint(wanted, {
        instance: instanceOf(server),
        signal: AbortSignal.timeout(20_000),
        format: defaultHintFormat,
        ...options,
      });
    const fill = (): Promise<unknown> =>
      server.query("INSERT INTO shop.blobs (data) VALUES (REPEAT('x', 400000))");
    const all = Array.from({ length: files * hintsPerFile }, (_, index) => ascendingHint((index + 1) * 10));

    beforeAll(async () => {
      server = await startServer({ vendor: kind.vendor, settings: kind.settings });
      await server.query('CREATE DATABASE shop');
      await server.query('CREATE TABLE shop.blobs (id INT PRIMARY KEY AUTO_INCREMENT, data LONGBLOB)');
      await server.query('USE shop');
      for (const [index, hint] of all.entries()) {
        // The first hint stands right behind the rotate, the last right before the next one.
        if (index % hintsPerFile === 0) await newLog(server);
        else await fill();
        await inject(server, hint);
      }
      for (const { file } of await logsOf(server)) {
        for (const { info, position, end } of await shownEvents(server, file)) {
          const token = /_pseudo_gtid_hint__([^`]+)/.exec(info)?.[1];
          if (token !== undefined) places.set(token, { file, position, endPosition: end });
        }
      }
      expect(places.size).toBe(all.length);
    });

    afterAll(async () => {
      await server.stop();
    });

    test('every hint is found where the server shows it, reading little', async () => {
      const fileBytes = (await logsOf(server)).at(-2)!.size;
      for (const hint of all) {
        const found = await locate([hint]);
        expect(found).toMatchObject({ hint, ...places.get(hint.token) });
        expect(found.filesProbed).toBeLessThanOrEqual(6);
        expect(found.bytesScanned).toBeLessThan(fileBytes * 1.7);
      }
    });

    test('of several the oldest that is there', async () => {
      const wanted = [ascendingHint(11), ascendingHint(12), all[4]!, all[5]!, ascendingHint(9999)];
      expect(await locate(wanted)).toMatchObject(places.get(all[4]!.token)!);
    });

    test('one that was never there is not found between its neighbours', async () => {
      for (const counter of [15, 35, 155, 295]) {
        await expect(locate([ascendingHint(counter)])).rejects.toMatchObject({ code: 'not-found' });
      }
    });

    test('newer than all: the server is behind', async () => {
      await expect(locate([ascendingHint(5000), ascendingHint(5001)])).rejects.toMatchObject({
        code: 'behind',
        details: { lastHint: all.at(-1)!.token, server: server.address },
      });
    });

    test('older than all: purged', async () => {
      await expect(locate([ascendingHint(1), ascendingHint(2)])).rejects.toMatchObject({
        code: 'purged',
        details: { firstHint: all[0]!.token },
      });
    });

    describe('a note of where to begin', () => {
      test('right before the hint: next to nothing is read', async () => {
        const place = places.get(all[20]!.token)!;
        const before = places.get(all[19]!.token)!;
        const startHere = { file: before.file, position: before.endPosition };
        const found = await locate([all[20]!], { startHere });
        expect(found).toMatchObject({ ...place, filesProbed: 1 });
        expect(found.bytesScanned).toBeLessThan(500_000);
      });

      test('wrong ones do no harm', async () => {
        const wanted = all[13]!;
        const later = places.get(all[25]!.token)!;
        const notes = [
          { file: later.file, position: later.endPosition },
          { file: later.file, position: later.position + 3 },
          { file: later.file, position: 900_000_000 },
          { file: 'mysql-bin.999999', position: 4 },
        ];
        for (const startHere of notes) {
          expect(await locate([wanted], { startHere })).toMatchObject(places.get(wanted.token)!);
        }
      });
    });

    test('the last hint', async () => {
      const options = {
        instance: instanceOf(server),
        signal: AbortSignal.timeout(20_000),
        format: defaultHintFormat,
      };
      expect(await lastHint(options)).toMatchObject({ hint: all.at(-1), ...places.get(all.at(-1)!.token) });
      // Files without any hint behind it.
      await newLog(server);
      await newLog(server);
      expect(await lastHint(options)).toMatchObject({ hint: all.at(-1) });
      expect(await locate([all.at(-1)!])).toMatchObject(places.get(all.at(-1)!.token)!);
      await expect(
        lastHint({ ...options, format: { schema: 'meta', prefix: 'other_' } }),
      ).resolves.toBeNull();
    });

    test('a hint injected with a default schema, in other letters and spaces', async () => {
      const hint = ascendingHint(1000);
      await server.query('CREATE DATABASE IF NOT EXISTS meta');
      await server.query('USE meta');
      await server.query(`  DROP   view if EXISTS _pseudo_gtid_hint__${hint.token.replaceAll(':', '$')}`);
      await server.query(`  Drop View  IF exists \`_pseudo_gtid_hint__${hint.token}\``);
      expect(await locate([hint])).toMatchObject({ hint });
    });

    test('hints that do not ascend are found as well, and missed as well', async () => {
      const words = ['tau', 'alpha', 'kappa'].map((word) => hintFromToken(word));
      for (const hint of words) {
        await newLog(server);
        await inject(server, hint);
        await fill();
      }
      for (const hint of words) expect(await locate([hint])).toMatchObject({ hint });
      expect(await locate(words)).toMatchObject({ hint: words[0] });
      await expect(locate([hintFromToken('omega')])).rejects.toMatchObject({ code: 'not-found' });
    });

    test('what has been purged is purged', async () => {
      const keep = places.get(all[15]!.token)!.file;
      // What a dump thread that has just been left is still at is not purged.
      const purge = async (): Promise<string | undefined> => {
        await server.query(`PURGE BINARY LOGS TO '${keep}'`);
        return (await logsOf(server))[0]?.file;
      };
      await expect.poll(purge, { timeout: 30_000 }).toBe(keep);
      await expect(locate([all[14]!])).rejects.toMatchObject({ code: 'purged' });
      expect(await locate([all[14]!, all[15]!])).toMatchObject(places.get(all[15]!.token)!);
    });

    test('in another format there is no hint at all', async () => {
      const format = { schema: 'meta', prefix: 'other_' };
      await expect(locate([all[20]!], { format })).rejects.toMatchObject({
        code: 'not-found',
        message: expect.stringContaining('no hint at all') as string,
      });
    });

    test('the signal ends it', async () => {
      await expect(locate([all[20]!], { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
        'enough',
      );
    });
  });
}

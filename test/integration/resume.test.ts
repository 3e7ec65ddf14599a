import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { defaultHintFormat } from '../../src/hints/hint.js';
import { beginTrail } from '../../src/matching/first-trail.js';
import {
  DivergedError,
  findResumePoint,
  type ResumeOptions,
  type Resumption,
} from '../../src/matching/resume-point.js';
import type { TrailEntry } from '../../src/matching/trail.js';
import { inspect } from '../../src/mysql/inspect.js';
import {
  startReplication,
  startTopology,
  stopReplication,
  type TestServer,
  type Topology,
} from '../servers/index.js';
import { ascendingHint, inject } from './fixtures/hints.js';
import { everything, instanceOf, kinds, logsOf, newLog, readTransactions } from './fixtures/log-reading.js';

const signal = AbortSignal.timeout(240_000);

for (const kind of kinds) {
  describe.skipIf(!kind.supported)(kind.name, () => {
    let topology: Topology;
    let counter = 0;
    let row = 0;

    beforeAll(async () => {
      topology = await startTopology({
        vendor: kind.vendor,
        settings: kind.settings,
        replicas: [{}, { binlog_row_event_max_size: 256, max_binlog_size: 65_536 }],
      });
      await topology.source.query('CREATE DATABASE shop');
      await topology.source.query('CREATE TABLE shop.orders (id INT PRIMARY KEY, note TEXT)');
    });

    afterAll(async () => {
      await topology.stop();
    });

    /** Hints with transactions of several rows between them. */
    async function write(intervals: number, transactions = 20): Promise<void> {
      for (let interval = 0; interval < intervals; interval += 1) {
        await inject(topology.source, ascendingHint((counter += 1)));
        for (let index = 0; index < transactions; index += 1) {
          const rows = Array.from({ length: 1 + (index % 5) }, () => `(${(row += 1)}, REPEAT('x', 200))`);
          await topology.source.query(`INSERT INTO shop.orders VALUES ${rows.join(', ')}`);
        }
      }
    }

    /** What a reader of this server has delivered until now. */
    async function trailOf(server: TestServer): Promise<readonly TrailEntry[]> {
      const instance = instanceOf(server);
      const inspection = await inspect(instance, signal, 5000);
      const point = await beginTrail({ at: 'latest' }, 'hints', {
        instance,
        inspection,
        signal,
        format: defaultHintFormat,
        filter: everything,
      });
      return point.trail;
    }

    async function resume(
      server: TestServer,
      trail: readonly TrailEntry[],
      options: Partial<ResumeOptions> = {},
    ): Promise<Resumption> {
      const instance = instanceOf(server);
      return findResumePoint({
        instance,
        inspection: await inspect(instance, signal, 5000),
        trail,
        trailOrdered: true,
        margin: 1024,
        format: defaultHintFormat,
        filter: everything,
        signal,
        ...options,
      });
    }

    const [first, second] = [
      (): TestServer => topology.replicas[0]!,
      (): TestServer => topology.replicas[1]!,
    ];

    /** Digests of what a reader gets on a server from the place on, without hints. */
    async function digestsFrom(server: TestServer, point: Resumption['resume']): Promise<bigint[]> {
      const skip = new Set(point.skip.map(({ start }) => `${start.file}:${start.position}`));
      return (await readTransactions(server, point.coordinates))
        .filter(({ start, statement }) => statement === null && !skip.has(`${start.file}:${start.position}`))
        .flatMap(({ identity }) => (identity === null ? [] : [identity.digest]));
    }

    test.each([true, false])(
      'goes on right behind what was delivered; order known: %s',
      async (trailOrdered) => {
        await write(4);
        await topology.waitForReplicas();
        const trail = await trailOf(first());
        const start = await newLog(topology.source);
        await write(2);
        await topology.waitForReplicas();
        const { resume: point, confidence, evidence } = await resume(second(), trail, { trailOrdered });
        expect(evidence.transactionsMatched).toBeGreaterThan(0);
        // Where the order is not known, what stands right before a trail that is so short counts as new.
        expect(confidence).toBe(trailOrdered ? 'exact' : 'reordered');
        expect(await digestsFrom(second(), point)).toEqual(
          await digestsFrom(topology.source, { ...point, coordinates: start, skip: [] }),
        );
      },
    );

    test('the reader was level: the place is the end of the log', async () => {
      await topology.waitForReplicas();
      const { resume: point, confidence } = await resume(second(), await trailOf(first()));
      const last = (await logsOf(second())).at(-1)!;
      expect(confidence).toBe('exact');
      // MariaDB may have written a checkpoint event of its own behind the last transaction.
      expect([point.coordinates.file, point.skip]).toEqual([last.file, []]);
      expect(await digestsFrom(second(), point)).toEqual([]);
    });

    test('a server that is behind is waited for, and told of', async () => {
      await stopReplication(second());
      await write(3);
      await topology.waitForReplicas([first()]);
      const trail = (await trailOf(first())).slice(-45);
      const phases: string[] = [];
      const started = { done: false };
      const resuming = resume(second(), trail, {
        onPhase: ({ phase }) => {
          phases.push(phase);
          if (phase !== 'behind' || started.done) return;
          started.done = true;
          void startReplication(second());
        },
      });
      const { resume: point, confidence } = await resuming;
      expect(phases[0]).toBe('behind');
      expect(confidence).toBe('exact');
      await topology.waitForReplicas();
      expect(await digestsFrom(second(), point)).toEqual([]);
    });

    test('the server’s own transactions are left out, and counted', async () => {
      await topology.waitForReplicas();
      await second().query('CREATE TABLE IF NOT EXISTS shop.own (id INT)');
      await second().query('INSERT INTO shop.own VALUES (1)');
      await write(1);
      await topology.waitForReplicas();
      const { evidence, confidence } = await resume(second(), await trailOf(first()));
      expect(evidence.errant).toBe(2);
      expect(confidence).toBe('exact');
    });

    test('something delivered is not there: diverged, with what it is', async () => {
      const trail = [...(await trailOf(first()))];
      const identity = { digest: 0xabcn, second: 1, origin: kind.vendor === 'mariadb' ? 'g:0-9-9' : 'c:1' };
      trail.splice(-2, 0, { kind: 'transaction', identity });
      const resuming = resume(second(), trail);
      await expect(resuming).rejects.toBeInstanceOf(DivergedError);
      await expect(resuming).rejects.toMatchObject({
        code: 'diverged',
        missing: [{ digest: '0000000000000abc', origin: identity.origin }],
      });
    });

    test('without any hint there is no way', async () => {
      await expect(resume(second(), [])).rejects.toMatchObject({ code: 'no-trail' });
    });

    test('its logs are gone: purged', async () => {
      const trail = await trailOf(first());
      await write(1);
      await topology.waitForReplicas();
      await newLog(second());
      await write(1);
      await topology.waitForReplicas();
      // What a dump thread that has just been left is still at is not purged.
      const purge = async (): Promise<number> => {
        await second().query(`PURGE BINARY LOGS TO '${(await logsOf(second())).at(-1)!.file}'`);
        return (await logsOf(second())).length;
      };
      await expect.poll(purge, { timeout: 10_000 }).toBe(1);
      await expect(resume(second(), trail)).rejects.toMatchObject({ code: 'purged' });
    });
  });
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Coordinates } from '../../src/binlog/coordinates.js';
import { type DumpOptions, readDump } from '../../src/dump/dump-stream.js';
import { EventType, eventType } from '../../src/binlog/event.js';
import { readStatement } from '../../src/binlog/query-event.js';
import { WaymarkError } from '../../src/util/errors.js';
import { startServer, type TestServer } from '../servers/index.js';
import { instanceOf, kinds, logsOf, newLog, readTransactions } from './fixtures/log-reading.js';

const heartbeats: readonly number[] = [EventType.heartbeat, EventType.heartbeatV2];

/** The error that ends a dump, with what came before. */
async function endOf(
  server: TestServer,
  start: Coordinates,
  options: Partial<DumpOptions> = {},
  onEvent: (type: number) => void = () => undefined,
): Promise<{ error: WaymarkError | null; events: number }> {
  let events = 0;
  const dump = readDump({
    instance: instanceOf(server),
    start,
    signal: AbortSignal.timeout(30_000),
    ...options,
  });
  try {
    for await (const batch of dump) {
      batch.forEach((buffer, at) => {
        events += 1;
        onEvent(eventType(buffer, at));
      });
    }
    return { error: null, events };
  } catch (error) {
    if (error instanceof WaymarkError) return { error, events };
    throw error;
  }
}

for (const kind of kinds) {
  describe.skipIf(!kind.supported)(kind.name, () => {
    let server: TestServer;
    let start: Coordinates;

    beforeAll(async () => {
      server = await startServer({ vendor: kind.vendor, settings: kind.settings });
      await server.query('CREATE DATABASE shop');
      await server.query('CREATE TABLE shop.orders (id INT PRIMARY KEY, note TEXT)');
      await server.query('CREATE TABLE shop.blobs (id INT PRIMARY KEY AUTO_INCREMENT, data LONGBLOB)');
    });

    afterAll(async () => {
      await server.stop();
    });

    test('without blocking it ends where the log ends, rotations and all', async () => {
      start = await newLog(server);
      await server.query("INSERT INTO shop.orders VALUES (1, 'a')");
      await newLog(server);
      await server.query("INSERT INTO shop.orders VALUES (2, 'b')");
      const endOfDump = async (): Promise<Coordinates> => {
        let end = start;
        const dump = readDump({
          instance: instanceOf(server),
          start,
          signal: AbortSignal.timeout(10_000),
          nonBlocking: true,
          verifyChecksums: true,
        });
        for await (const batch of dump) end = batch.end;
        return end;
      };
      // MariaDB's checkpoint of a new log may come a second after it, between the dump's end and the list.
      await vi.waitFor(
        async () => {
          const end = await endOfDump();
          const last = (await logsOf(server)).at(-1);
          expect(end).toEqual({ file: last?.file, position: last?.size });
        },
        { timeout: 10_000, interval: 100 },
      );
    });

    test('an idle server sends heartbeats, and is not silent', async () => {
      let seen = 0;
      const controller = new AbortController();
      const began = performance.now();
      const dump = endOf(
        server,
        start,
        { heartbeatMs: 500, silenceMs: 4_000, signal: controller.signal },
        (type) => {
          if (heartbeats.includes(type)) seen += 1;
          if (seen === 12) controller.abort(new Error('seen enough'));
        },
      );
      await expect(dump).rejects.toThrow('seen enough');
      expect(performance.now() - began).toBeGreaterThan(4_000);
    });

    test('what is written while reading comes at once', async () => {
      const controller = new AbortController();
      let sentAt = 0;
      let tookMs = -1;
      let heartbeatsBetween = 0;
      const rarely = { heartbeatMs: 3_000, silenceMs: 12_000, signal: controller.signal };
      const dump = endOf(server, await newLog(server), rarely, (type) => {
        if (heartbeats.includes(type)) {
          if (sentAt > 0) heartbeatsBetween += 1;
          else {
            sentAt = performance.now();
            void server.query("INSERT INTO shop.orders VALUES (3, 'c')");
          }
        }
        if (type === EventType.xid) {
          tookMs = performance.now() - sentAt;
          controller.abort(new Error('seen'));
        }
      });
      await expect(dump).rejects.toThrow('seen');
      expect(tookMs).toBeGreaterThan(0);
      expect(heartbeatsBetween).toBe(0);
    });

    test('a server that stands still is silent, within the limit', async () => {
      let frozenAt = 0;
      const freezing: Promise<void>[] = [];
      const { error } = await endOf(server, start, { silenceMs: 4_000 }, (type) => {
        if (!heartbeats.includes(type) || freezing.length > 0) return;
        frozenAt = performance.now();
        freezing.push(server.freeze());
      });
      const tookMs = performance.now() - frozenAt;
      await Promise.all(freezing);
      await server.resume();
      expect(error).toMatchObject({ code: 'stream-silent', details: { server: server.address } });
      // By the limit that was asked for, not the default one.
      expect(tookMs).toBeGreaterThan(3_000);
      expect(tookMs).toBeLessThan(10_000);
    });

    test('a server that stands still is not connected to for ever', async () => {
      await server.freeze();
      const began = performance.now();
      const { error } = await endOf(server, start, { connectTimeoutMs: 5_000, silenceMs: 5_000 });
      await server.resume();
      expect(['server-unreachable', 'stream-silent']).toContain(error?.code);
      const tookMs = performance.now() - began;
      // By the limit that was asked for, not the default one.
      expect(tookMs).toBeGreaterThan(4_000);
      expect(tookMs).toBeLessThan(15_000);
    });

    test('a consumer that takes longer than the silence limit loses nothing', async () => {
      const first = await newLog(server);
      for (let row = 0; row < 12; row += 1) {
        await server.query("INSERT INTO shop.blobs (data) VALUES (REPEAT('x', 1000000))");
      }
      let bytes = 0;
      let batches = 0;
      const dump = readDump({
        instance: instanceOf(server),
        start: first,
        signal: AbortSignal.timeout(30_000),
        nonBlocking: true,
        silenceMs: 2_000,
        heartbeatMs: 100,
        verifyChecksums: true,
      });
      for await (const batch of dump) {
        batch.forEach((_buffer, at, end) => {
          bytes += end - at;
        });
        batches += 1;
        // Not a wait for something, but the slowness itself.
        if (batches % 40 === 1 && batches < 100) await new Promise((resolve) => setTimeout(resolve, 2_500));
      }
      expect(bytes).toBeGreaterThan(12_000_000);
    });

    test('no faster than it is told to', async () => {
      const { size } = (await logsOf(server)).at(-1)!;
      const limit = size / 2;
      const began = performance.now();
      const { file } = (await logsOf(server)).at(-1)!;
      await endOf(server, { file, position: 4 }, { nonBlocking: true, maximumBytesPerSecond: limit });
      const seconds = (performance.now() - began) / 1000;
      expect(seconds).toBeGreaterThan(1.7);
      expect(seconds).toBeLessThan(12);
    });

    describe('places that are none', () => {
      const cases: [string, (end: { file: string; size: number }) => Coordinates][] = [
        ['a file that is not there', () => ({ file: 'mysql-bin.999999', position: 4 })],
        ['a position beyond the end', ({ file, size }) => ({ file, position: size + 1000 })],
        ['a position in the middle of an event', ({ file, size }) => ({ file, position: size - 3 })],
        ['a position beyond 4 GiB', ({ file }) => ({ file, position: 2 ** 32 + 4 })],
      ];
      test.each(cases)('%s', async (_name, place) => {
        const coordinates = place((await logsOf(server)).at(-1)!);
        const { error } = await endOf(server, coordinates);
        expect(error).toMatchObject({ code: 'coordinates' });
        expect(error?.message).toContain(`${coordinates.file}:${coordinates.position}`);
      });

      test('a file that has been purged', async () => {
        const [oldest] = await logsOf(server);
        await newLog(server);
        await server.query(`PURGE BINARY LOGS TO '${(await logsOf(server)).at(-1)!.file}'`);
        const { error } = await endOf(server, { file: oldest!.file, position: 4 });
        expect(error).toMatchObject({ code: 'coordinates' });
      });
    });

    describe('accounts', () => {
      test('without REPLICATION SLAVE: the grant is named', async () => {
        await server.query("CREATE USER bare@'%' IDENTIFIED BY 'geheim'");
        const instance = instanceOf(server, { user: 'bare', password: 'geheim' });
        const { error } = await endOf(server, await newLog(server), { instance });
        expect(error).toMatchObject({ code: 'missing-grant' });
        expect(error?.message).toContain('REPLICATION SLAVE');
        expect(error?.message).toContain('"bare"');
      });

      test('with the wrong password', async () => {
        const instance = instanceOf(server, { user: server.user, password: 'hunter2' });
        const { error } = await endOf(server, await newLog(server), { instance });
        expect(error).toMatchObject({ code: 'access-denied' });
        expect(error?.message).not.toContain('hunter2');
      });
    });

    test.runIf(kind.vendor === 'mysql')('over TLS it is the same stream', async () => {
      const first = await newLog(server);
      await server.query("INSERT INTO shop.blobs (data) VALUES (REPEAT('y', 3000000))");
      const plain = instanceOf(server);
      const instance = { ...plain, account: { ...plain.account, tls: { verify: false } } };
      const over = await readTransactions(server, first, {}, { instance });
      expect(over.length).toBeGreaterThan(0);
      expect(over).toEqual(await readTransactions(server, first));
    });

    describe.each(['NONE', 'CRC32'])('binlog_checksum = %s', (checksum) => {
      test('events end where their content ends', async () => {
        await server.query(`SET GLOBAL binlog_checksum = ${checksum}`);
        const first = await newLog(server);
        const sql = 'DROP VIEW IF EXISTS shop.nothing_of_that_name';
        await server.query(sql);
        await server.query("INSERT INTO shop.blobs (data) VALUES ('checksum')");
        const statements: string[] = [];
        const options = { instance: instanceOf(server), start: first, signal: AbortSignal.timeout(10_000) };
        for await (const batch of readDump({ ...options, nonBlocking: true, verifyChecksums: true })) {
          batch.forEach((buffer, at, end) => {
            if (eventType(buffer, at) === EventType.query)
              statements.push(readStatement(buffer, at, end).sql);
          });
        }
        expect(statements[0]?.replace(/ \/\*.*/, '')).toBe(sql);
        // MariaDB's GTID event stands for the BEGIN.
        expect(statements.slice(1)).toEqual(kind.vendor === 'mysql' ? ['BEGIN'] : []);
      });
    });

    test('a damaged event is told by its checksum', async () => {
      const { file } = await newLog(server);
      await server.query("INSERT INTO shop.orders VALUES (77, 'DAMAGED HERE')");
      await newLog(server);
      const [row] = await server.query<{ folder: string }>('SELECT @@datadir AS folder');
      const path = join(row!.folder, file);
      const handle = await open(path, 'r+');
      try {
        const content = await handle.readFile();
        // The last one: MariaDB has the statement's text before it, in an event that is not sent.
        const at = content.lastIndexOf('DAMAGED HERE');
        expect(at).toBeGreaterThan(0);
        await handle.write(Buffer.from('d'), 0, 1, at);
      } finally {
        await handle.close();
      }
      const place = { file, position: 4 };
      const { error } = await endOf(server, place, { nonBlocking: true, verifyChecksums: true });
      expect(error).toMatchObject({ code: 'checksum' });
      expect((await endOf(server, place, { nonBlocking: true })).error).toBeNull();
    });

    describe('the signal', () => {
      test('ends a dump at once, whatever it waits for', async () => {
        const controller = new AbortController();
        const dump = endOf(server, await newLog(server), {
          signal: controller.signal,
          heartbeatMs: 4000,
          silenceMs: 30_000,
        });
        let abortedAt = 0;
        const timer = setTimeout(() => {
          abortedAt = performance.now();
          controller.abort(new Error('enough'));
        }, 500);
        await expect(dump).rejects.toThrow('enough');
        // Sooner than the next heartbeat would have let it go.
        expect(performance.now() - abortedAt).toBeLessThan(3_000);
        clearTimeout(timer);
      });

      test('leaves nothing that would keep a process from ending', async () => {
        const { file } = await newLog(server);
        const script = fileURLToPath(new URL('fixtures/dump-until-abort.ts', import.meta.url));
        const args = [server.host, String(server.port), server.user, server.password, file];
        const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], { timeout: 20_000 });
        let output = '';
        child.stdout.on('data', (chunk: Buffer) => {
          output += chunk.toString();
        });
        const [code] = (await once(child, 'close')) as [number | null];
        expect([code, output]).toEqual([0, 'enough\n']);
      });

      test('the server does not keep the thread either', async () => {
        const count = async (): Promise<number> =>
          (
            await server.query(
              "SELECT 1 FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'",
            )
          ).length;
        await expect.poll(count, { timeout: 10_000 }).toBe(0);
      });
    });

    test('a shutdown in order: MySQL takes its leave, MariaDB just closes', async () => {
      const stopping: Promise<void>[] = [];
      const { error } = await endOf(server, await newLog(server), { silenceMs: 20_000 }, (type) => {
        if (heartbeats.includes(type) && stopping.length === 0) stopping.push(server.stop());
      });
      await Promise.all(stopping);
      const tookLeave = server.vendor === 'mysql' ? true : undefined;
      expect(error).toMatchObject({ code: 'stream-broken' });
      expect(error?.details['tookLeave']).toBe(tookLeave);
      await server.restart();
    });

    // The last one: nothing of the server is left.
    test('a server that is killed breaks the stream at once', async () => {
      let killedAt = 0;
      const killing: Promise<void>[] = [];
      const { error } = await endOf(server, await newLog(server), { silenceMs: 10_000 }, (type) => {
        if (!heartbeats.includes(type) || killing.length > 0) return;
        killedAt = performance.now();
        killing.push(server.kill());
      });
      const tookMs = performance.now() - killedAt;
      await Promise.all(killing);
      expect(error).toMatchObject({ code: 'stream-broken' });
      expect(tookMs).toBeLessThan(5_000);
      expect((await endOf(server, start)).error).toMatchObject({ code: 'server-unreachable' });
    });
  });
}

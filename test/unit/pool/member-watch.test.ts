import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { Secret } from '../../../src/config/secret.js';
import { LogSizes } from '../../../src/pool/log-sizes.js';
import type { Member } from '../../../src/pool/members.js';
import { Watch } from '../../../src/pool/member-watch.js';

/** A log, and the events in it. */
function recorded(): { logger: pino.Logger; events: () => unknown[] } {
  const lines: string[] = [];
  const logger = pino({ level: 'trace' }, { write: (line) => lines.push(line) });
  return { logger, events: () => lines.map((line) => (JSON.parse(line) as { event: unknown }).event) };
}

/** An address where nobody listens. */
async function nobody(): Promise<Member> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const account = { user: 'u', password: new Secret('p') };
  const instance = { address: { host: '127.0.0.1', port }, account };
  return { name: `127.0.0.1:${port}`, instance, priority: 0, avoided: false };
}

test('a watch tells what nobody foresaw, and goes on', async () => {
  const { logger, events } = recorded();
  const over = new AbortController();
  let looks = 0;
  const watch = new Watch(
    await nobody(),
    () => {
      looks += 1;
      if (looks === 1) throw new TypeError('a mistake');
    },
    logger,
  );
  const running = watch.run(over.signal);
  await vi.waitFor(() => {
    expect(looks).toBe(2);
  }, 10_000);
  over.abort();
  await running;
  expect(events()).toEqual(['watch.failed']);
});

test('a server that refuses is what a watch is for, and no failure; the end is none either', async () => {
  const { logger, events } = recorded();
  const over = new AbortController();
  const seen: string[] = [];
  const watch = new Watch(await nobody(), ({ outcome }) => seen.push(outcome), logger);
  watch.begin(performance.now(), over.signal);
  const running = watch.run(over.signal);
  await vi.waitFor(() => {
    expect(seen).toEqual(['refused', 'refused']);
  });
  over.abort();
  await running;
  watch.begin(performance.now(), over.signal);
  await watch.look(performance.now(), over.signal).catch(() => undefined);
  expect(events()).toEqual([]);
});

test('sizes of logs: a lost server is none to report, a mistake is, and the asking goes on', async () => {
  const { logger, events } = recorded();
  const over = new AbortController();
  const { instance } = await nobody();
  let asked = 0;
  const running = new LogSizes(logger).run(() => {
    asked += 1;
    if (asked === 1) return instance;
    throw new TypeError('a mistake');
  }, over.signal);
  await vi.waitFor(() => {
    expect(asked).toBeGreaterThan(2);
  }, 15_000);
  over.abort();
  await running;
  expect(new Set(events())).toEqual(new Set(['watch.failed']));
});

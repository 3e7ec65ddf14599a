import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { startServer, type TestServer } from '../servers/index.js';
import { FakeServer, type Peer } from '../support/fake-server.js';
import { hostileMemoryBytes, latestMs, WatchedAgent } from '../support/hostile-agent.js';

/** A member that isn't read answers without end: the stream comes in time, memory is bounded, and it is named. */

let server: TestServer;
let folder: string;
let fake: FakeServer | null = null;
let agent: WatchedAgent | null = null;

beforeAll(async () => {
  server = await startServer();
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.beats (id INT PRIMARY KEY)');
});

afterAll(() => server.stop());

afterEach(async () => {
  await agent?.process.kill();
  await fake?.stop();
  [agent, fake] = [null, null];
  await server.query('TRUNCATE shop.beats');
  await removeRunFolder(folder);
});

const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
const column = Buffer.concat([
  ...['def', '', '', '', 'a', ''].map(text),
  Buffer.from([12, 45, 0, 255, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0]),
]);
/** A packet of this length goes on in the next one. */
const longest = Buffer.alloc(0xffffff, 'x');
const end = Buffer.from([0xfe, 0, 0, 2, 0]);

/** Sends the same again and again, as fast as it is taken. */
async function flood(peer: Peer, payload: Buffer): Promise<never> {
  const packets = Buffer.concat(
    Array.from({ length: Math.ceil(65_536 / payload.length) }, () => peer.packet(payload)),
  );
  for (;;) {
    if (peer.socket.destroyed) throw new Error('the client has gone');
    if (!peer.socket.write(packets))
      await Promise.race([once(peer.socket, 'drain'), once(peer.socket, 'close')]);
  }
}

const modes: Record<string, (peer: Peer) => Promise<void>> = {
  'rows without end': async (peer) => {
    await peer.login();
    await peer.read();
    await peer.send(Buffer.from([1]), column, end);
    await flood(peer, text('x'));
  },
  'columns without end': async (peer) => {
    await peer.login();
    await peer.read();
    await peer.send(Buffer.from([0xfd, 0xff, 0xff, 0xff]));
    await flood(peer, column);
  },
  'a value without end': async (peer) => {
    await peer.login();
    await peer.read();
    await peer.send(Buffer.from([1]), column, end);
    await flood(peer, longest);
  },
  'packets out of order': async (peer) => {
    await peer.login();
    for (;;) {
      await peer.read();
      peer.packet(end);
      await peer.ok();
    }
  },
  'a greeting without end': (peer) => flood(peer, longest),
  'ways to log in without end': async (peer) => {
    await peer.send(peer.greeting());
    for (;;) {
      await peer.switchTo('mysql_native_password');
      await turn();
    }
  },
};

test.each(Object.keys(modes))('%s', { timeout: 120_000 }, async (name) => {
  folder = await makeRunFolder();
  let serve: (peer: Peer) => Promise<void> = () => Promise.reject(new Error('not yet'));
  fake = await FakeServer.start((peer) => serve(peer));
  agent = await WatchedAgent.start(server, [`127.0.0.1:${fake.port}`], folder);
  // What this machine makes of it while nobody does harm.
  const ordinary = await agent.lateness(1_500);
  serve = modes[name]!;
  const late = await agent.lateness(4_000);
  expect(late - ordinary).toBeLessThan(latestMs);
  expect(agent.process.peakRssBytes).toBeLessThan(hostileMemoryBytes);
  expect(agent.process.events.filter(({ event }) => event === 'not-json')).toEqual([]);
  expect((await agent.process.stop()).code).toBe(0);
});

import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { makeRunFolder, removeRunFolder } from '../servers/folders.js';
import { startServer, type TestServer } from '../servers/index.js';
import { claimPort, releasePort } from '../servers/ports.js';
import { hostileMemoryBytes, latestMs, WatchedAgent } from '../support/hostile-agent.js';

/** Whatever clients of its HTTP listener do: the stream comes in time, and memory is bounded. */

let server: TestServer;
let folder: string;
let port: number;
let agent: WatchedAgent | null = null;
let clients: Worker | null = null;

beforeAll(async () => {
  server = await startServer();
  port = await claimPort();
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.beats (id INT PRIMARY KEY)');
});

afterAll(async () => {
  await server.stop();
  releasePort(port);
});

afterEach(async () => {
  await clients?.terminate();
  await agent?.process.kill();
  [agent, clients] = [null, null];
  await server.query('TRUNCATE shop.beats');
  await removeRunFolder(folder);
});

test.each([
  'connections that send nothing',
  'requests that come a byte at a time',
  '20,000 requests at once',
  'requests without end on many connections',
  'new connections without end',
  'answers that are not read',
  'headers without end',
  'bodies without end',
  'chunks without end, to what takes no body',
  'halves of connections',
  'no HTTP',
])('%s', { timeout: 120_000 }, async (mode) => {
  folder = await makeRunFolder();
  const http = { listen: `127.0.0.1:${String(port)}`, token: 'a token of the test' };
  agent = await WatchedAgent.start(server, [], folder, { http });
  // What this machine makes of it while nobody does harm.
  const ordinary = await agent.lateness(1_500);
  clients = new Worker(new URL('../support/http-clients.mjs', import.meta.url), {
    workerData: { port, mode },
  });
  const late = await agent.lateness(8_000);
  console.log(
    `${mode}: ${Math.round(ordinary)} ms, then ${Math.round(late)} ms; ${Math.round(agent.process.peakRssBytes / 2 ** 20)} MB`,
  );
  expect(late - ordinary).toBeLessThan(latestMs);
  expect(agent.process.peakRssBytes).toBeLessThan(hostileMemoryBytes);
  await clients.terminate();
  // Who behaves is served again.
  await expect
    .poll(() => fetch(`http://127.0.0.1:${String(port)}/healthz`).then(({ status }) => status, String), {
      timeout: 15_000,
    })
    .toBe(200);
  expect((await agent.process.stop()).code).toBe(0);
});

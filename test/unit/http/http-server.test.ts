import { connect } from 'node:net';
import { once } from 'node:events';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AgentStatus } from '../../../src/failover/status.js';
import { serveStatus, type StatusServer } from '../../../src/http/status-server.js';

const healthy: AgentStatus = {
  stream: 'shop-audit',
  healthy: true,
  unhealthyBecause: null,
  phase: { kind: 'streaming', server: '127.0.0.1:3402', since: 1 },
  coordinates: 'mysql-bin.000018:4711',
  hint: 'asc:6B01F8DB:0000000000000006:317ACA46',
  sequence: 3,
  canSwitch: true,
  records: 10,
  transactions: 5,
  passedOver: 0,
  bornHere: 0,
  silentMs: 12,
  checkpointSavedAt: null,
  switches: [],
};
const sick: AgentStatus = { ...healthy, healthy: false, unhealthyBecause: 'the stream has not begun' };

let status: AgentStatus;
let server: StatusServer;
const logger = pino({ level: 'silent' });

beforeEach(async () => {
  status = healthy;
  server = await serveStatus({ host: '127.0.0.1', port: 0 }, () => status, logger);
});

afterEach(async () => {
  await server.close();
});

const get = (path: string, init?: RequestInit): Promise<Response> =>
  fetch(`http://${server.address}${path}`, { ...init, headers: { connection: 'close' } });

describe('/healthz', () => {
  test('200, then 503 with the reason, then 200', async () => {
    const ok = await get('/healthz');
    expect([ok.status, await ok.json()]).toEqual([200, { healthy: true, unhealthyBecause: null }]);
    status = sick;
    const bad = await get('/healthz');
    expect([bad.status, await bad.json()]).toEqual([
      503,
      { healthy: false, unhealthyBecause: 'the stream has not begun' },
    ]);
    status = healthy;
    expect((await get('/healthz?probe=1')).status).toBe(200);
  });

  test('HEAD gives the code alone', async () => {
    status = sick;
    const response = await get('/healthz', { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([503, '']);
  });
});

test('/status is the view as it is at that moment, also when it is not healthy', async () => {
  status = { ...sick, records: 11 };
  const response = await get('/status');
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(await response.json()).toEqual(status);
});

test('nothing can be changed, and nothing else is there', async () => {
  for (const method of ['POST', 'PUT', 'DELETE']) {
    expect((await get('/status', { method })).status).toBe(405);
  }
  for (const path of ['/', '/status/', '/etc/passwd', '/../status.json']) {
    expect((await get(path)).status).toBe(404);
  }
});

test('it listens where it was told to, and nowhere else', async () => {
  expect(server.address).toMatch(/^127\.0\.0\.1:\d+$/);
  const port = Number(server.address.split(':')[1]);
  const elsewhere = connect(port, '127.0.0.2');
  await expect(once(elsewhere, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  elsewhere.destroy();
});

test('an address that is taken is an error of the configuration, naming it', async () => {
  const port = Number(server.address.split(':')[1]);
  await expect(serveStatus({ host: '127.0.0.1', port }, () => status, logger)).rejects.toMatchObject({
    code: 'config',
    message: expect.stringContaining(server.address) as string,
  });
});

test('closing does not wait for connections that hang', async () => {
  const port = Number(server.address.split(':')[1]);
  const idle = connect(port, '127.0.0.1');
  await once(idle, 'connect');
  idle.on('error', () => undefined);
  const closed = once(idle, 'close');
  await server.close();
  await closed;
  await expect(get('/healthz')).rejects.toThrow();
  server = await serveStatus({ host: '127.0.0.1', port: 0 }, () => status, logger);
});

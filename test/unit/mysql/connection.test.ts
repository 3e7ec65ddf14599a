import { once, getEventListeners } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Secret } from '../../../src/config/secret.js';
import { connect } from '../../../src/mysql/connection.js';
import type { Instance } from '../../../src/mysql/instance.js';

let silent: Server;
const sockets: Socket[] = [];
let instance: Instance;

/** Accepts, and never greets: what a frozen server does. */
beforeEach(async () => {
  silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  instance = { address: { host: '127.0.0.1', port }, account: { user: 'u', password: new Secret('p') } };
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  silent.close();
  await once(silent, 'close');
});

test('a server that never greets is given up at the limit, and nothing stays with the signal', async () => {
  const { signal } = new AbortController();
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await expect(connect(instance, { signal, connectTimeoutMs: 50 })).rejects.toMatchObject({
      code: 'server-unreachable',
      message: expect.stringContaining('no answer within 50 ms') as string,
    });
  }
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('the signal ends the attempt with its reason', async () => {
  const controller = new AbortController();
  const attempt = connect(instance, { signal: controller.signal, connectTimeoutMs: 60_000 });
  const reason = new Error('not any more');
  controller.abort(reason);
  await expect(attempt).rejects.toBe(reason);
  expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
});

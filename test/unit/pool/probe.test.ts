import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { Secret } from '../../../src/config/secret.js';
import { probe, probeTimeoutMs } from '../../../src/pool/probe.js';
import type { Instance } from '../../../src/mysql/instance.js';

const instance = (port: number): Instance => ({
  address: { host: '127.0.0.1', port },
  account: { user: 'u', password: new Secret('p') },
});
const { signal } = new AbortController();
/** For what is answered at once, but for a busy machine. */
const ampleMs = 10_000;

test('nobody listens: refused', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  expect(await probe(instance(port), signal, ampleMs)).toMatchObject({ outcome: 'refused' });
});

test('somebody accepts and says nothing: no answer, in time', async () => {
  const server = createServer((socket) => socket.on('error', () => undefined));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const began = performance.now();
  const { port } = server.address() as AddressInfo;
  expect(await probe(instance(port), signal)).toMatchObject({ outcome: 'no-answer' });
  expect(performance.now() - began).toBeLessThan(probeTimeoutMs + 2000);
  const closed = once(server, 'close');
  server.close();
  await closed;
});

test('somebody has no room for us: turned away', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    // ER_CON_COUNT_ERROR in place of a greeting.
    const text = 'Too many connections';
    const packet = Buffer.alloc(4 + 3 + text.length);
    packet.writeUIntLE(3 + text.length, 0, 3);
    packet.writeUInt8(0xff, 4);
    packet.writeUInt16LE(1040, 5);
    packet.write(text, 7);
    socket.end(packet);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  expect(await probe(instance(port), signal, ampleMs)).toMatchObject({ outcome: 'turned-away' });
  const closed = once(server, 'close');
  server.close();
  await closed;
});

test('the signal ends it with its reason', async () => {
  await expect(probe(instance(1), AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
});

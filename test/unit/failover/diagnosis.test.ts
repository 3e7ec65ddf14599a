import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/config/secret.js';
import { diagnose, isServerLost, probe, probeTimeoutMs } from '../../../src/failover/diagnosis.js';
import type { Instance } from '../../../src/mysql/connection.js';
import { type ErrorCode, WaymarkError } from '../../../src/util/errors.js';

const streamError = new WaymarkError('stream-broken', 'gone');

test.each([
  ['answers', 'stream-broken'],
  ['refused', 'dead'],
  ['no-answer', 'unreachable'],
] as const)('a probe that gives %s: %s', (outcome, finding) => {
  expect(diagnose({ streamError, probe: outcome })).toBe(finding);
});

describe('whether an error is about this server alone', () => {
  const lost: ErrorCode[] = [
    'server-unreachable',
    'access-denied',
    'missing-grant',
    'stream-broken',
    'stream-silent',
    'checksum',
    'protocol',
    'coordinates',
  ];
  const fatal: ErrorCode[] = [
    'diverged',
    'sink',
    'config',
    'usage',
    'unsupported-event',
    'checkpoint-conflict',
  ];

  test.each(lost)('%s: another one may go on', (code) => {
    expect(isServerLost(new WaymarkError(code, 'x'))).toBe(true);
  });

  test.each(fatal)('%s: the stream must stop', (code) => {
    expect(isServerLost(new WaymarkError(code, 'x'))).toBe(false);
  });

  test('a bug is no lost server', () => {
    expect(isServerLost(new TypeError('bug'))).toBe(false);
    expect(isServerLost(Object.assign(new Error('x'), { code: 'stream-broken' }))).toBe(false);
  });
});

describe('probing what is no database server', () => {
  const instance = (port: number): Instance => ({
    address: { host: '127.0.0.1', port },
    account: { user: 'u', password: new Secret('p') },
  });
  const { signal } = new AbortController();

  test('nobody listens: refused', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    expect(await probe(instance(port), signal)).toBe('refused');
  });

  test('somebody accepts and says nothing: no answer, in time', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const began = performance.now();
    expect(await probe(instance((server.address() as AddressInfo).port), signal)).toBe('no-answer');
    expect(performance.now() - began).toBeLessThan(probeTimeoutMs + 2000);
    const closed = once(server, 'close');
    server.close();
    await closed;
  });

  test('the signal ends it with its reason', async () => {
    await expect(probe(instance(1), AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});

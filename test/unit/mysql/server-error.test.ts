import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/config/secret.js';
import { connect } from '../../../src/mysql/connection.js';
import type { Instance } from '../../../src/mysql/instance.js';
import {
  connectError,
  errorNumberOf,
  isOfServer,
  serverTextOf,
  statementError,
} from '../../../src/mysql/server-error.js';
import { messageOf, WaymarkError } from '../../../src/util/errors.js';

const account = { user: 'u', password: new Secret('p') };
const instance: Instance = { address: { host: 'db1', port: 3306 }, account };
const answer = (errno: number): Error =>
  Object.assign(new Error('what it says'), { errno, sqlState: 'HY000', code: 'ER_SOME' });
const broken = (fields: object): Error => Object.assign(new Error('what happened'), fields);

describe('who caused an error of a statement', () => {
  const classed = (error: unknown): unknown => statementError(error, instance, 'list its binary logs');

  test.each([
    ['a missing privilege', answer(1227), 'missing-grant'],
    ['no binary log', answer(1381), 'unsuitable-server'],
    ['whatever else it says', answer(1021), 'protocol'],
    ['a query that was interrupted', answer(1317), 'protocol'],
    ['a shutdown', answer(1053), 'stream-broken'],
    ["a connection that was killed, in MariaDB's words", answer(1927), 'stream-broken'],
    ["the same in MySQL's", answer(3169), 'stream-broken'],
    ['a connection that was idle for too long', answer(4031), 'stream-broken'],
    ['the connection, closed', broken({ code: 'PROTOCOL_CONNECTION_LOST', fatal: true }), 'stream-broken'],
    ['the connection, reset', broken({ code: 'ECONNRESET', errno: -104, fatal: true }), 'stream-broken'],
    ['a connection that was closed before', broken({ fatal: true }), 'stream-broken'],
    ['bytes that are no answer', Object.assign(new RangeError('out of range'), { fatal: true }), 'protocol'],
  ])('%s', (_, error, code) => {
    const found = classed(error);
    expect(found).toMatchObject({ code, cause: error, details: { server: 'db1:3306' } });
    expect(isOfServer(found)).toBe(true);
    expect(String(found)).toContain('db1:3306');
    const isAnswer = 'sqlState' in error;
    expect(errorNumberOf(found)).toBe(isAnswer ? (error as unknown as { errno: number }).errno : null);
    if (isAnswer) expect(serverTextOf(found)).toBe('what it says');
  });

  test.each([new TypeError('a mistake'), new Error('nobody knows'), 'no error at all', undefined])(
    'what neither server nor network can have caused stays what it is (%s)',
    (mistake) => {
      expect(classed(mistake)).toBe(mistake);
      expect(connectError(mistake, instance)).toBe(mistake);
      expect(isOfServer(mistake)).toBe(false);
    },
  );
});

describe('who caused that there is no connection', () => {
  const refusal = (error: unknown): WaymarkError => connectError(error, instance) as WaymarkError;

  test.each([
    ['no more files', { code: 'EMFILE', errno: -24 }, 'ulimit -n'],
    ['no more files on the machine', { code: 'ENFILE', errno: -23 }, 'ulimit -n'],
    ['no such name', { code: 'ENOTFOUND', errno: -3008 }, 'name server'],
    ['no answer from the name server', { code: 'EAI_AGAIN', errno: -3001 }, 'name server'],
    ['another certificate', { code: 'ERR_TLS_CERT_ALTNAME_INVALID', fatal: true }, '"tls"'],
    ['a certificate of nobody we trust', { code: 'SELF_SIGNED_CERT_IN_CHAIN', fatal: true }, '"tls"'],
    ['a server without TLS', { code: 'HANDSHAKE_NO_SSL_SUPPORT', fatal: true }, '"tls"'],
    ['nobody who listens', { code: 'ECONNREFUSED', errno: -111 }, 'Is the server up'],
  ])('%s', (_, fields, advice) => {
    const error = refusal(broken(fields));
    expect(error.code).toBe('server-unreachable');
    expect(error.message).toContain(advice);
  });

  test('an account that is locked is refused', () => {
    expect(refusal(answer(4151)).code).toBe('access-denied');
  });
});

test('where a name has two addresses and nobody listens at either, it says why', async () => {
  const server = createServer().listen(0, 'localhost');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const error = await connect({ address: { host: 'localhost', port }, account }).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'server-unreachable' });
  expect((error as Error).message).toMatch(/cannot be reached: .*ECONNREFUSED/);
});

test('a name that nobody has: said as such', async () => {
  const address = { host: 'no-such-host.invalid', port: 3306 };
  const error = await connect({ address, account }).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'server-unreachable' });
  expect((error as Error).message).toContain('name server');
});

test('what answers is another kind of server: said as such', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'.padEnd(0x545449, ' '));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const error = await connect({ address: { host: '127.0.0.1', port }, account }).catch((e: unknown) => e);
  server.close();
  await once(server, 'close');
  expect(error).toMatchObject({ code: 'server-unreachable' });
});

test.each([
  [
    new AggregateError([new Error('connect ECONNREFUSED ::1:1'), new Error('connect EHOSTUNREACH')]),
    /REFUSED.*; .*UNREACH/,
  ],
  [Object.assign(new Error(''), { code: 'EIO' }), /^EIO$/],
  [new TypeError(''), /^TypeError$/],
  ['text', /^text$/],
  [undefined, /^undefined$/],
  [{ reason: 'an object' }, /reason: 'an object'/],
  [Object.create(null), /Object/],
])('anything thrown has a text', (thrown: unknown, text) => {
  expect(messageOf(thrown)).toMatch(text);
});

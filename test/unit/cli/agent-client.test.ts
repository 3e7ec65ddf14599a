import { createServer, type RequestListener } from 'node:http';
import { once } from 'node:events';
import { createServer as createTcpServer, type Server } from 'node:net';
import { describe, expect, test } from 'vitest';
import { askAgent, errorOf, listenerOf } from '../../../src/cli/agent-client.js';
import type { Address } from '../../../src/config/address.js';
import { parseConfig } from '../../../src/config/load.js';

const { signal } = new AbortController();
const status = { method: 'GET', path: '/status', limitMs: 5000 } as const;

/** Runs with a listener on a free port of the loopback address. */
async function withServer(server: Server, play: (listen: Address) => Promise<void>): Promise<void> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  try {
    await play({ host: '127.0.0.1', port });
  } finally {
    server.close();
    await once(server, 'close');
  }
}

describe('asking', () => {
  test('gives code and body, whatever they are', async () => {
    const answer: RequestListener = (request, response) => {
      response.writeHead(request.method === 'POST' ? 409 : 200);
      response.end(`${request.url} ${request.headers.authorization}`);
    };
    await withServer(createServer(answer), async (listen) => {
      const headers = { authorization: 'Bearer x' };
      expect(await askAgent(listen, { ...status, headers }, signal)).toEqual({
        code: 200,
        body: '/status Bearer x',
      });
      const order = { method: 'POST', path: '/switch', headers, body: '{}', limitMs: 5000 } as const;
      expect(await askAgent(listen, order, signal)).toEqual({ code: 409, body: '/switch Bearer x' });
      // Whoever listens on all addresses is reached on this machine.
      const everywhere = { host: '0.0.0.0', port: listen.port };
      expect((await askAgent(everywhere, status, signal)).code).toBe(200);
    });
  });

  test('nobody listens there', async () => {
    let free: Address = { host: '', port: 0 };
    await withServer(createServer(), (listen) => {
      free = listen;
      return Promise.resolve();
    });
    await expect(askAgent(free, status, signal)).rejects.toMatchObject({
      code: 'agent-unreachable',
      message: expect.stringMatching(/No agent answers at 127\.0\.0\.1:\d+: connect ECONNREFUSED/) as string,
    });
  });

  test('whoever listens there says nothing', async () => {
    const sockets = new Set<{ destroy(): void }>();
    const silent = createTcpServer((socket) => sockets.add(socket));
    await withServer(silent, async (listen) => {
      await expect(askAgent(listen, { ...status, limitMs: 100 }, signal)).rejects.toMatchObject({
        code: 'agent-unreachable',
        message: expect.stringContaining('no answer within 100 ms') as string,
      });
      const interrupted = new AbortController();
      const asked = askAgent(listen, status, interrupted.signal);
      interrupted.abort(new Error('interrupted'));
      await expect(asked).rejects.toThrow('interrupted');
      for (const socket of sockets) socket.destroy();
    });
  });
});

describe('what an answer says', () => {
  const listen = { host: '127.0.0.1', port: 1 };

  test('errors keep their facts, and get the code that the answer has', () => {
    const body = JSON.stringify({
      error: { code: 'switch-refused', message: 'it lags', reasons: ['it lags'] },
    });
    expect(errorOf(listen, { code: 409, body })).toMatchObject({
      code: 'switch-refused',
      message: 'it lags',
      details: { reasons: ['it lags'] },
    });
    expect(errorOf(listen, { code: 401, body }).code).toBe('token-refused');
    expect(errorOf(listen, { code: 403, body }).code).toBe('config');
    expect(errorOf(listen, { code: 400, body }).code).toBe('usage');
    expect(errorOf(listen, { code: 500, body }).code).toBe('agent-unreachable');
  });

  test('something else than an agent', () => {
    for (const body of ['', '<html>', '{}', '{"error":"x"}', '[]']) {
      expect(errorOf(listen, { code: 200, body })).toMatchObject({
        code: 'agent-unreachable',
        message: expect.stringContaining('not an agent of this version') as string,
      });
    }
  });
});

test('where the agent listens, by its configuration', () => {
  const config = (http: string) =>
    parseConfig(
      `stream: s\nservers: [db1]\nuser: u\npassword: p\ncheckpoint: {store: file, path: ./state}\n${http}`,
      'test',
      {},
    );
  expect(listenerOf(config('http: {listen: "127.0.0.1:9464"}'))).toEqual({ host: '127.0.0.1', port: 9464 });
  expect(() => listenerOf(config(''))).toThrow('has no "http"');
  expect(() => listenerOf(config('http: {listen: "127.0.0.1:0"}'))).toThrow('any free port');
});

import { connect } from 'node:net';
import { once } from 'node:events';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AgentStatus } from '../../../src/failover/status.js';
import { refused, type SwitchReport } from '../../../src/failover/switch.js';
import { serveHttp, type HttpServer } from '../../../src/http/http-server.js';
import { Metrics } from '../../../src/http/metrics.js';
import type { ShownAgent } from '../../../src/http/shown-agent.js';
import { Secret } from '../../../src/config/secret.js';
import { sampleStatus } from './status-samples.js';
import { longestPauseMs } from '../support/event-loop.js';

const healthy = sampleStatus;
const sick: AgentStatus = {
  ...healthy,
  ...{ healthy: false, unhealthyBecause: 'the stream has not begun' },
  ...{ ready: false, notReadyBecause: 'the stream has not begun' },
};
const report: SwitchReport = {
  from: '127.0.0.1:3402',
  to: '127.0.0.1:3401',
  hint: null,
  confidence: 'exact',
  skipped: 3,
  blackoutMs: 20,
  coordinates: 'mysql-bin.000001:4',
};
const token = 'a token that nobody guesses';

let status: AgentStatus;
let server: HttpServer;
const logger = pino({ level: 'silent' });
const metrics = new Metrics();
const agent: ShownAgent = {
  statuses: () => [status],
  metrics: () => metrics.text([status]),
  switchTo: () => Promise.resolve(report),
  hosts: [],
  token: new Secret(token),
  open: 'all',
};

beforeEach(async () => {
  status = healthy;
  server = await serveHttp({ host: '127.0.0.1', port: 0 }, agent, logger);
});

afterEach(async () => {
  await server.close();
});

type Init = Omit<RequestInit, 'headers'> & { headers?: Record<string, string> };

const get = (path: string, init?: Init): Promise<Response> =>
  fetch(`http://${server.address}${path}`, { ...init, headers: { ...init?.headers, connection: 'close' } });

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

test('/readyz says whether the stream is read from a server', async () => {
  status = { ...healthy, healthy: false, unhealthyBecause: 'the sink is stuck' };
  const ready = await get('/readyz');
  expect([ready.status, await ready.json()]).toEqual([200, { ready: true, notReadyBecause: null }]);
  status = sick;
  const not = await get('/readyz');
  expect([not.status, await not.json()]).toEqual([
    503,
    { ready: false, notReadyBecause: 'the stream has not begun' },
  ]);
});

test('/status is the view as it is at that moment, also when it is not healthy', async () => {
  status = { ...sick, records: 11 };
  const response = await get('/status');
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(await response.json()).toEqual(status);
});

test('/status for people, when they ask for text', async () => {
  const response = await get('/status', { headers: { accept: 'text/plain' } });
  expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  expect(await response.text()).toContain('streaming from 127.0.0.1:3402 (healthy)');
});

test('/metrics in the text format of Prometheus', async () => {
  const response = await get('/metrics');
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await response.text()).toContain('waymark_rows_total{stream="shop-audit"} 10\n');
});

describe('where others reach it', () => {
  const bearer = { authorization: `Bearer ${token}` };

  async function codes(open: ShownAgent['open'], headers: Record<string, string> = {}): Promise<number[]> {
    await server.close();
    server = await serveHttp({ host: '127.0.0.1', port: 0 }, { ...agent, open }, logger);
    const paths = ['/healthz', '/readyz', '/metrics', '/status', '/status?stream=shop-audit'];
    return Promise.all(paths.map(async (path) => (await get(path, { headers })).status));
  }

  test('the token is needed for all but the health, and the metrics where they are open', async () => {
    expect(await codes('health')).toEqual([200, 200, 401, 401, 401]);
    expect(await codes('health', { authorization: 'Bearer wrong' })).toEqual([200, 200, 401, 401, 401]);
    expect(await codes('health-and-metrics')).toEqual([200, 200, 200, 401, 401]);
    expect(await codes('health', bearer)).toEqual([200, 200, 200, 200, 200]);
    const refusal = await get('/status');
    expect(refusal.headers.get('www-authenticate')).toBe('Bearer');
    expect(await refusal.json()).toMatchObject({ error: { code: 'token-refused' } });
  });

  test('why it is not healthy is told to those alone who show it', async () => {
    await codes('health');
    status = sick;
    const [unknown, known] = await Promise.all([get('/healthz'), get('/healthz', { headers: bearer })]);
    expect([unknown.status, await unknown.json()]).toEqual([
      503,
      { healthy: false, unhealthyBecause: expect.stringContaining('http.token') as string },
    ]);
    expect(await known.json()).toMatchObject({ unhealthyBecause: 'the stream has not begun' });
    const ready = await get('/readyz');
    expect(await ready.text()).not.toContain('begun');
  });
});

describe('POST /switch', () => {
  type Outcome = { status: number; body: unknown };
  const order = async (body: string, given: string | null = token): Promise<Outcome> => {
    const headers = given === null ? {} : { authorization: `Bearer ${given}` };
    const response = await get('/switch', { method: 'POST', headers, body });
    return { status: response.status, body: await response.json() };
  };
  const error = (code: string, message: string): unknown => ({
    error: expect.objectContaining({ code, message: expect.stringContaining(message) as string }) as unknown,
  });

  /** A listener whose switches are made by `switchTo`. */
  async function withFaces(change: Partial<ShownAgent>, play: () => Promise<void>): Promise<void> {
    await server.close();
    server = await serveHttp({ host: '127.0.0.1', port: 0 }, { ...agent, ...change }, logger);
    await play();
  }

  test('gives the report', async () => {
    const asked: string[] = [];
    const switchTo: ShownAgent['switchTo'] = ({ host, port }) => {
      asked.push(`${host}:${port}`);
      return Promise.resolve(report);
    };
    await withFaces({ switchTo }, async () => {
      expect(await order('{"to":"127.0.0.1:3401"}')).toEqual({ status: 200, body: report });
      expect(await order('{"to":"db2","stream":"shop-audit"}')).toEqual({ status: 200, body: report });
    });
    expect(asked).toEqual(['127.0.0.1:3401', 'db2:3306']);
  });

  test('refusals are reasons', async () => {
    const switchTo: ShownAgent['switchTo'] = () =>
      Promise.reject(refused('db2:3306', ['it is delayed', 'it lags']));
    await withFaces({ switchTo }, async () => {
      const { status: code, body } = await order('{"to":"db2"}');
      expect(code).toBe(409);
      expect(body).toEqual(error('switch-refused', 'it is delayed; it lags'));
      expect(body).toMatchObject({ error: { reasons: ['it is delayed', 'it lags'] } });
    });
  });

  test('without the token, with another one, or where none is configured', async () => {
    let switches = 0;
    const switchTo: ShownAgent['switchTo'] = () => {
      switches += 1;
      return Promise.resolve(report);
    };
    await withFaces({ switchTo }, async () => {
      expect(await order('{"to":"db2"}', null)).toEqual({
        status: 401,
        body: error('token-refused', 'Authorization: Bearer'),
      });
      for (const wrong of ['x', `${token}x`, token.slice(0, -1), token.toUpperCase()]) {
        const { status: code, body } = await order('{"to":"db2"}', wrong);
        expect([code, body]).toEqual([401, error('token-refused', 'http.token')]);
        expect(JSON.stringify(body)).not.toContain(token);
      }
    });
    await withFaces({ switchTo, token: null }, async () => {
      expect(await order('{"to":"db2"}')).toEqual({ status: 403, body: error('config', 'http.token') });
    });
    expect(switches).toBe(0);
  });

  test('what is no order', async () => {
    const shape = 'The body must be {"to": "HOST:PORT"}';
    const wrong: [string, string][] = [
      ['', shape],
      ['to=db2', shape],
      ['null', shape],
      ['{"to":3306}', shape],
      ['{"to":"db2","force":true}', shape],
      ['{"to":"a:b:c"}', 'is not an address'],
      ['{"to":"db2","stream":"other"}', 'no stream "other"'],
    ];
    for (const [body, message] of wrong) {
      expect(await order(body), body).toEqual({ status: 400, body: error('usage', message) });
    }
    const long = await order(JSON.stringify({ to: 'x'.repeat(100_000) }));
    expect(long).toEqual({ status: 413, body: error('usage', '4096 bytes') });
    const read = await get('/switch');
    expect([read.status, read.headers.get('allow')]).toEqual([405, 'POST']);
  });

  test('a mistake of ours is told in the log, and not to whoever asked', async () => {
    await withFaces({ switchTo: () => Promise.reject(new TypeError('at secret/path.ts:12')) }, async () => {
      const { status: code, body } = await order('{"to":"db2"}');
      expect([code, body]).toEqual([500, error('unexpected', "see the agent's log")]);
      expect(JSON.stringify(body)).not.toContain('secret/path');
    });
  });

  test('whoever goes away takes his order back', async () => {
    const given: AbortSignal[] = [];
    const switchTo: ShownAgent['switchTo'] = (_, signal) =>
      new Promise((_resolve, reject) => {
        given.push(signal);
        signal.addEventListener('abort', () => {
          reject(new Error('aborted'));
        });
      });
    await withFaces({ switchTo }, async () => {
      const impatient = new AbortController();
      const asked = get('/switch', {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        body: '{"to":"db2"}',
        signal: impatient.signal,
      });
      await expect.poll(() => given.length).toBe(1);
      impatient.abort();
      await expect(asked).rejects.toThrow();
      await expect.poll(() => given[0]?.aborted).toBe(true);
    });
  });
});

test('a request that does not arrive is not waited for', { timeout: 20_000 }, async () => {
  const port = Number(server.address.split(':')[1]);
  const slow = connect(port, '127.0.0.1');
  await once(slow, 'connect');
  slow.write(
    `POST /switch HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\ncontent-length: 100\r\n\r\n{"to":`,
  );
  const [answer] = (await once(slow, 'data')) as [Buffer];
  expect(answer.toString()).toContain('408 Request Timeout');
  slow.destroy();
});

test('nothing can be changed by reading, and nothing else is there', async () => {
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
  await expect(serveHttp({ host: '127.0.0.1', port }, agent, logger)).rejects.toMatchObject({
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
  server = await serveHttp({ host: '127.0.0.1', port: 0 }, agent, logger);
});

test('a connection that sends nothing is closed', { timeout: 20_000 }, async () => {
  const [host = '', port = ''] = server.address.split(':');
  const silent = connect(Number(port), host);
  await once(silent, 'connect');
  const begun = performance.now();
  silent.resume();
  await once(silent, 'close');
  expect(performance.now() - begun).toBeLessThan(8_000);
});

test(
  '20,000 requests at once on one connection are answered in turn, and nothing else waits for them',
  { timeout: 60_000 },
  async () => {
    const [host = '', port = ''] = server.address.split(':');
    const client = connect(Number(port), host);
    await once(client, 'connect');
    const count = 20_000;
    let answered = 0;
    let rest = '';
    const done = new Promise<void>((resolve) => {
      client.on('data', (chunk: Buffer) => {
        rest += chunk.toString('latin1');
        const parts = rest.split('HTTP/1.1 200 OK');
        answered += parts.length - 1;
        rest = parts.at(-1) ?? '';
        if (answered === count) resolve();
      });
    });
    const asked = async (): Promise<void> => {
      client.write(`GET /healthz HTTP/1.1\r\nHost: ${server.address}\r\n\r\n`.repeat(count));
      await done;
    };
    expect(await longestPauseMs(asked, 1)).toBeLessThan(300);
    client.destroy();
  },
);

describe('the name that is asked for', () => {
  const ask = async (host: string, method = 'GET', more = ''): Promise<number> => {
    const [address = '', port = ''] = server.address.split(':');
    const client = connect(Number(port), address);
    client.write(`${method} /status HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`);
    const chunks: Buffer[] = [];
    client.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(client, 'close');
    return Number(/^HTTP\/1\.1 (\d+)/.exec(Buffer.concat(chunks).toString())?.[1]);
  };

  test('on loopback it is this machine, or one of http.hosts', async () => {
    for (const host of ['localhost', '127.0.0.1:9464', '[::1]:9464', 'LOCALHOST:1'])
      expect(await ask(host)).toBe(200);
    for (const host of ['evil.example', '127.0.0.1.evil.example:80', 'localhost.evil.example']) {
      expect([host, await ask(host)]).toEqual([host, 403]);
    }
    await server.close();
    server = await serveHttp(
      { host: '127.0.0.1', port: 0 },
      { ...agent, hosts: ['audit.example.com'] },
      logger,
    );
    expect(await ask('audit.example.com:443')).toBe(200);
    expect(await ask('other.example.com')).toBe(403);
  });

  test('beyond loopback any name is right, unless some are named', async () => {
    await server.close();
    server = await serveHttp({ host: '127.0.0.1', port: 0 }, { ...agent, hosts: null }, logger);
    expect(await ask('whatever.example.com')).toBe(200);
  });

  test('no order comes from another page', async () => {
    expect(await ask('localhost', 'POST', 'Origin: https://evil.example\r\n')).toBe(403);
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { parseAddress } from '../../src/config/address.js';
import { Secret } from '../../src/config/secret.js';
import { mysqlElections } from '../../src/election/mysql-election.js';
import { ownAgentId } from '../../src/election/agent-id.js';
import { startServer } from '../servers/index.js';
import type { TestServer } from '../servers/types.js';
import { startWaymark } from '../unit/cli/waymark.js';

const { signal } = new AbortController();
const logger = { info: () => undefined, warn: () => undefined };

let server: TestServer;
let folder: string;
let file: string;

beforeAll(async () => {
  server = await startServer();
  folder = await mkdtemp(join(tmpdir(), 'waymark-leader-'));
  file = join(folder, 'waymark.yaml');
  await writeFile(
    file,
    [
      'stream: shop-audit',
      `servers: [${server.address}]`,
      `user: ${server.user}`,
      `password: "${server.password}"`,
      'getServerPublicKey: true',
      `checkpoint: { store: mysql, server: ${server.address} }`,
      `election: { backend: mysql, server: ${server.address} }`,
    ].join('\n'),
  );
});

afterAll(async () => {
  await Promise.all([server.stop(), rm(folder, { recursive: true })]);
});

async function waymark(...args: string[]): Promise<{ code: number | null; json: unknown }> {
  const { code, stdout } = await startWaymark([...args, '-c', file, '--json']).ended;
  return { code, json: JSON.parse(stdout) };
}

/** The codes of what `check` finds about our own tables, and what it has made. */
async function check(...args: string[]): Promise<{ codes: string[]; created: string[]; fixes: string }> {
  const { json } = await waymark('check', ...args);
  const { findings, created } = json as {
    findings: { code: string; fix: string }[];
    created: string[];
  };
  const ours = findings.filter(({ code }) => /table|election|checkpoint/.test(code));
  return { codes: ours.map(({ code }) => code), created, fixes: ours.map(({ fix }) => fix).join('\n') };
}

describe('our own tables', () => {
  it('are made by check --fix alone; check prints the statements, which work', async () => {
    const before = await check();
    expect(before.codes).toEqual(['missing-table', 'missing-table']);
    expect(before.fixes).toMatch(
      /CREATE DATABASE.*waymark[^]*CREATE TABLE[^]*stream_checkpoint[^]*service_election/,
    );
    const made = await check('--fix');
    expect(made).toMatchObject({
      codes: [],
      created: [/stream_checkpoint/, /service_election/].map(matching),
    });
    expect(await check('--fix')).toMatchObject({ codes: [], created: [] });
  });
});

describe('waymark leader', () => {
  it('shows who leads, and makes the leader give up', async () => {
    expect(await waymark('leader', 'show')).toMatchObject({ code: 0, json: { leader: null, token: 0 } });
    expect(await waymark('leader', 'resign')).toMatchObject({
      code: 1,
      json: { error: { code: 'not-leader' } },
    });
    const elections = mysqlElections({
      tables: { server: parseAddress(server.address), schema: 'waymark' },
      account: { user: server.user, password: new Secret(server.password), getServerPublicKey: true },
      ...{ timeoutMs: 5_000, intervalMs: 200, marginMs: 500, self: ownAgentId(), logger },
    });
    try {
      const leadership = await elections.of('shop-audit').campaign(signal);
      expect(await waymark('leader', 'show')).toMatchObject({
        code: 0,
        json: { stream: 'shop-audit', leader: { host: hostname(), pid: process.pid }, token: 1, mine: false },
      });
      const resigning = waymark('leader', 'resign');
      await expect.poll(() => leadership.lost.aborted, { timeout: 20_000 }).toBe(true);
      await leadership.resign();
      const again = await elections.of('shop-audit').campaign(signal);
      expect(again.token).toBeGreaterThan(leadership.token);
      expect(await resigning).toMatchObject({ code: 0, json: { leader: { host: hostname() } } });
      expect(await waymark('leader', 'take')).toMatchObject({
        code: 0,
        json: { leader: { host: hostname() } },
      });
      expect(await waymark('leader', 'show', '--stream', 'other')).toMatchObject({
        code: 2,
        json: { error: { code: 'usage' } },
      });
    } finally {
      await elections.close();
    }
  });
});

function matching(pattern: RegExp): unknown {
  return expect.stringMatching(pattern);
}

import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { makeRunFolder } from '../servers/folders.js';
import { claimPort } from '../servers/ports.js';
import { startTopology } from '../servers/index.js';
import { until } from '../servers/wait.js';
import { AgentProcess } from '../support/agent-process.js';
import { Scenario } from '../support/scenario.js';
import { type CommandResult, documentOf, errorOf, runWaymark } from '../unit/cli/waymark.js';

const token = 'a token that nobody guesses';
const environment = { WAYMARK_TOKEN: token };
let stage: Scenario;
let port: number;
/** The config file that the agent was started with, and the commands use. */
let file: string;

beforeAll(async () => {
  port = await claimPort();
  const topology = await startTopology({ replicas: 3 });
  stage = new Scenario(topology, await makeRunFolder(), { agent: { environment, limitMs: 280_000 } });
  file = join(stage.folder, 'waymark.yaml');
  await stage.prepare();
  await stage.startAgent(config([0, 1]));
  await stage.startLoad({ rate: 30 });
  await stage.delivered(50);
}, 120_000);

afterAll(() => stage.end());

/** The agent's configuration with these replicas as its pool. */
function config(replicas: readonly number[], change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    servers: replicas.map(address),
    http: { listen: `127.0.0.1:${port}`, token: '${WAYMARK_TOKEN}' },
    ...change,
  };
}

const address = (replica: number): string => stage.replica(replica).address;

const command = (...args: string[]): Promise<CommandResult> =>
  runWaymark([...args, '-c', file], environment, 'built');

const moveTo = (replica: number): Promise<CommandResult> =>
  command('switch', '--to', address(replica), '--json');

/** Writes the config file anew, sends SIGHUP, and gives what the agent says to it. */
async function hangup(text: string): Promise<Record<string, unknown>> {
  const heard = (): Record<string, unknown>[] =>
    stage.agent.events.filter(({ event }) => event === 'config.reloaded' || event === 'config.refused');
  const before = heard().length;
  await writeFile(file, text);
  stage.agent.hangup();
  await until('an answer to the hangup', () => Promise.resolve(heard().length > before));
  return heard()[before] ?? {};
}

const reload = (replicas: readonly number[]): Promise<Record<string, unknown>> =>
  hangup(stringify(stage.config(config(replicas))));

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close', ...headers } });

const server = async (): Promise<unknown> =>
  ((await (await get('/status')).json()) as { server: unknown }).server;

/** What the health check of the agent's image says of an agent. */
function imageHealth(agentPort: number): Promise<{ code: number | string; text: string }> {
  const env = { ...process.env, WAYMARK_HEALTH_URL: `http://127.0.0.1:${agentPort}/healthz` };
  return new Promise((resolve) => {
    execFile(process.execPath, ['docker/agent/healthcheck.mjs'], { env }, (error, stdout) => {
      resolve({ code: error?.code ?? 0, text: stdout });
    });
  });
}

describe('a running agent', { timeout: 90_000 }, () => {
  test('says how it is', async () => {
    await until('a look at every member', async () => {
      const { members } = (await (await get('/status')).json()) as { members: { evidence: unknown }[] };
      return members.length >= 2 && members.every(({ evidence }) => evidence !== null);
    });
    const shown = await command('status');
    expect(shown, shown.stderr).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toContain('scenario: ✓ healthy');
    expect(shown.stdout).toContain(`streaming from ${address(0)} (healthy)`);
    expect(shown.stdout).toContain(address(1));

    const status = documentOf(await command('status', '--json'));
    expect(status).toMatchObject({
      ...{ stream: 'scenario', healthy: true, ready: true, server: address(0), finding: 'healthy' },
      lag: { seconds: expect.any(Number) as number, bytes: expect.any(Number) as number },
      hintAgeSeconds: expect.any(Number) as number,
      checkpoint: { savedAt: expect.any(String) as string, failing: null },
    });
    expect(status['records']).toBeGreaterThan(0);
    expect(JSON.stringify(status)).not.toContain(token);
    for (const path of ['/healthz', '/readyz']) expect((await get(path)).status).toBe(200);
    expect((await imageHealth(port)).code).toBe(0);
  });

  test('counts what it does', async () => {
    const read = async (name: string): Promise<number> => {
      const text = await (await get('/metrics')).text();
      const line = text.split('\n').find((each) => each.startsWith(`${name}{stream="scenario"`));
      return Number(line?.split(' ').at(-1));
    };
    const before = await read('waymark_rows_total');
    expect(before).toBeGreaterThan(0);
    await until('more rows', async () => (await read('waymark_rows_total')) > before);
    expect(await read('waymark_received_bytes_total')).toBeGreaterThan(1000);
    expect(await read('waymark_sink_latency_seconds_count')).toBeGreaterThan(0);
    expect(await read('waymark_trail_hints')).toBeGreaterThan(0);
    expect(await read('waymark_healthy')).toBe(1);
  });

  test('takes orders only from those who know its token', async () => {
    const order = ['switch', '--to', address(1), '--json', '-c'];
    const wrong = await runWaymark([...order, file], { WAYMARK_TOKEN: 'another token' }, 'built');
    expect(wrong.code).toBe(1);
    expect(errorOf(wrong)).toMatchObject({ code: 'token-refused' });
    expect(wrong.stdout + wrong.stderr).not.toContain(token);

    const without = join(stage.folder, 'no-token.yaml');
    await writeFile(
      without,
      stringify(stage.config(config([0, 1], { http: { listen: `127.0.0.1:${port}` } }))),
    );
    const keyless = await runWaymark([...order, without], {}, 'built');
    expect(keyless.code).toBe(2);
    expect(errorOf(keyless).message).toContain('http.token is missing');
    expect(await server()).toBe(address(0));
  });

  test('refuses with reasons, and stays where it is', async () => {
    for (const to of [address(0), '127.0.0.1:1']) {
      const refused = await command('switch', '--to', to);
      expect(refused.code, refused.stdout).toBe(1);
      expect(refused.stderr).toContain(`The stream doesn't move to ${to}: `);
      expect(refused.stderr).not.toMatch(/^\s+at /m);
    }
    expect(errorOf(await moveTo(2))).toMatchObject({ code: 'switch-refused', to: address(2) });
    expect(await server()).toBe(address(0));
  });

  test('moves when it is told to', async () => {
    const moved = await moveTo(1);
    expect(moved.code, moved.stdout).toBe(0);
    expect(documentOf(moved)).toMatchObject({
      ...{ from: address(0), to: address(1), confidence: 'exact' },
      blackoutMs: expect.any(Number) as number,
    });
    expect(await server()).toBe(address(1));
    await stage.delivered(20);
    expect(await (await get('/metrics')).text()).toContain(
      'waymark_switches_total{stream="scenario",finding="planned",confidence="exact"} 1',
    );
    const shown = await command('status');
    expect(shown.stdout).toContain(`${address(0)} → ${address(1)}  planned, exact, blackout`);
  });

  test('refuses a wrong config file, and goes on with the old one', async () => {
    const refused = await hangup('stream: scenario\nservers: []\n');
    expect(refused).toMatchObject({ event: 'config.refused', code: 'config', level: 'error' });
    expect(JSON.stringify(refused['problems'])).toContain('servers');
    await stage.delivered(20);
    expect(await server()).toBe(address(1));
  });

  test('takes members in and lets them go, under load', async () => {
    expect(await reload([1, 2])).toMatchObject({
      ...{ event: 'config.reloaded', added: [address(2)], removed: [address(0)], notApplied: [] },
    });
    expect(errorOf(await moveTo(0))).toMatchObject({ code: 'switch-refused' });
    const moved = await moveTo(2);
    expect(moved.code, moved.stdout).toBe(0);
    await stage.delivered(20);
  });

  test('says what a restart is needed for', async () => {
    const changed = stringify(stage.config(config([1, 2], { sink: { type: 'stdout' } })));
    expect(await hangup(changed)).toMatchObject({ event: 'config.reloaded', notApplied: ['sink'] });
    await reload([1, 2]);
  });

  test('leaves a member that is taken out while it is read', async () => {
    expect(await reload([1])).toMatchObject({ event: 'config.reloaded', removed: [address(2)] });
    await until('the other member', async () => (await server()) === address(1));
    await stage.delivered(20);
  });

  test('is not healthy when its sink takes nothing, although it lives', async () => {
    const other = await claimPort();
    const folder = join(stage.folder, 'stuck');
    const stuck = await AgentProcess.start({
      folder,
      config: stage.config({
        ...{ stream: 'stuck', sink: { type: 'stdout' }, http: { listen: `127.0.0.1:${other}` } },
        checkpoint: { store: 'file', path: join(folder, 'state') },
      }),
      readStdout: (stdout) => stdout.pause(),
    });
    const health = async (): Promise<string> =>
      (await fetch(`http://127.0.0.1:${other}/healthz`, { headers: { connection: 'close' } })).text();
    try {
      await stuck.waitForEvent('stream.started');
      expect(await health()).toContain('"healthy":true');
      await until('honest health', async () => (await health()).includes('the sink has not accepted'));
      const shown = await runWaymark(['status', '-c', join(folder, 'waymark.yaml')], {}, 'built');
      expect(shown.code).toBe(1);
      expect(shown.stdout).toContain('stuck: ✗ the sink has not accepted');
      const image = await imageHealth(other);
      expect(image.code).toBe(1);
      expect(image.text).toContain('the sink has not accepted');
    } finally {
      await stuck.kill();
    }
  });

  test('has delivered everything exactly once through all of that; stopped, its checkpoint tells', async () => {
    await stage.finish();
    const shown = await command('status');
    expect(shown).toMatchObject({ code: 1, stderr: '' });
    expect(shown.stdout).toContain(`No agent answers at 127.0.0.1:${port}`);
    expect(shown.stdout).toContain('Not from the agent, but from the checkpoint');
    expect(shown.stdout).toContain(address(1));
    const status = documentOf(await command('status', '--json'));
    expect(status).toMatchObject({
      ...{ stream: 'scenario', healthy: false },
      checkpoint: { problem: null, place: { server: address(1) } },
    });
    const gone = await moveTo(1);
    expect(gone.code).toBe(1);
    expect(errorOf(gone)).toMatchObject({ code: 'agent-unreachable' });

    await rm(join(stage.folder, 'state'), { recursive: true });
    expect((await command('status')).stdout).toContain('There is no checkpoint yet');
  });
});

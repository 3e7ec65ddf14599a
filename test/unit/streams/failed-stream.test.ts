import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type Agent, createAgent } from '../../../src/agent.js';
import { parseConfig } from '../../../src/config/load.js';
import type { Config } from '../../../src/config/schema.js';
import { renderStatus } from '../../../src/http/status-text.js';
import { nodeRuntime } from '../../../src/runtime/node.js';
import { runIn } from '../../../src/runtime/runtime.js';
import type { Sink } from '../../../src/sinks/sink.js';
import { sleep } from '../../../src/util/async.js';
import { WaymarkError } from '../../../src/util/errors.js';

const logger = pino({ level: 'silent' });
const noRoom = new WaymarkError('sink', 'there is no room for the audit');

/** A sink that can't be opened: what stops a stream before it has seen a server. */
const broken: Sink = {
  open: () => Promise.reject(noRoom),
  deliver: () => Promise.reject(noRoom),
  flush: () => Promise.resolve(null),
  close: () => Promise.resolve(),
};

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waymark-failed-'));
  return () => rm(folder, { recursive: true, force: true });
});

function configOf(stream: string): Config {
  const source = {
    stream,
    servers: ['127.0.0.1:1'],
    user: 'nobody',
    password: 'x',
    checkpoint: { store: 'file', path: folder },
    sink: { type: 'stdout' },
  };
  return parseConfig(stringify(source), 'test.yaml', {});
}

test('the status of a stream that was stopped says what its error says', async () => {
  const agent = createAgent(configOf('one'), { logger, sink: broken });
  await expect(agent.run(new AbortController().signal)).rejects.toBe(noRoom);
  const status = agent.status();
  expect(status).toMatchObject({
    healthy: false,
    ready: false,
    unhealthyBecause: 'the stream has stopped: there is no room for the audit',
    phase: { kind: 'stopped', reason: noRoom.message },
    token: null,
  });
  expect(renderStatus(status)).toContain(
    'one: ✗ the stream has stopped: there is no room for the audit\n  state       stopped\n',
  );
});

test('one of several that fails has failed until it is read again, also while it is tried', async () => {
  const stop = new AbortController();
  const agent = createAgent(['one', 'two'].map(configOf), { logger, sink: () => broken });
  const running = agent.run(stop.signal);
  const seen = await phasesFrom(agent, 2500);
  stop.abort(new Error('the end of the test'));
  await running;
  expect(seen.slice(seen.indexOf('failed'))).toEqual(['failed']);
  expect(agent.status('one').unhealthyBecause).toMatch(
    /^the stream has failed, and is tried again \d m?s later: there is no room/,
  );
});

test('an agent with a runtime of its own asks nobody else', async () => {
  const asked = new Set<string>();
  /** Says of each part that it was asked. */
  const listening = <T extends object>(part: T, name: string): T =>
    new Proxy(part, {
      get: (target, key, receiver): unknown => {
        asked.add(`${name}.${String(key)}`);
        return Reflect.get(target, key, receiver);
      },
    });
  const { clock, network, disk, random, machine } = nodeRuntime;
  const runtime = {
    ...nodeRuntime,
    clock: listening({ ...clock, epochMs: () => 1_000_000_000_000 }, 'clock'),
    network: listening(network, 'network'),
    disk: listening(disk, 'disk'),
    random: listening(random, 'random'),
    machine: listening({ ...machine, pid: 4711 }, 'machine'),
  };
  const stop = new AbortController();
  const agent = createAgent(['one', 'two'].map(configOf), { logger, sink: () => broken, runtime });
  const running = agent.run(stop.signal);
  await expect.poll(() => agent.status('one').phase.kind).toBe('failed');
  expect(agent.status('one').phase).toMatchObject({ since: 1_000_000_000_000 });
  runIn(runtime, () => {
    stop.abort(new Error('the end of the test'));
  });
  await running;
  for (const call of ['clock.after', 'clock.monotonicMs', 'disk.status', 'network.connect', 'machine.pid'])
    expect(asked).toContain(call);
});

/** The phases that a stream goes through in that time, each once in a row. */
async function phasesFrom(agent: Agent, ms: number): Promise<string[]> {
  const phases: string[] = [];
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const { phase, healthy } = agent.status('one');
    expect(healthy).toBe(false);
    if (phases.at(-1) !== phase.kind) phases.push(phase.kind);
    await sleep(1, new AbortController().signal);
  }
  return phases;
}

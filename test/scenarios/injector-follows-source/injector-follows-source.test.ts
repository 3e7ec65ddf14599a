import { expect, test } from 'vitest';
import { stopReplication, type TestServer } from '../../servers/index.js';
import { until } from '../../servers/wait.js';
import type { AgentProcess } from '../../support/agent-process.js';
import { expectAscending, hintsOf } from '../../support/hint-log.js';
import { injected, letInject, startPoolInjector } from '../../support/injector.js';
import { explain, judge } from '../../support/judge.js';
import { readTruth } from '../../support/oracle.js';
import { controlEnvironment, moveBelow } from '../../support/repoint.js';
import { type Scenario, scenario } from '../../support/scenario.js';
import { documentOf, runWaymark } from '../../unit/cli/waymark.js';

/** A busy machine takes two minutes for the longest one. */
const limitMs = 360_000;

/** Ends replication of a server for good, as a promotion does. */
async function forgetSource(server: TestServer): Promise<void> {
  await stopReplication(server);
  await server.query(server.vendor === 'mariadb' ? 'RESET SLAVE ALL' : 'RESET REPLICA ALL');
}

/** Writes on a server until the injector has injected so many hints more there. */
async function writeBetweenHints(server: TestServer, injector: AgentProcess, hints: number): Promise<void> {
  for (let count = 0; count < hints; count += 1) {
    for (let row = 0; row < 5; row += 1) await server.query('INSERT INTO shop.finish VALUES (UUID())');
    await injected(injector, server);
  }
}

/** Exactly once, held against the log of the server that has all: the new source. */
async function judgeBy(stage: Scenario, source: TestServer): Promise<void> {
  const mark = `the end ${source.address}`;
  await source.query('INSERT INTO shop.finish VALUES (?)', [mark]);
  await until('the audit holds everything', () => stage.follower.holds(mark), { timeoutMs: 40_000 });
  await stage.stopAgent();
  const verdict = await judge(stage.records(), await readTruth(source));
  expect(verdict.ok, explain(verdict)).toBe(true);
  expect(verdict.transactions).toBeGreaterThan(80);
  console.log(explain(verdict));
}

/** Where the hints in a server's log were injected, each run of them once. */
async function origins(server: TestServer): Promise<number[]> {
  const hints = await hintsOf(server);
  expectAscending(hints);
  return hints.map(({ serverId }) => serverId).filter((id, index, all) => id !== all[index - 1]);
}

test('a source dies under load: hints go on on the promoted replica', { timeout: limitMs }, async () => {
  await scenario({ topology: { replicas: 3 }, hintsEveryMs: 0 }, async (stage) => {
    const { source, topology } = stage;
    const read = stage.replica(0);
    await letInject(source);
    const injector = await startPoolInjector(stage, 'injector');
    stage.agents.push(injector);
    // The config file doesn't name the source.
    await injector.waitForEvent('injector.started', ({ server }) => server === source.address);
    expect(injector.all('injector.alone')).toHaveLength(1);
    await injected(injector, source, 2);
    const agent = await stage.startAgent({ servers: topology.replicas.map(({ address }) => address) });
    const load = await stage.startLoad({ rate: 80 });
    await stage.delivered(600);
    await injected(injector, source, 2);
    // Another one has more, and is promoted.
    await stopReplication(read, 'io');
    await stage.committed(30);
    await source.kill();
    await load.close();
    const replicas = topology.replicas.map(({ address }) => address).join(',');
    const done = await runWaymark(
      ['regroup', '--dead', source.address, '--replicas', replicas, '--execute', '--json'],
      controlEnvironment(source),
      'built',
      120_000,
    );
    expect(documentOf(done), done.stderr).toMatchObject({ state: 'done', lost: [] });
    const { promoted: name, toPromote } = documentOf(done) as { promoted: string; toPromote: string[] };
    const promoted = topology.replicas.find(({ address }) => address === name)!;
    expect(promoted).not.toBe(read);
    // Meanwhile replicas that could be written to were no sources.
    expect(injector.all('injector.moved')).toEqual([]);
    for (const statement of toPromote) await promoted.query(statement);
    await injector.waitForEvent(
      'injector.moved',
      ({ server, from }) => server === promoted.address && from === source.address,
    );
    await writeBetweenHints(promoted, injector, 4);
    // Now the hints of the new source have to serve.
    await until('the read replica has new hints', async () => {
      const ids = (await hintsOf(read)).map(({ serverId }) => serverId);
      return ids.includes(promoted.serverId);
    });
    await writeBetweenHints(promoted, injector, 2);
    const switched = agent.next('failover.done');
    await read.kill();
    expect(await switched).toMatchObject({ from: read.address, confidence: 'exact' });
    await writeBetweenHints(promoted, injector, 2);
    await injector.stop();
    stage.agents.splice(stage.agents.indexOf(injector), 1);
    await judgeBy(stage, promoted);
    expect(await origins(promoted)).toEqual([source.serverId, promoted.serverId]);
  });
});

test(
  'a planned promotion, and a former source that is made writable again',
  { timeout: limitMs },
  async () => {
    await scenario({ topology: { replicas: 2 }, hintsEveryMs: 0 }, async (stage) => {
      const { source, topology } = stage;
      const [read, next] = [stage.replica(0), stage.replica(1)];
      await letInject(source);
      const servers = topology.servers.map(({ address }) => address);
      const injector = await startPoolInjector(stage, 'injector', { servers });
      try {
        await injected(injector, source, 2);
        await stage.startAgent({ servers: [read.address] });
        await stage.startLoad({ rate: 100 });
        await stage.committed(120);
        await stage.load.stop();

        const waiting = injector.next('injector.waiting');
        await source.query('SET GLOBAL read_only = ON');
        expect(await waiting).toMatchObject({
          servers: expect.arrayContaining([
            { server: source.address, answers: true, why: 'is read-only' },
          ]) as unknown,
        });
        await topology.waitForReplicas();
        await moveBelow(read, next, { awaitHint: false });
        await forgetSource(next);
        await injector.waitForEvent('injector.moved', ({ server }) => server === next.address);
        await writeBetweenHints(next, injector, 3);

        const several = injector.next('injector.waiting', ({ sources }) => Array.isArray(sources));
        await source.query('SET GLOBAL read_only = OFF');
        expect((await several)['sources']).toEqual([source.address, next.address]);
        const before = await Promise.all([source, next].map(hintsOf));
        // So long that many hints would have come.
        await injector.next('injector.waiting', () => true, 5000).catch(() => undefined);
        expect(await Promise.all([source, next].map(hintsOf))).toEqual(before);
        await source.query('SET GLOBAL read_only = ON');
        await writeBetweenHints(next, injector, 2);
        await judgeBy(stage, next);
        expect(await origins(next)).toEqual([source.serverId, next.serverId]);
        expect(await origins(source)).toEqual([source.serverId]);
      } finally {
        await injector.stop();
      }
    });
  },
);

test('a source freezes, a replica is promoted, and the source thaws', { timeout: limitMs }, async () => {
  await scenario({ topology: { replicas: 1 }, hintsEveryMs: 0 }, async (stage) => {
    const { source, topology } = stage;
    const next = stage.replica(0);
    await letInject(source);
    const servers = topology.servers.map(({ address }) => address);
    const injector = await startPoolInjector(stage, 'injector', { servers });
    try {
      await injected(injector, source, 3);
      await topology.waitForReplicas();
      const before = (await hintsOf(source)).length;
      await source.freeze();
      await forgetSource(next);
      await injector.waitForEvent('injector.moved', ({ server }) => server === next.address);
      await injected(injector, next, 2);
      const waiting = injector.next('injector.waiting');
      await source.resume();
      expect((await waiting)['sources']).toEqual([source.address, next.address]);
      await source.query('SET GLOBAL read_only = ON');
      await injected(injector, next, 2);
      // What was on its way into the source when it froze, and those of the time between the count and the freeze.
      expect((await hintsOf(source)).length - before).toBeLessThan(8);
      expect(await origins(next)).toEqual([source.serverId, next.serverId]);
      expectAscending(await hintsOf(source));
    } finally {
      await source.resume().catch(() => undefined);
      await injector.stop();
    }
  });
});

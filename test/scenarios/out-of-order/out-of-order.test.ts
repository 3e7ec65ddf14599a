import { expect, test } from 'vitest';
import type { Coordinates } from '../../../src/binlog/coordinates.js';
import { defaultHintFormat, hintRecogniser } from '../../../src/hints/hint.js';
import { correlate } from '../../../src/correlate/correlate.js';
import { inspect } from '../../../src/mysql/inspect.js';
import { instanceOf, logsOf, readTransactions } from '../../integration/fixtures/log-reading.js';
import { provider, stopReplication, supports, type TestServer } from '../../servers/index.js';
import { until } from '../../servers/wait.js';
import { readAudit } from '../../support/audit.js';
import { explain, judge } from '../../support/judge.js';
import { readTruth } from '../../support/oracle.js';
import { isMove } from '../../support/agent-process.js';
import { scenario } from '../../support/scenario.js';

const hasMysql = await supports('mysql');
const why = hasMysql ? '' : ` (skipped: the ${provider()} test servers have no MySQL)`;

/** Eight appliers that commit as they come. */
const outOfOrder = { replica_parallel_workers: 8, replica_preserve_commit_order: 'OFF' };

type Logged = { readonly hint: string | null; readonly key: bigint; readonly end: Coordinates };

/** A server's history, read from its own log: hints, and transactions by a number of their own. */
async function logOf(server: TestServer): Promise<Logged[]> {
  const recognise = hintRecogniser(defaultHintFormat);
  const [oldest] = await logsOf(server);
  const all = await readTransactions(server, { file: oldest!.file, position: 4 });
  return all.flatMap(({ identity, statement, end, gtid }) => {
    if (identity === null) return [];
    const hint = (statement && recognise(statement)?.token) ?? null;
    const key = hint === null ? (identity.digest ^ BigInt(identity.origin.slice(2))) * 2n + 1n : 0n;
    return [{ hint, key, end, gtid }];
  });
}

/** What a reader of `one` up to a hint loses that goes on right behind the same hint of `other`: what is before it there alone. */
function lostBehindHints(one: readonly Logged[], other: readonly Logged[]): number[] {
  return one.flatMap(({ hint }, index) => {
    const there = other.findIndex((step) => step.hint === hint);
    if (hint === null || there < 0) return [];
    const had = new Set(one.slice(0, index).map(({ key }) => key));
    return [other.slice(0, there).filter(({ key }) => key !== 0n && !had.has(key)).length];
  });
}

/** For each place, the sum of all transactions before it: the same sum is the same set. */
function sums(log: readonly Logged[]): bigint[] {
  let sum = 0n;
  return log.map(({ key }) => (sum += key * key));
}

test.skipIf(!hasMysql)(
  `MySQL replicas that commit out of order: exactly once, reordered; no coordinates where none are right${why}`,
  async () => {
    const replicas = [outOfOrder, outOfOrder];
    const topology = { vendor: 'mysql', replicas } as const;
    await scenario(
      { topology, hintsEveryMs: 100, anchors: 'hints', agent: { limitMs: 280_000 } },
      async (stage) => {
        const agent = await stage.startAgent();
        await stage.startLoad({ writers: 8, rate: 200 });
        await stage.delivered(200);
        let lost: number[] = [];
        const shown = async (): Promise<boolean> => {
          lost = lostBehindHints(await logOf(stage.replica(0)), await logOf(stage.replica(1)));
          return lost.some((count) => count > 0);
        };
        await until('a hint stands behind other transactions on the two', shown, {
          timeoutMs: 120_000,
          everyMs: 500,
        });
        console.log(`lost right behind the hint alone, by hint: ${lost.join(' ')}`);
        await stage.hints.next();
        await stage.replica(0).kill();
        const done = await agent.waitForEvent('failover.done', isMove);
        expect(done['confidence']).toBe('reordered');
        await stage.committed(50);
        await stage.load.stop();
        // The mark of level() might be committed there before the last transactions of the load.
        await stage.topology.waitForReplicas();
        await stage.level();
        await stage.stopAgent();
        const verdict = await judge(readAudit(stage.audit), await readTruth(stage.source));
        const { missing, doubled, foreign } = verdict;
        expect({ missing, doubled, foreign }, explain(verdict)).toEqual({
          missing: 0,
          doubled: 0,
          foreign: 0,
        });
        const ids: string[] = [];
        for await (const { id } of readAudit(stage.audit)) ids.push(id);
        expect(new Set(ids).size).toBe(ids.length);

        await stage.replica(0).restart();
        await stage.topology.waitForReplicas();
        for (const replica of stage.topology.replicas) await stopReplication(replica);
        await refusals(stage.replica(0), stage.replica(1));
      },
    );
  },
  300_000,
);

/** Where a place on the one has an equal on the other, correlate finds it; where not, it refuses. */
async function refusals(one: TestServer, other: TestServer): Promise<void> {
  const [here, there] = [await logOf(one), await logOf(other)];
  const [hereSums, thereSums] = [sums(here), sums(there)];
  const known = new Map(thereSums.map((sum, index) => [sum, index]));
  const begun = here.findIndex(({ hint }) => hint !== null);
  const places = here.map((_step, index) => index).slice(begun + 20);
  const refused = places.filter((index) => !known.has(hereSums[index]!)).slice(0, 5);
  const right = places.filter((index) => known.has(hereSums[index]!)).slice(-5);
  expect(refused).not.toEqual([]);
  const signal = AbortSignal.timeout(60_000);
  const look = async (server: TestServer) => {
    const instance = instanceOf(server);
    return { instance, inspection: await inspect(instance, signal, 10_000) };
  };
  const [from, to] = [await look(one), await look(other)];
  const at = (index: number) =>
    correlate({ from, to, at: here[index]!.end, format: defaultHintFormat, signal });
  for (const index of refused) await expect(at(index)).rejects.toMatchObject({ code: 'out-of-order' });
  for (const index of right) {
    const found = await at(index);
    const place = there.findIndex(
      ({ end }) => end.file === found.to.file && end.position === found.to.position,
    );
    expect(thereSums[place]).toBe(hereSums[index]);
  }
}

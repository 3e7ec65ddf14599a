import { expect, test } from 'vitest';
import { defaultKind } from '../../servers/kind.js';
import { replicationStatus, type ServerSettings, stopReplication } from '../../servers/index.js';
import { controlEnvironment } from '../../support/repoint.js';
import { scenario } from '../../support/scenario.js';
import { expectSameTables } from '../../support/tables.js';
import { documentOf, runWaymark } from '../../unit/cli/waymark.js';

const settings: Record<'parallel' | 'silent', ServerSettings> =
  defaultKind().vendor === 'mariadb'
    ? { parallel: { slave_parallel_threads: 4 }, silent: { log_slave_updates: 'OFF' } }
    : { parallel: { replica_parallel_workers: 4 }, silent: { log_replica_updates: 'OFF' } };

/** A MySQL applier that the kill has cut off in a transaction takes a minute to stop. */
const limitMs = 150_000;

const hasGtids = defaultKind().vendor === 'mariadb' || defaultKind().settings['gtid_mode'] !== 'OFF';

/** What the places are found by, and how often a hint is injected. */
const anchors: readonly (readonly [string, number])[] = [
  ['hints', 400],
  ...(hasGtids ? [['GTIDs alone', 0] as const] : []),
];

test.each(anchors)(
  'a source dies under load; its replicas, each at another point, go below the one that got most: by %s',
  { timeout: 300_000 },
  async (_, hintsEveryMs) => {
    const replicas = [{}, settings.silent, settings.parallel];
    await scenario({ topology: { replicas }, hintsEveryMs }, async (stage) => {
      const anchored = async (): Promise<void> => {
        if (hintsEveryMs > 0) await stage.hints.next();
      };
      const { topology, source } = stage;
      const [lagging, silent, parallel] = [stage.replica(0), stage.replica(1), stage.replica(2)];
      const load = await stage.startLoad({ rate: 60 });
      await stage.committed(60);
      await anchored();
      await stopReplication(lagging, 'io');
      await stage.committed(40);
      await anchored();
      await stopReplication(silent, 'io');
      await stage.committed(40);
      await stopReplication(lagging, 'sql');
      await source.kill();
      await load.close();

      const servers = topology.replicas.map(({ address }) => address).join(',');
      const args = ['regroup', '--dead', source.address, '--replicas', servers, '--json'];
      const before = await Promise.all(topology.replicas.map(replicationStatus));
      const plan = await runWaymark(args, controlEnvironment(source), 'source', limitMs);
      expect(documentOf(plan), plan.stderr).toMatchObject({
        state: 'planned',
        promoted: parallel.address,
        lost: [],
      });
      expect(plan.code).toBe(0);
      const after = await Promise.all(topology.replicas.map(replicationStatus));
      expect(after.map((status) => status?.sourcePort)).toEqual(before.map((status) => status?.sourcePort));

      const done = await runWaymark([...args, '--execute'], controlEnvironment(source), 'source', limitMs);
      const document = documentOf(done);
      expect(document, done.stderr).toMatchObject({
        state: 'done',
        promoted: parallel.address,
        lost: [],
        later: [],
      });
      expect(done.code).toBe(0);
      const moved = document['replicas'] as {
        replica: string;
        confidence: string;
        via: string;
        hint: unknown;
      }[];
      expect(moved.map(({ replica, via }) => [replica, via]).toSorted()).toEqual(
        [
          [lagging.address, 'own-log'],
          [silent.address, 'relay-log'],
        ].toSorted(),
      );
      if (hintsEveryMs === 0) for (const { hint } of moved) expect(hint).toBeNull();
      for (const { replica, confidence } of moved) {
        expect(confidence).toBe(replica === silent.address ? 'shape' : 'exact');
      }

      // What is left to the operator, as it was told; and then the promoted one is written to.
      for (const statement of document['toPromote'] as string[]) await parallel.query(statement);
      expect(await replicationStatus(parallel)).toBeUndefined();
      for (let row = 0; row < 20; row += 1) await parallel.query('INSERT INTO shop.finish VALUES (UUID())');
      await topology.waitForReplicas([lagging, silent]);
      await expectSameTables(topology.replicas);
    });
  },
);

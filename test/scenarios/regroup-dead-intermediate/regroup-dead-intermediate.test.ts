import { expect, test } from 'vitest';
import { controlEnvironment } from '../../support/repoint.js';
import { scenario } from '../../support/scenario.js';
import { expectSameTables } from '../../support/tables.js';
import { documentOf, runWaymark } from '../../unit/cli/waymark.js';

/** A MySQL applier that the kill has cut off in a transaction takes a minute to stop. */
const limitMs = 150_000;

test(
  'an intermediate server dies under load; its leaves go below the source',
  { timeout: 300_000 },
  async () => {
    await scenario({ topology: { replicas: 1 } }, async (stage) => {
      const { topology, source } = stage;
      const intermediate = stage.replica(0);
      const leaves = await Promise.all([1, 2].map(() => topology.addReplica({}, { of: intermediate })));
      const load = await stage.startLoad({ rate: 60 });
      await stage.committed(80);
      await stage.hints.next();
      const args = [
        ...['regroup', '--dead', intermediate.address, '--below', source.address],
        ...['--replicas', leaves.map(({ address }) => address).join(','), '--execute', '--json'],
      ];
      const early = await runWaymark(args, controlEnvironment(source));
      expect(documentOf(early)['error']).toMatchObject({ code: 'refused', reason: 'source-alive' });

      await intermediate.kill();
      const done = await runWaymark(args, controlEnvironment(source), 'source', limitMs);
      expect(documentOf(done), done.stderr).toMatchObject({
        state: 'done',
        below: source.address,
        lost: [],
        replicas: [
          { state: 'moved', confidence: 'exact', below: source.address },
          { state: 'moved', confidence: 'exact', below: source.address },
        ],
      });
      expect(done.code).toBe(0);
      await stage.committed(40);
      await load.stop();
      await topology.waitForReplicas(leaves);
      await expectSameTables([source, ...leaves]);
    });
  },
);

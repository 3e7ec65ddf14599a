import { expect, test } from 'vitest';
import { defaultKind } from '../../servers/kind.js';
import { isMove } from '../../support/agent-process.js';
import { scenario } from '../../support/scenario.js';

const isMysql = defaultKind().vendor === 'mysql';
const why = isMysql ? '' : ' (skipped: the servers of this run are not MySQL)';

test.skipIf(!isMysql)(
  `the replicas compress their transactions; the tailed one is killed, the agent too${why}`,
  async () => {
    // The oracle reads the source, and can't unpack.
    const replica = { binlog_transaction_compression: 'ON' };
    await scenario({ topology: { replicas: [replica, replica] } }, async (stage) => {
      const first = await stage.startAgent();
      await stage.startLoad();
      await stage.delivered(200);
      await stage.hints.next();
      await stage.replica(0).kill();
      const done = await first.waitForEvent('failover.done', isMove);
      expect(done).toMatchObject({ from: stage.replica(0).address, to: stage.replica(1).address });
      await stage.committed(50);
      await first.kill();
      await stage.committed(20);
      await stage.startAgent();
      await stage.committed(20);
      await stage.finish();
    });
  },
);

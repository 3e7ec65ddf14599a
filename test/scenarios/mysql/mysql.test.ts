import { expect, test } from 'vitest';
import { provider, type ServerSettings, supports } from '../../servers/index.js';
import { scenario } from '../../support/scenario.js';

const hasMysql = await supports('mysql');
const why = hasMysql ? '' : ` (skipped: the ${provider()} test servers have no MySQL)`;

/** Settings of all servers, and of the replicas alone. */
const modes: readonly [string, ServerSettings, ServerSettings][] = [
  ['with GTIDs', { gtid_mode: 'ON', enforce_gtid_consistency: 'ON' }, {}],
  ['without GTIDs', { gtid_mode: 'OFF', enforce_gtid_consistency: 'OFF' }, {}],
  // The oracle reads the source, and can't unpack.
  ['with compressed transactions on the replicas', {}, { binlog_transaction_compression: 'ON' }],
];

test.skipIf(!hasMysql).each(modes)(
  `MySQL %s: the tailed replica is killed, the agent too${why}`,
  async (_name, settings, replica) => {
    await scenario(
      { topology: { vendor: 'mysql', replicas: [replica, replica], settings } },
      async (stage) => {
        const first = await stage.startAgent();
        await stage.startLoad();
        await stage.delivered(200);
        await stage.hints.next();
        await stage.replica(0).kill();
        const done = await first.waitForEvent('failover.done');
        expect(done).toMatchObject({ from: stage.replica(0).address, to: stage.replica(1).address });
        await stage.committed(50);
        await first.kill();
        await stage.committed(20);
        await stage.startAgent();
        await stage.committed(20);
        await stage.finish();
      },
    );
  },
);

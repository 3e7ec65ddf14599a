import { expect, test } from 'vitest';
import {
  changeSource,
  replicationStatus,
  startServer,
  supports,
  type TestServer,
} from '../../servers/index.js';
import { defaultKind } from '../../servers/kind.js';
import { until } from '../../servers/wait.js';
import { createAgentAccount } from '../../support/grants.js';
import { scenario } from '../../support/scenario.js';

const { vendor, settings } = defaultKind();
/** One version of MariaDB with MySQL's GTIDs, the other without. */
const version = settings['gtid_mode'] === 'ON' ? '10.11' : '11.8';
const hasBoth = vendor === 'mysql' && (await supports('mariadb', version));
const why = hasBoth
  ? ''
  : ` (skipped: ${vendor === 'mysql' ? `there is no MariaDB ${version}` : 'the servers of this run are not MySQL'})`;

/** MariaDB 10.11 doesn't know the collation that MySQL begins with. */
const topology = { settings: { collation_server: 'utf8mb4_general_ci' }, replicas: 1 };

/** The agent's account on a replica that didn't get its source's, outside of the log. */
async function createAccountAside(replica: TestServer): Promise<void> {
  await replica.query('SET SESSION sql_log_bin = OFF');
  await createAgentAccount(replica);
  await replica.query('SET SESSION sql_log_bin = ON');
}

test.skipIf(!hasBoth)(
  `a MariaDB ${version} replica below a MySQL source: the stream goes over to it, and back to MySQL${why}`,
  async () => {
    await scenario({ topology, anchors: 'hints' }, async (stage) => {
      const mysql = stage.replica(0);
      const mariadb = await stage.topology.addReplica({}, { vendor: 'mariadb', version });
      await createAccountAside(mariadb);
      await stage.hints.next();
      await stage.topology.waitForReplicas();
      const agent = await stage.startAgent({ servers: [mysql.address, mariadb.address] });
      await stage.startLoad({ vendors: 'both' });
      await stage.delivered(200);
      await stage.hints.next();
      await mysql.kill();
      await agent.waitForEvent('failover.done', ({ to }) => to === mariadb.address);
      await stage.committed(60);
      await mysql.restart();
      await stage.hints.next();
      await stage.level();
      await mariadb.kill();
      await agent.waitForEvent('failover.done', ({ to }) => to === mysql.address);
      await stage.committed(40);
      await stage.finish();
    });
  },
);

test.skipIf(!hasBoth)(
  `a MySQL replica below a MariaDB source: MySQL refuses, and says why${why}`,
  async () => {
    const source = await startServer({ vendor: 'mariadb', version });
    const replica = await startServer();
    try {
      await source.query('CREATE DATABASE shop');
      const [first] = await source.query<{ Log_name: string }>('SHOW BINARY LOGS');
      await changeSource(replica, source, { file: first!.Log_name, position: 4 });
      const error = await until('it says why', async () => {
        const text = (await replicationStatus(replica))?.lastError;
        return text !== '' && text;
      });
      console.log(`MySQL ${replica.version} below MariaDB ${source.version}: ${error}`);
      // MySQL 9 can't even log in at MariaDB; earlier ones can, and don't understand what comes.
      expect(error).toMatch(/mysql_native_password|fatal error/i);
      expect((await replicationStatus(replica))?.ioRunning).toBe(false);
      expect(await replica.query("SHOW DATABASES LIKE 'shop'")).toEqual([]);
    } finally {
      await Promise.all([source.stop(), replica.stop()]);
    }
  },
);

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '../../src/config/secret.js';
import type { Instance } from '../../src/mysql/instance.js';
import { examineServer, preflight } from '../../src/preflight/preflight.js';
import {
  isMeant,
  replicationStatus,
  startServer,
  startTopology,
  type TestServer,
  type Vendor,
} from '../servers/index.js';
import { until } from '../servers/wait.js';
import { agentPrivileges } from '../support/grants.js';

const signal = new AbortController().signal;

function instanceOf({ host, port }: TestServer, user: string): Instance {
  return {
    address: { host, port },
    account: { user, password: new Secret('geheim'), getServerPublicKey: true },
  };
}

async function codesFor(server: TestServer, user: string): Promise<string[]> {
  const findings = await preflight(instanceOf(server, user), { signal });
  return findings.map(({ code, fix }) => (code === 'missing-grant' ? fix : code));
}

/** The privileges that it takes, by vendor. */
const monitors: Record<Vendor, string[]> = {
  mariadb: ['BINLOG MONITOR', 'REPLICA MONITOR'],
  mysql: ['REPLICATION CLIENT'],
};

for (const vendor of ['mariadb', 'mysql'] as const) {
  describe.skipIf(!(await isMeant(vendor)))(`preflight on ${vendor}`, () => {
    let server: TestServer;

    beforeAll(async () => {
      server = await startServer({ vendor });
    }, 120_000);

    afterAll(async () => {
      await server.stop();
    });

    async function account(name: string, ...grants: string[]): Promise<void> {
      await server.query(`CREATE USER ${name}@'%' IDENTIFIED BY 'geheim'`);
      if (grants.length > 0) await server.query(`GRANT ${grants.join(', ')} ON *.* TO ${name}@'%'`);
    }

    test('each missing grant is named with the statement that gives it', async () => {
      const [first = ''] = monitors[vendor];
      await account('nothing');
      await account('slave', 'REPLICATION SLAVE');
      await account('monitor', first);
      await account('enough', 'REPLICATION SLAVE', ...monitors[vendor]);
      const lacks = (user: string, ...grants: string[]) =>
        grants.map((grant) => `GRANT ${grant} ON *.* TO '${user}'@'%'`);
      expect(await codesFor(server, 'nothing')).toEqual(
        lacks('nothing', 'REPLICATION SLAVE', ...monitors[vendor]),
      );
      expect(await codesFor(server, 'slave')).toEqual(lacks('slave', ...monitors[vendor]));
      expect(await codesFor(server, 'monitor')).toEqual(
        lacks('monitor', 'REPLICATION SLAVE', ...monitors[vendor].slice(1)),
      );
      expect(await codesFor(server, 'enough')).toEqual([]);
    });

    test('grants that come by a role count', async () => {
      await account('member');
      await server.query('CREATE ROLE reader');
      await server.query(`GRANT REPLICATION SLAVE, ${monitors[vendor].join(', ')} ON *.* TO reader`);
      await server.query("GRANT reader TO member@'%'");
      const way = vendor === 'mariadb' ? 'FOR' : 'TO';
      await server.query(`SET DEFAULT ROLE reader ${way} member@'%'`);
      expect(await codesFor(server, 'member')).toEqual([]);
    });

    test('without names in the log, the schemas whose columns cannot be seen', async () => {
      await account('columns', 'REPLICATION SLAVE', ...monitors[vendor]);
      await server.query("GRANT SELECT ON `shop\\_%`.* TO columns@'%'");
      await server.query("SET GLOBAL binlog_row_metadata = 'MINIMAL'");
      try {
        const include = ['shop_de.*', 'shop.orders', 'other.*'];
        const options = { signal, tables: { include, exclude: [] } };
        const findings = await preflight(instanceOf(server, 'columns'), options);
        expect(findings.map(({ severity, code }) => `${severity} ${code}`)).toEqual([
          'warning missing-grant',
          'warning missing-grant',
          'warning binlog-row-metadata',
        ]);
        expect(findings.map(({ fix }) => fix).slice(0, 2)).toEqual([
          "GRANT SELECT ON `shop`.* TO 'columns'@'%'",
          "GRANT SELECT ON `other`.* TO 'columns'@'%'",
        ]);
      } finally {
        await server.query("SET GLOBAL binlog_row_metadata = 'FULL'");
      }
    });

    test('a server that does not answer within the time limit; an operator who gives up', async () => {
      await account('patient', 'REPLICATION SLAVE', ...monitors[vendor]);
      await server.freeze();
      try {
        const instance = instanceOf(server, 'patient');
        const [finding] = await preflight(instance, { signal, timeoutMs: 300 });
        expect(finding).toMatchObject({
          code: 'server-unreachable',
          severity: 'error',
          server: server.address,
        });
        expect(finding?.message).toContain('300 ms');
        const controller = new AbortController();
        const asked = examineServer(instance, { signal: controller.signal });
        const reason = new Error('enough');
        controller.abort(reason);
        await expect(asked).rejects.toBe(reason);
      } finally {
        await server.resume();
      }
    });
  });
}

describe('preflight of a replica', () => {
  test('filters, a delay, a clock of no importance', async () => {
    await using topology = await startTopology({ replicas: [{ replicate_do_db: 'shop', read_only: 'ON' }] });
    const [replica] = topology.replicas;
    await topology.source.query("CREATE USER waymark@'%' IDENTIFIED BY 'geheim'");
    const all = agentPrivileges(topology.source);
    await replica!.query("CREATE USER waymark@'%' IDENTIFIED BY 'geheim'");
    await replica!.query(`GRANT ${all} ON *.* TO waymark@'%'`);
    await replica!.query('STOP REPLICA');
    await replica!.query(
      replica!.vendor === 'mariadb'
        ? 'CHANGE MASTER TO MASTER_DELAY = 60'
        : 'CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 60',
    );
    await replica!.query('START REPLICA');
    await until('both threads run', async () => {
      const status = await replicationStatus(replica!);
      return status?.ioRunning === true && status.sqlRunning;
    });
    const { findings, state } = await examineServer(instanceOf(replica!, 'waymark'), { signal });
    expect(findings.map(({ severity, code }) => `${severity} ${code}`)).toEqual([
      'warning replication-delayed',
      'warning replication-filters',
    ]);
    expect(findings[1]?.message).toContain('Replicate_Do_DB=shop');
    expect(state?.channels).toHaveLength(1);
    expect(Math.abs(state?.clockOffsetMs ?? Number.NaN)).toBeLessThan(5_000);
  });
});

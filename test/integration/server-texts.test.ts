import { afterAll, beforeAll, expect, test } from 'vitest';
import { replicationStatus, startTopology, type TestServer, type Topology } from '../servers/index.js';
import { until } from '../servers/wait.js';
import { runWaymark } from '../unit/cli/waymark.js';

const secret = 'geheim-4711';
let topology: Topology;
let stands: TestServer;
let repeats: TestServer;

beforeAll(async () => {
  topology = await startTopology({ replicas: 2 });
  const { source, replicas } = topology;
  [stands, repeats] = replicas as [TestServer, TestServer];
  await source.query('CREATE DATABASE shop');
  await source.query('CREATE TABLE shop.users (email VARCHAR(80) PRIMARY KEY)');
  await topology.waitForReplicas();
  await stands.query("CREATE USER bob IDENTIFIED BY 'another'");
  await repeats.query(`INSERT INTO shop.users VALUES ('${secret}@example.com')`);
  await source.query(`CREATE USER bob IDENTIFIED BY '${secret}'`);
  await source.query(`INSERT INTO shop.users VALUES ('${secret}@example.com')`);
  for (const replica of [stands, repeats]) {
    await until('the applier stands', async () => (await replicationStatus(replica))?.sqlRunning === false);
  }
});

afterAll(async () => {
  await topology.stop();
});

test.each([
  ['topology', ['--server']],
  ['repoint', ['--below', '--replica']],
])(
  'why an applier stands is shown without the secret in its statement or its row: %s',
  async (command, flags) => {
    for (const replica of [stands, repeats]) {
      for (const json of [[], ['--json']]) {
        const others = flags.length > 1 ? [flags[0]!, topology.source.address] : [];
        const args = [command, ...others, flags.at(-1)!, replica.address, ...json];
        const { stdout, stderr } = await runWaymark(args, {
          WAYMARK_USER: replica.user,
          WAYMARK_PASSWORD: replica.password,
        });
        // MySQL's applier names the transaction alone.
        expect(stdout + stderr).toMatch(
          replica === stands
            ? /CREATE USER|transaction '([\w-]+:\d+|ANONYMOUS)'/
            : /Duplicate entry|transaction '([\w-]+:\d+|ANONYMOUS)'/,
        );
        expect(stdout + stderr).not.toContain(secret);
      }
    }
  },
);

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  changeSource,
  replicationStatus,
  startTopology,
  type TestServer,
  type Topology,
} from '../servers/index.js';
import { until } from '../servers/wait.js';
import { startHints } from '../support/hints.js';
import { documentOf, runWaymark } from '../unit/cli/waymark.js';
import { agentPrivileges } from '../support/grants.js';

type Shown = Record<string, unknown> & { server: string; replicas: string[] };
type Report = { roots: string[]; servers: Shown[] };

// The command starts from its sources, a dozen times.
describe('waymark topology', { timeout: 120_000 }, () => {
  let topology: Topology;
  let leaf: TestServer;

  beforeAll(async () => {
    topology = await startTopology({ replicas: [{}, { read_only: 'ON' }] });
    leaf = await topology.addReplica({}, { of: topology.replicas[0]! });
    const hints = startHints(topology.source);
    await hints.next();
    await hints.stop();
    await topology.waitForReplicas();
  });

  afterAll(async () => {
    await topology.stop();
  });

  /** Asks one server with the all-mighty account. */
  async function show(server: TestServer, ...options: string[]) {
    return runWaymark(['topology', '--server', server.address, ...options], {
      WAYMARK_USER: server.user,
      WAYMARK_PASSWORD: server.password,
    });
  }

  async function report(server: TestServer): Promise<Report> {
    return documentOf(await show(server, '--json')) as Report;
  }

  const shape = ({ servers }: Report): Record<string, string[]> =>
    Object.fromEntries(servers.map(({ server, replicas }) => [server, replicas.toSorted()]));

  test('from any server the whole tree, with how each of them is', async () => {
    const [source, first, second] = topology.servers as [TestServer, TestServer, TestServer];
    const expected = {
      [source.address]: [first.address, second.address].toSorted(),
      [first.address]: [leaf.address],
      [second.address]: [],
      [leaf.address]: [],
    };
    for (const server of [source, leaf]) {
      const seen = await report(server);
      expect(seen.roots).toEqual([source.address]);
      expect(shape(seen)).toEqual(expected);
    }
    const { servers } = await report(second);
    expect(servers.find(({ server }) => server === second.address)).toMatchObject({
      state: 'alive',
      vendor: second.vendor,
      serverId: second.serverId,
      binlogFormat: 'ROW',
      readOnly: true,
      replicatesFrom: [
        { server: source.address, receiver: 'Yes', applier: 'Yes', lagSeconds: 0, error: null },
      ],
      hint: expect.stringMatching(/^asc:/) as string,
      hintAgeSeconds: expect.any(Number) as number,
      hintServerId: topology.source.serverId,
      notes: [],
    });
    const text = (await show(second)).stdout.split('\n');
    expect(text[0]).toMatch(new RegExp(`^${source.address} +(MariaDB|MySQL) [\\d.]+ +ROW +writable`));
    expect(text.find((line) => line.includes(second.address))).toMatch(
      /^[├└]─ .*read-only +lag 0 s +threads run.*hint \d+ s old$/,
    );
    expect(text.find((line) => line.includes(leaf.address))).toMatch(/^[│ ] {2}└─ /);
  });

  test('what is stopped and what is dead is said, and hides nobody', async () => {
    const [source, first, second] = topology.servers as [TestServer, TestServer, TestServer];
    await second.query('STOP REPLICA');
    await source.kill();
    const seen = await report(leaf);
    expect(seen.roots).toEqual([source.address]);
    expect(shape(seen)).toMatchObject({ [source.address]: [first.address], [first.address]: [leaf.address] });
    expect(seen.servers.find(({ server }) => server === source.address)).toMatchObject({
      state: 'dead',
      code: 'server-unreachable',
    });
    // Nobody living knows of the other replica; it knows of its source.
    expect(shape(await report(second))).toMatchObject({ [source.address]: [second.address] });
    await first.freeze();
    const frozen = await report(leaf);
    expect(frozen.servers.find(({ server }) => server === first.address)).toMatchObject({ state: 'dead' });
    expect((await show(leaf)).stdout).toMatch(new RegExp(`^${first.address} +dead: .*\n└─ ${leaf.address} `));
    await first.resume();
    await source.restart();
  });

  test('two that replicate from each other', async () => {
    const [source, first] = topology.servers as [TestServer, TestServer];
    // Both have lost their source in the test before, and connect anew in their own time.
    for (const server of [first, leaf]) {
      const reads = async (): Promise<boolean> => (await replicationStatus(server))?.ioRunning === true;
      await until(`${server.name} reads again`, reads);
    }
    await changeSource(source, first);
    const seen = await report(source);
    expect(seen.roots).toEqual([source.address]);
    expect(shape(seen)).toMatchObject({
      [source.address]: expect.arrayContaining([first.address]) as string[],
      [first.address]: expect.arrayContaining([source.address, leaf.address]) as string[],
    });
    expect((await show(source)).stdout).toMatch(new RegExp(`${source.address} +\\(shown above\\)`));
  });

  test('with the rights that the agent needs: what can’t be seen is said', async () => {
    const { source } = topology;
    await source.query("CREATE USER reader IDENTIFIED BY 'r'");
    await source.query(`GRANT ${agentPrivileges(source)} ON *.* TO reader`);
    const result = await runWaymark(
      ['topology', '--server', source.address, '--json', '--get-server-public-key'],
      {
        WAYMARK_USER: 'reader',
        WAYMARK_PASSWORD: 'r',
      },
    );
    const [first] = (documentOf(result) as Report).servers;
    if (source.vendor === 'mysql') expect(first?.['notes']).toEqual([]);
    else expect(first?.['notes']).toEqual([expect.stringContaining('GRANT REPLICATION MASTER ADMIN')]);
  });

  test('nobody answers', async () => {
    const result = await runWaymark(['topology', '--server', '127.0.0.1:1', '--json'], {
      WAYMARK_USER: 'a',
      WAYMARK_PASSWORD: 'b',
    });
    expect(result.code).toBe(1);
    expect(documentOf(result)).toMatchObject({ error: { code: 'server-unreachable' } });
  });
});

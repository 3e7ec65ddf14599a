import { expect, test } from 'vitest';
import { addChannel, startServer, type TestServer } from '../../servers/index.js';
import { defaultKind } from '../../servers/kind.js';
import { isMove } from '../../support/agent-process.js';
import { type AgentConfig, scenario, type ScenarioOptions } from '../../support/scenario.js';
import { documentOf, runWaymark } from '../../unit/cli/waymark.js';

const { vendor, settings } = defaultKind();
const hasGtids = vendor === 'mariadb' || settings['gtid_mode'] !== 'OFF';

/** A server with a replication domain of its own, where there are domains. */
async function withOtherSource(use: (other: TestServer) => Promise<void>): Promise<void> {
  const other = await startServer(vendor === 'mariadb' ? { settings: { gtid_domain_id: 9 } } : {});
  try {
    await other.query('CREATE DATABASE other');
    await other.query('CREATE TABLE other.rows_there (id INT PRIMARY KEY)');
    await use(other);
  } finally {
    await other.stop();
  }
}

const anchors: readonly (readonly [string, Omit<ScenarioOptions, 'topology'>])[] = [
  ['hints', { config: { anchors: 'hints' }, hintsEveryMs: 400 }],
  ...(hasGtids ? [['GTIDs', { config: { anchors: 'gtid' }, hintsEveryMs: 0 }] as const] : []),
];

test.each(anchors)(
  'a member that replicates from a second source is refused by name; by %s',
  { timeout: 180_000 },
  async (_, options) => {
    await withOtherSource(async (other) => {
      await scenario({ topology: { replicas: 3 }, ...options }, async (stage) => {
        const mixed = stage.replica(1);
        const agent = await stage.startAgent();
        await stage.startLoad();
        await stage.delivered(100);
        await mixed.query('CREATE DATABASE other');
        await mixed.query('CREATE TABLE other.rows_there (id INT PRIMARY KEY)');
        await addChannel(mixed, other, 'second');
        await other.query('INSERT INTO other.rows_there VALUES (1)');
        await stage.committed(50);
        await stage.replica(0).kill();
        const done = await agent.waitForEvent('failover.done', isMove);
        expect(done).toMatchObject({ to: stage.replica(2).address });
        const rejected = await agent.waitForEvent(
          'candidate.rejected',
          ({ server }) => server === mixed.address,
        );
        expect(String(rejected['reason'])).toMatch(/is a multi-source replica \((channels|connections): /);
        expect(String(rejected['reason'])).toContain(`${other.address} as second`);
        await stage.finish();

        // Nor does a stream go on where it was, if that server has got a second source meanwhile.
        const readLast = stage.replica(2);
        await addChannel(readLast, other, 'second');
        const restarted = await stage.launchAgent();
        const again = await restarted.waitForEvent(
          'candidate.rejected',
          ({ server }) => server === readLast.address,
        );
        expect(String(again['reason'])).toContain('is a multi-source replica');
        expect(restarted.all('stream.started')).toEqual([]);
        await restarted.kill();

        const alone: AgentConfig = { stream: 'alone', servers: [mixed.address] };
        const refused = await stage.launchAgent(alone);
        expect((await refused.ended).code, refused.log()).toBeGreaterThan(0);
        expect(refused.all('stopped')[0]).toMatchObject({ code: 'unsuitable-server' });
        expect(refused.all('stream.started')).toEqual([]);
        const check = documentOf(await runWaymark(['check', '-c', refused.configFile, '--json']));
        expect(check['findings']).toContainEqual(
          expect.objectContaining({ code: 'multi-source', server: mixed.address, run: 'refuses' }),
        );
      });
    });
  },
);

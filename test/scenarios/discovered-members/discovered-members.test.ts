import { expect, test } from 'vitest';
import { type TestServer } from '../../servers/index.js';
import { scenario } from '../../support/scenario.js';

/** Lets the agent's account see who replicates from a server. */
async function letList(source: TestServer): Promise<void> {
  if (source.vendor === 'mariadb')
    await source.query("GRANT REPLICATION MASTER ADMIN ON *.* TO 'waymark'@'%'");
}

test(
  'a replica joins while the agent runs, and takes over; a dead one leaves; a restart finds them again',
  { timeout: 240_000 },
  async () => {
    await scenario({ topology: { replicas: 1 } }, async (stage) => {
      const { topology, source } = stage;
      const configured = stage.replica(0);
      await letList(source);
      const config = { servers: [configured.address], discover: { dropAfter: '10s' } };
      const agent = await stage.startAgent(config);
      await stage.startLoad({ rate: 80 });
      await stage.delivered(300);

      const [second, third] = [await topology.addReplica(), await topology.addReplica()];
      for (const { address } of [second, third]) {
        await agent.waitForEvent('member.discovered', ({ server }) => server === address);
      }
      await topology.waitForReplicas();
      await stage.hints.next();
      await stage.delivered(200);
      await configured.kill();
      const done = await agent.waitForEvent('failover.done', ({ from }) => from === configured.address);
      const taken = [second, third].find(({ address }) => address === done['to'])!;
      const spare = taken === second ? third : second;
      await stage.delivered(200);

      const dropped = agent.next('member.dropped', ({ server }) => server === spare.address);
      await spare.kill();
      await dropped;
      // A configured member always stays.
      expect(agent.all('member.dropped').map(({ server }) => server)).toEqual([spare.address]);

      await spare.restart();
      await agent.next('member.discovered', ({ server }) => server === spare.address);

      // Of the configured members none is there: the checkpoint knows one that was discovered.
      await stage.stopAgent();
      const restarted = await stage.startAgent(config);
      expect(restarted.all('stream.started')[0]).toMatchObject({
        server: taken.address,
        confidence: 'exact',
      });
      expect(restarted.all('member.discovered')).toContainEqual(
        expect.objectContaining({ server: taken.address, by: 'the checkpoint' }),
      );
      await restarted.waitForEvent('member.discovered', ({ server }) => server === spare.address);
      await topology.waitForReplicas();
      await stage.hints.next();
      await taken.kill();
      await restarted.waitForEvent('failover.done', ({ to }) => to === spare.address);
      await stage.committed(30);
      await stage.finish();
    });
  },
);

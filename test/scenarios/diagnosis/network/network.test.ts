import { expect, test } from 'vitest';
import { Network } from '../../../support/network.js';
import { isMove } from '../../../support/agent-process.js';
import { scenario } from '../../../support/scenario.js';

const obstacle = await Network.obstacle();
const why = obstacle === '' ? '' : ` (skipped: ${obstacle})`;

test.skipIf(obstacle !== '')(
  `cut off from the replica that is read, then from everybody: unreachable, isolated${why}`,
  async () => {
    const network = await Network.make(3);
    const [toA, toB, toSource] = network.links;
    if (!toA || !toB || !toSource) throw new Error('a link is missing');
    const addresses = ['127.0.0.1', ...network.links.map(({ host }) => host)];
    const topology = { settings: { bind_address: addresses.join(',') } };
    try {
      await scenario({ topology, agent: { namespace: network.name } }, async (stage) => {
        const a = `${toA.host}:${stage.replica(0).port}`;
        const b = `${toB.host}:${stage.replica(1).port}`;
        const source = `${toSource.host}:${stage.source.port}`;
        const agent = await stage.startAgent({ servers: [a, b], source });
        await stage.startLoad();
        await stage.delivered(200);
        await stage.hints.next();

        await toA.cut();
        const done = await agent.waitForEvent('failover.done', isMove);
        expect(done).toMatchObject({ from: a, to: b, finding: 'unreachable', confidence: 'exact' });
        await toA.mend();
        await stage.delivered(100);

        const started = agent.all('failover.started').length;
        const isolated = agent.next('stream.isolated');
        await Promise.all(network.links.map((link) => link.cut()));
        expect(await isolated).toMatchObject({ server: b });
        await stage.committed(40);
        const back = agent.next('failover.done', ({ from }) => from === b);
        await Promise.all(network.links.map((link) => link.mend()));
        expect(await back).toMatchObject({ to: b, finding: 'stream-broken' });
        expect(agent.all('failover.started')).toHaveLength(started);
        await stage.committed(40);
        await stage.finish();
        expect(stage.moves()).toHaveLength(1);
      });
    } finally {
      await network.remove();
    }
  },
);

import { expect, test } from 'vitest';
import { defaultKind } from '../../servers/kind.js';
import { BinlogServer, type BinlogServerOptions } from '../../support/binlog-server.js';
import { type Scenario, scenario } from '../../support/scenario.js';

/** With a binlog server that copies the first replica's log. */
async function withCopy(
  options: BinlogServerOptions,
  play: (stage: Scenario, copy: BinlogServer) => Promise<void>,
): Promise<void> {
  await scenario({}, async (stage) => {
    const copy = await BinlogServer.start(stage.replica(0), options);
    try {
      await play(stage, copy);
    } finally {
      await stage.agent.kill();
      await copy.stop();
    }
  });
}

test('from a replica to the binlog server that copies its log, and back: the coordinates stay what they are', async () => {
  // It doesn't list its logs: there is no way but by the coordinates. (Where the order of commits isn't known, as with
  // MySQL, the file before must be known as well.)
  const listsLogs = defaultKind().vendor === 'mysql';
  await withCopy({ listsLogs }, async (stage, copy) => {
    const replica = stage.replica(0);
    const servers = [replica.address, { address: copy.address, kind: 'binlog-server' }];
    const agent = await stage.startAgent({ servers });
    await stage.startLoad();
    await stage.delivered(200);
    await stage.hints.next();
    await replica.kill();
    await agent.waitForEvent('failover.done', ({ to }) => to === copy.address);
    await replica.restart();
    await stage.committed(60);
    await stage.level();
    await stage.hints.next();
    await stage.delivered(50);
    await copy.kill();
    await agent.waitForEvent('failover.done', ({ to }) => to === replica.address);
    await stage.committed(40);
    const verdict = await stage.finish();
    expect(Object.keys(verdict.servers)).toEqual([replica.address, copy.address]);
    // What the agent noted of the replica itself may serve on the way back; on the way there only the coordinates did.
    const [located] = agent.all('candidate.located').filter(({ server }) => server === copy.address);
    expect(located).toMatchObject({ filesProbed: 1 });
  });
});

test('from another replica to a binlog server, which nobody has declared, and from it', async () => {
  await withCopy({}, async (stage, copy) => {
    const other = stage.replica(1);
    const agent = await stage.startAgent({ servers: [other.address, copy.address] });
    await stage.startLoad();
    await stage.delivered(200);
    await stage.hints.next();
    await other.kill();
    await agent.waitForEvent('failover.done', ({ to }) => to === copy.address);
    await stage.committed(60);
    await other.restart();
    await stage.level();
    await stage.hints.next();
    await stage.delivered(50);
    await copy.kill();
    await agent.waitForEvent('failover.done', ({ to }) => to === other.address);
    await stage.committed(40);
    await stage.finish();
  });
});

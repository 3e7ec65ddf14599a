import { expect, test } from 'vitest';
import { defaultKind } from '../../servers/kind.js';
import { type Ending, type Format, holdsInFile, writeRolledBack } from '../../support/rollbacks.js';
import { type Scenario, scenario } from '../../support/scenario.js';

const isMariadb = defaultKind().vendor === 'mariadb';
const why = isMariadb ? '' : ' (skipped: MySQL writes no rows that were rolled back)';

const smallRows = 20;
const largeRows = 2_000_000;

/** A transaction that is held may cost this much memory: a few MB, what is read at once, and garbage. */
const memoryMargin = 125 * 1024 * 1024;

const endings: readonly Ending[] = ['rollback', 'savepoint', 'killed'];

/** MySQL logs what was rolled back for sessions that log statements alone. */
function formatsOf({ source }: Scenario): readonly Format[] {
  return source.vendor === 'mariadb' ? ['ROW', 'MIXED'] : ['ROW', 'STATEMENT'];
}

/** Small transactions of every kind that are taken back, among the load's. */
async function writeSmall(stage: Scenario): Promise<void> {
  for (const format of formatsOf(stage)) {
    for (const ending of endings) {
      // That a savepoint is rolled back to leaves statements that were committed.
      if (format === 'STATEMENT' && ending === 'savepoint') continue;
      // MySQL makes no temporary table in a transaction that logs statements where GTIDs are to be consistent.
      const written = writeRolledBack(stage.source, smallRows, ending, format);
      if (format === 'STATEMENT') await written.catch(() => undefined);
      else await written;
    }
  }
}

test('transactions of 20 rows that are rolled back, cut, and lost with their connections; the replica is killed', async () => {
  await scenario({}, async (stage) => {
    await stage.startAgent();
    await stage.startLoad({ rate: 40 });
    await stage.delivered(100);
    for (let round = 0; round < 3; round += 1) await writeSmall(stage);
    await stage.hints.next();
    const writing = (async () => {
      for (let round = 0; round < 5; round += 1) await writeSmall(stage);
    })();
    await stage.replica(0).kill();
    await stage.switched(stage.replica(1));
    await writing;
    await writeSmall(stage);
    const verdict = await stage.finish();
    expect(Object.keys(verdict.servers)).toHaveLength(2);
  });
});

test('the next server is the source, whose log has what its replicas do not log', async () => {
  await scenario({}, async (stage) => {
    const servers = [stage.replica(0).address, stage.source.address];
    const agent = await stage.startAgent({ servers });
    await stage.startLoad({ rate: 40 });
    await stage.delivered(100);
    const write = async (): Promise<void> => {
      for (const ending of endings) await writeRolledBack(stage.source, smallRows, ending);
    };
    for (let round = 0; round < 5; round += 1) await write();
    await stage.hints.next();
    await write();
    const done = agent.next('failover.done', ({ to }) => to === stage.source.address);
    await stage.replica(0).kill();
    await done;
    await write();
    await stage.finish();
  });
});

test.skipIf(!isMariadb)(
  `2,000,000 rows that are rolled back: the replica is killed while they are held, memory stays as it is${why}`,
  { timeout: 600_000 },
  async () => {
    await scenario({ agent: { limitMs: 550_000 } }, async (stage) => {
      const agent = await stage.startAgent();
      await stage.startLoad({ rate: 20 });
      await stage.delivered(100);
      const before = agent.peakRssBytes;
      const held = holdsInFile(agent);
      await writeRolledBack(stage.source, largeRows, 'rollback', 'MIXED');
      await stage.hints.next();
      await held;
      await stage.replica(0).kill();
      await stage.agent.waitForEvent('failover.done', ({ to }) => to === stage.replica(1).address, 200_000);
      await writeSmall(stage);
      await stage.load.stop();
      await stage.level(200_000);
      await stage.stopAgent();
      const verdict = await stage.judge();
      expect(Object.keys(verdict.servers)).toHaveLength(2);
      expect(agent.peakRssBytes - before).toBeLessThan(memoryMargin);
    });
  },
);

test.skipIf(!isMariadb)(
  `2,000,000 rows whose connection is killed, read from the source; the agent is killed while they are held${why}`,
  { timeout: 600_000 },
  async () => {
    await scenario({ topology: { replicas: 0 }, agent: { limitMs: 550_000 } }, async (stage) => {
      const config = { servers: [stage.source.address] };
      const agent = await stage.startAgent(config);
      await stage.startLoad({ rate: 20 });
      await stage.delivered(100);
      const before = agent.peakRssBytes;
      const held = holdsInFile(agent);
      await writeRolledBack(stage.source, largeRows, 'killed');
      await held;
      await agent.kill();
      const next = await stage.startAgent(config);
      await writeSmall(stage);
      await stage.load.stop();
      await stage.level(200_000);
      await stage.stopAgent();
      await stage.judge();
      for (const { peakRssBytes } of [agent, next]) expect(peakRssBytes - before).toBeLessThan(memoryMargin);
    });
  },
);

import { expect, test } from 'vitest';
import { isMeant } from '../../servers/index.js';
import { bigRows, inTheMiddle } from '../../support/big-transaction.js';
import { type Scenario, scenario } from '../../support/scenario.js';
import {
  createPartlyTables,
  type SessionSetting,
  settingsOf,
  startPartly,
} from '../../support/session-settings.js';

/** Goes from a replica to the source and, with another agent, back, while sessions write so that the two log otherwise. */
async function thereAndBack(stage: Scenario, settings: readonly SessionSetting[]): Promise<unknown[]> {
  const [replica, { source }] = [stage.replica(0), stage];
  await createPartlyTables(source);
  const partly = await startPartly(source, settings);
  const agent = await stage.startAgent({ servers: [replica.address, source.address] });
  await stage.startLoad({ rate: 60 });
  await stage.delivered(300);
  await stage.hints.next();
  await replica.kill();
  const done = await agent.waitForEvent('failover.done', ({ to }) => to === source.address);
  await stage.committed(60);
  await stage.hints.next();
  await stage.level();
  await stage.agent.kill();
  await replica.restart();
  await stage.topology.waitForReplicas();
  const restarted = await stage.startAgent({ servers: [replica.address] });
  const [back] = restarted.all('stream.started');
  expect(back).toMatchObject({ server: replica.address });
  await stage.committed(40);
  await partly.stop();
  return [done['confidence'], back?.['confidence']];
}

test('sessions log images in part: no difference between source and replica, and the switch says that shapes had to do', async () => {
  await scenario({ topology: { replicas: 1 } }, async (stage) => {
    const settings = settingsOf(stage.source).filter((setting) => setting !== 'statements');
    expect(await thereAndBack(stage, settings)).toEqual(['shape', 'shape']);
    await stage.finish(['shape']);
  });
});

test('sessions log statements: no difference, and the switch says that they could not be compared', async () => {
  await scenario({ topology: { replicas: 1 } }, async (stage) => {
    expect(await thereAndBack(stage, settingsOf(stage.source))).toEqual(['unverified', 'unverified']);
    await stage.finish(['unverified']);
  });
});

/** From MariaDB a transaction is delivered when its end has come: none is cut off. */
const isMySql = await isMeant('mysql');
const why = isMySql ? '' : ' (skipped: MariaDB)';

test.skipIf(!isMySql)(
  `the replica is killed in the middle of a transaction that the source logs in part${why}`,
  async () => {
    await scenario({ topology: { replicas: 1 } }, async (stage) => {
      const [replica, { source }] = [stage.replica(0), stage];
      await source.query('CREATE DATABASE partly');
      await source.query('CREATE TABLE partly.aside (id INT PRIMARY KEY, x INT, note VARCHAR(300))');
      const agent = await stage.startAgent({ servers: [replica.address, source.address] });
      await stage.startLoad({ rate: 40 });
      await stage.delivered(100);
      await stage.hints.next();
      await writeLargePartly(stage);
      await inTheMiddle(stage);
      const started = agent.next('failover.started');
      await replica.kill();
      const cut = await started;
      expect(cut['partialChanges']).toBeGreaterThan(1000);
      expect(cut['partialChanges']).toBeLessThan(bigRows);
      await agent.waitForEvent('failover.done', ({ to }) => to === source.address);
      const unproved = await agent.waitForEvent('transaction.unproved');
      expect(unproved).toMatchObject({ server: source.address, changes: cut['partialChanges'] });
      const verdict = await stage.finish(['exact']);
      expect(verdict.delivered).toBeGreaterThan(bigRows);
    });
  },
);

/** One transaction: images in part first, of a table that is not delivered, and then many rows that are. */
async function writeLargePartly({ source }: Scenario): Promise<void> {
  const connection = await source.connect({ database: 'shop' });
  try {
    await connection.query("SET SESSION binlog_row_image = 'MINIMAL'");
    const digits =
      '(SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)';
    const number = 'a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d + 100000 * g.d';
    const crossed = ['a', 'b', 'c', 'e', 'f', 'g'].map((name) => `${digits} ${name}`).join(' CROSS JOIN ');
    await connection.query("INSERT INTO partly.aside VALUES (1, 1, REPEAT('x', 200))");
    await connection.query('BEGIN');
    await connection.query('UPDATE partly.aside SET x = 2 WHERE id = 1');
    await connection.query(
      `INSERT INTO bulk SELECT 90000000 + n.number, CONCAT('row ', n.number, REPEAT('.', 180)), n.number / 100
       FROM (SELECT ${number} AS number FROM ${crossed}) n WHERE n.number < ? ORDER BY n.number`,
      [bigRows],
    );
    await connection.query('UPDATE partly.aside SET x = 3 WHERE id = 1');
    await connection.query('COMMIT');
  } finally {
    connection.destroy();
  }
}

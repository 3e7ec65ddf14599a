import { expect, test } from 'vitest';
import { scenario } from '../../support/scenario.js';

test('the candidate has transactions of its own: they are left out, counted, and warned about', async () => {
  await scenario({}, async (stage) => {
    const agent = await stage.startAgent();
    await stage.startLoad();
    const candidate = stage.replica(1);
    await stage.delivered(200);
    // Of the other replica, that is: this one may not even have the table yet.
    await stage.topology.waitForReplicas([candidate]);
    await candidate.query("INSERT INTO shop.journal VALUES (99, NULL, 'written on the replica, before')");
    await stage.hints.next();
    await stage.delivered(100);
    await candidate.query(
      "INSERT INTO shop.journal VALUES (99, NULL, 'written on the replica, a hint later')",
    );
    await stage.replica(0).kill();
    await agent.waitForEvent('failover.done', ({ to }) => to === candidate.address);
    await candidate.query(
      "INSERT INTO shop.journal VALUES (99, NULL, 'written on the replica, after the switch')",
    );
    await stage.committed(40);
    await candidate.query('DELETE FROM shop.journal WHERE writer = 99');
    await stage.finish();
    const warnings = agent.all('transaction.errant');
    expect(warnings.length).toBeGreaterThanOrEqual(2);
    expect(warnings.at(-1)).toMatchObject({ server: candidate.address, errant: warnings.length });
  });
});

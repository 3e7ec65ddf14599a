import { expect, test } from 'vitest';
import { bigRows, inTheMiddle, writeBigTransaction } from '../../support/big-transaction.js';
import { scenario } from '../../support/scenario.js';

const kills = 5;

test('the agent is killed again and again, and goes on where it was', async () => {
  await scenario({}, async (stage) => {
    await stage.startAgent();
    const load = await stage.startLoad({ rate: 200 });
    for (let kill = 0; kill < kills; kill += 1) {
      await stage.delivered(150);
      await stage.agent.kill();
      await stage.committed(20);
      await stage.startAgent();
    }
    load.setRate(40);
    const verdict = await stage.finish();
    expect(stage.agents).toHaveLength(kills + 1);
    expect(Object.keys(verdict.servers)).toEqual([stage.replica(0).address]);
  });
});

test('the agent is killed in the middle of a transaction of 200,000 rows', async () => {
  await scenario({}, async (stage) => {
    await stage.startAgent();
    await stage.startLoad({ rate: 40 });
    await stage.delivered(100);
    await writeBigTransaction(stage);
    await inTheMiddle(stage);
    await stage.agent.kill();
    await stage.startAgent();
    expect(stage.events('sink.cut-off')[0]?.['records']).toBeGreaterThan(1000);
    const verdict = await stage.finish();
    expect(verdict.delivered).toBeGreaterThan(bigRows);
  });
});

import { expect, test } from 'vitest';
import { bigRows, inTheMiddle, writeBigTransaction } from '../../support/big-transaction.js';
import { scenario } from '../../support/scenario.js';
import { SlowReader } from '../../support/slow-reader.js';

test('who reads slowly slows the agent down, and its memory stays as it is', async () => {
  await scenario({ config: { sink: { type: 'stdout' } } }, async (stage) => {
    const reader = new SlowReader(stage.audit);
    const agent = await stage.startAgent({}, reader.read);
    await stage.startLoad({ rate: 40 });
    await stage.delivered(100);
    const before = agent.peakRssBytes;
    reader.restMs = 8;
    await writeBigTransaction(stage);
    await inTheMiddle(stage);
    await stage.delivered(bigRows / 3);
    reader.restMs = 0;
    const verdict = await stage.finish();
    expect(verdict.delivered).toBeGreaterThan(bigRows);
    console.log(
      `peak RSS before: ${Math.round(before / 2 ** 20)} MB, after: ${Math.round(agent.peakRssBytes / 2 ** 20)} MB`,
    );
  });
});

test('the replica is killed while a slow reader has not taken everything yet', async () => {
  await scenario({ config: { sink: { type: 'stdout' } } }, async (stage) => {
    const reader = new SlowReader(stage.audit);
    const agent = await stage.startAgent({}, reader.read);
    await stage.startLoad({ rate: 40 });
    await stage.delivered(100);
    await stage.hints.next();
    reader.restMs = 8;
    await writeBigTransaction(stage);
    await inTheMiddle(stage);
    const started = agent.next('failover.started');
    await stage.replica(0).kill();
    await started;
    reader.restMs = 0;
    expect(await stage.switched(stage.replica(1))).toMatchObject({ finding: 'dead' });
    await stage.finish();
  });
});

import { expect, test } from 'vitest';
import type { TestZooKeeper } from '../../../servers/index.js';
import { until } from '../../../servers/wait.js';
import { pair } from '../../../support/pair.js';

test('the ensemble loses its leader: the stream goes on, with this leader or the next', async () => {
  await pair('ensemble', async (two) => {
    await two.start();
    await two.stage.startLoad({ rate: 80 });
    await two.stage.delivered(100);
    const leader = (): Promise<TestZooKeeper | false> => two.ensemble.leader().catch(() => false);
    const killed = await until('the ensemble has a leader', leader);
    await killed.kill();
    await two.stage.delivered(200);
    expect(await until('the ensemble has another leader', leader)).not.toBe(killed);
    await two.finish();
  });
});

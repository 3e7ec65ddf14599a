import { expect, test } from 'vitest';
import { pair } from '../../../support/pair.js';

test('the ensemble loses its leader: the stream goes on, with this leader or the next', async () => {
  await pair('ensemble', async (two) => {
    await two.start();
    await two.stage.startLoad({ rate: 80 });
    await two.stage.delivered(100);
    const killed = await two.ensemble.leader();
    await killed.kill();
    await two.stage.delivered(200);
    expect(await two.ensemble.leader()).not.toBe(killed);
    await two.finish();
  });
});

import { expect, test } from 'vitest';
import { pair } from '../../../support/pair.js';

test('the election server is restarted, and killed and comes back: one of the two goes on', async () => {
  await pair('mysql', async (two) => {
    const { elector } = two;
    if (elector === null) throw new Error('there is no election server');
    await two.start();
    await two.stage.startLoad({ rate: 100 });
    await two.stage.delivered(100);
    await elector.restart();
    await two.stage.delivered(100);
    const before = two.stage.events('leader.acquired').length;
    const { name, token } = two.leader;
    await elector.kill();
    await two.loses(name, token);
    await elector.restart();
    await two.eitherLeads(token);
    await two.stage.delivered(100);
    await two.finish();
    expect(two.stage.events('leader.acquired').length).toBeGreaterThan(before);
  });
});

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
    const token = Math.max(two.token('one'), two.token('two'));
    await elector.kill();
    const leader = two.token('one') > two.token('two') ? 'one' : 'two';
    await two.agent(leader).waitForEvent('leader.lost', ({ token: lost }) => lost === token);
    await elector.restart();
    await Promise.any([two.leads('one', token), two.leads('two', token)]);
    await two.stage.delivered(100);
    await two.finish();
    expect(two.stage.events('leader.acquired').length).toBeGreaterThan(before);
  });
});

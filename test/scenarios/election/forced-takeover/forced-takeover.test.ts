import { expect, test } from 'vitest';
import { backends, pair } from '../../../support/pair.js';
import { until } from '../../../servers/wait.js';

test.each(backends)('the leader is told to give up, in favour of the other (%s)', async (backend) => {
  await pair(backend, async (two) => {
    await two.start();
    await two.stage.startLoad({ rate: 80 });
    await two.stage.delivered(100);
    const report = await two.command('leader', 'reelect');
    expect(report).toMatchObject({ code: 0 });
    expect(await two.agent('one').waitForEvent('leader.lost')).toMatchObject({ token: two.token('one') });
    await two.leads('two', two.token('one'));
    await two.stage.delivered(100);
    await until('the first one stands by', () => Promise.resolve(two.agent('one').all('standby').length > 0));
    await two.command('leader', 'reelect');
    await two.leads('one', two.token('two'));
    await two.stage.delivered(100);
    await two.finish();
  });
});

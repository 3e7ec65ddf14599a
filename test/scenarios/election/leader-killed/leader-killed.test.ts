import { expect, test } from 'vitest';
import { backends, pair } from '../../../support/pair.js';

test.each(backends)('the leader is killed: the other goes on where it was (%s)', async (backend) => {
  await pair(backend, async (two) => {
    await two.start();
    await two.stage.startLoad({ rate: 80 });
    await two.stage.delivered(100);
    await two.agent('one').kill();
    const killedAt = performance.now();
    await two.leads('two', two.token('one'));
    console.log(
      `${backend}: ${Math.round(performance.now() - killedAt)} ms from the kill to the new leader's reading`,
    );
    await two.stage.delivered(100);
    // And back: the one that was killed comes again, and stands by.
    await two.launch('one');
    await two.agent('one').waitForEvent('standby');
    await two.agent('two').kill();
    await two.leads('one', two.token('two'));
    await two.stage.delivered(100);
    await two.finish();
    expect(two.stage.events('leader.acquired').length).toBeGreaterThanOrEqual(3);
  });
});

import { expect, test } from 'vitest';
import { backends, pair } from '../../../support/pair.js';

test.each(backends)('leader and tailed replica are killed in the same second (%s)', async (backend) => {
  await pair(backend, async (two) => {
    await two.start();
    await two.stage.startLoad({ rate: 80 });
    await two.stage.delivered(100);
    await two.stage.hints.next();
    const token = two.token('one');
    // An engine of containers passes a kill on slowly: with the leader dead the other one might begin on that replica.
    await two.agent('one').freeze();
    await two.stage.replica(0).kill();
    await two.agent('one').kill();
    await two.leads('two', token);
    expect(two.agent('two').all('stream.started')[0]).toMatchObject({
      server: two.stage.replica(1).address,
      confidence: 'exact',
    });
    await two.stage.delivered(100);
    await two.finish();
  });
});

import { expect, test } from 'vitest';
import { backends, pair } from '../../../support/pair.js';

test.each(backends)('leader and tailed replica are killed in the same second (%s)', async (backend) => {
  await pair(backend, async (two) => {
    await two.start();
    await two.stage.startLoad({ rate: 80 });
    await two.stage.delivered(100);
    await two.stage.hints.next();
    await Promise.all([two.agent('one').kill(), two.stage.replica(0).kill()]);
    await two.leads('two', two.token('one'));
    expect(two.agent('two').all('stream.started')[0]).toMatchObject({
      server: two.stage.replica(1).address,
      confidence: 'exact',
    });
    await two.stage.delivered(100);
    await two.finish();
  });
});

import { expect, test } from 'vitest';
import { backends, pair } from '../../../support/pair.js';

test.each(backends)(
  'the leader is cut off from the election alone: it stops before the other begins (%s)',
  async (backend) => {
    await pair(backend, async (two) => {
      await two.start();
      await two.stage.startLoad({ rate: 80 });
      await two.stage.delivered(100);
      const token = two.token('one');
      two.proxy('one').block();
      const lost = await two.loses('one', token);
      const acquired = await two.leads('two', token);
      // One machine, one clock.
      expect(Date.parse(String(acquired['time']))).toBeGreaterThan(Date.parse(String(lost['time'])));
      await two.stage.delivered(100);
      two.proxy('one').unblock();
      // It stands by again, and is good for it.
      await two.agent('two').kill();
      await two.leads('one', two.token('two'));
      await two.stage.delivered(100);
      await two.finish();
    });
  },
);

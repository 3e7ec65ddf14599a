import { expect, test } from 'vitest';
import { backends, pair } from '../../../support/pair.js';

test.each(backends)('both agents are restarted at once, again and again (%s)', async (backend) => {
  await pair(backend, async (two) => {
    await two.start();
    await two.stage.startLoad({ rate: 100 });
    for (const end of ['kill', 'stop'] as const) {
      await two.stage.delivered(100);
      const { token } = two.leader;
      await Promise.all([two.agent('one')[end](), two.agent('two')[end]()]);
      await Promise.all([two.launch('one'), two.launch('two')]);
      await two.eitherLeads(token);
    }
    await two.stage.delivered(100);
    await two.finish();
    // One that stops in order hands over, to one that is about to stop as well.
    expect(two.stage.events('leader.acquired').length).toBeGreaterThanOrEqual(3);
  });
});

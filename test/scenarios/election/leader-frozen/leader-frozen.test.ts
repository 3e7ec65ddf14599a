import { statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { backends, leaseMs, pair } from '../../../support/pair.js';

test.each(backends)('the leader is frozen for longer than its lease, and goes on (%s)', async (backend) => {
  await pair(backend, async (two) => {
    await two.start();
    await two.stage.startLoad({ rate: 80 });
    await two.stage.delivered(100);
    const frozen = two.agent('one');
    await frozen.freeze();
    const frozenAt = performance.now();
    const { token } = await two.leads('two', two.token('one'));
    expect(performance.now() - frozenAt).toBeGreaterThan(leaseMs / 2);
    await two.stage.delivered(100);
    const saved = frozen.all('checkpoint.saved').length;
    frozen.resume();
    // It has slept through everything and was in the middle of its work: whatever it tries is refused.
    expect(await frozen.waitForEvent('leader.lost')).toMatchObject({ token: two.token('one') });
    expect(await frozen.waitForEvent('write.refused')).toMatchObject({ newerToken: token });
    await two.stage.delivered(100);
    expect(frozen.all('checkpoint.saved')).toHaveLength(saved);
    expect(statSync(two.stage.audit).size).toBeGreaterThan(0);
    await two.finish();
  });
});

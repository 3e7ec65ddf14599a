import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { backends, pair } from '../../../support/pair.js';

const clockAhead = fileURLToPath(new URL('../../../support/clock-ahead.mjs', import.meta.url));

// The wall clock of one agent is set an hour ahead inside of its process (all that reads it there is JavaScript): no
// decision about leadership may notice.
test.each(backends)('the clocks of the agents are an hour apart (%s)', async (backend) => {
  await pair(backend, async (two) => {
    const ahead = { environment: { NODE_OPTIONS: `--import=${clockAhead}` } };
    await two.start({ two: ahead });
    const [early, late] = [two.agent('one').events[0], two.agent('two').events[0]];
    const apart = Date.parse(String(late?.['time'])) - Date.parse(String(early?.['time']));
    expect(apart).toBeGreaterThan(3_500_000);
    await two.stage.startLoad({ rate: 80 });
    await two.stage.delivered(100);
    expect(two.agent('two').all('leader.acquired')).toEqual([]);
    await two.agent('one').kill();
    await two.leads('two', two.token('one'));
    await two.launch('one');
    await two.agent('one').waitForEvent('standby');
    await two.stage.delivered(100);
    expect(two.agent('one').all('leader.acquired')).toEqual([]);
    await two.agent('two').kill();
    await two.leads('one', two.token('two'));
    await two.stage.delivered(100);
    await two.finish();
  });
});

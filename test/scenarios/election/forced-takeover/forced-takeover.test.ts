import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { backends, pair } from '../../../support/pair.js';
import { documentOf, runWaymark } from '../../../unit/cli/waymark.js';

const otherHost = fileURLToPath(new URL('../../../support/other-host.mjs', import.meta.url));

test.each(backends)('the leader is told to give up, in favour of the other (%s)', async (backend) => {
  await pair(backend, async (two) => {
    await two.start();
    await two.stage.startLoad({ rate: 80 });
    await two.stage.delivered(100);
    const token = two.token('one');
    const standby = two.agent('one').next('standby');
    const report = await two.command('leader', 'reelect');
    expect(report).toMatchObject({ code: 0 });
    await two.loses('one', token);
    await two.leads('two', token);
    await two.stage.delivered(100);
    await standby;
    await two.command('leader', 'reelect');
    await two.leads('one', two.token('two'));
    await two.stage.delivered(100);
    await two.finish();
  });
});

test.each(backends)('the other machine takes the stream, and gives it back (%s)', async (backend) => {
  await pair(backend, async (two) => {
    const environment = { NODE_OPTIONS: `--import=${otherHost}` };
    await two.start({ two: { environment } });
    const there = (action: string): ReturnType<typeof runWaymark> =>
      runWaymark(['leader', action, '-c', two.agent('two').configFile, '--json'], environment);
    await two.stage.startLoad({ rate: 80 });
    await two.stage.delivered(100);

    // Nobody gives up what runs elsewhere.
    const lost = two.agent('one').all('leader.lost').length;
    expect(await there('resign')).toMatchObject({ code: 1 });
    expect(two.agent('one').all('leader.lost')).toHaveLength(lost);

    const before = two.token('one');
    const standby = two.agent('one').next('standby');
    const taken = documentOf(await there('take'));
    expect(taken).toMatchObject({ leader: { host: 'other-host' } });
    expect(await two.loses('one', before)).toMatchObject({ why: 'asked' });
    const { token } = await two.leads('two', before);
    expect(taken).toMatchObject({ token });
    await two.stage.delivered(100);
    // Who leads already has nothing to take.
    expect(documentOf(await there('take'))).toMatchObject({ leader: { host: 'other-host' }, token });

    await standby;
    const given = documentOf(await there('resign'));
    expect(await two.loses('two', Number(token))).toMatchObject({ why: 'asked' });
    expect(given).toMatchObject({ token: (await two.leads('one', Number(token)))['token'] });
    await two.stage.delivered(100);
    await two.finish();
  });
});

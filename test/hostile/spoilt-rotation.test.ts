import { expect, test } from 'vitest';
import { rotationSpoiler } from '../support/spoiler.js';
import { spoiltMemberIsLeft } from '../support/spoilt-member.js';

test('a rotation that leads nowhere: the member is left, and the next one taken', async () => {
  await spoiltMemberIsLeft(
    rotationSpoiler(),
    (stage) =>
      stage
        .replica(0)
        .query('FLUSH BINARY LOGS')
        .then(() => undefined),
    (agent) => {
      expect(agent.all('replica.suspect').map(({ code }) => code)).toContain('protocol');
    },
  );
});

import { expect, test } from 'vitest';
import { Secret } from '../../../src/config/secret.js';
import { findingsOf, Memory, type OutlookInput, viewsOf } from '../../../src/failover/outlook.js';
import type { Member } from '../../../src/failover/pool.js';
import { answers, mute, sight, source } from './sights.js';

const member = (name: string, priority = 0): Member => ({
  name,
  instance: { address: { host: name, port: 3306 }, account: { user: 'u', password: new Secret('p') } },
  priority,
  avoided: name === 'c',
});

const input: OutlookInput = {
  members: [member('a', 5), member('b'), member('c')],
  sights: [sight('b', mute('refused')), sight('a', answers()), source()],
  reading: { server: 'a', stream: { error: null, silentMs: 10 } },
  stalledAfterMs: 60_000,
};

test('members in the order of the pool, then the source', () => {
  const views = viewsOf(input, new Map([['b', 'it lacks the hint']]));
  expect(views.map(({ server, role, reading, finding }) => [server, role, reading, finding])).toEqual([
    ['a', 'member', true, 'healthy'],
    ['b', 'member', false, 'dead'],
    ['c', 'member', false, 'healthy'],
    ['db0:3306', 'source', false, 'healthy'],
  ]);
  expect(views.map(({ inTheWay }) => inTheWay)).toEqual([null, 'it lacks the hint', null, null]);
  expect(views[2]).toMatchObject({ avoided: true, evidence: null });
  expect(JSON.parse(JSON.stringify(views))).toEqual(views);
});

test('what is remembered: who has been healthy, and who was lost', () => {
  const memory = new Memory();
  const found = findingsOf(input);
  expect(memory.options(input.members, found).map(({ healthyForMs }) => healthyForMs)).toEqual([0, 0, 0]);
  memory.note(found);
  memory.lost('b');
  memory.switched();
  const [a, b, c] = memory.options(input.members, found);
  expect(a?.healthyForMs).toBeGreaterThanOrEqual(0);
  expect(a?.lostForMs).toBeNull();
  expect(b?.lostForMs).toBeGreaterThanOrEqual(0);
  expect([b?.healthyForMs, c?.healthyForMs]).toEqual([0, 0]);
  expect(memory.settings({ cooldownMs: 1, failbackAfterMs: null }).sinceSwitchMs).toBeGreaterThanOrEqual(0);
});

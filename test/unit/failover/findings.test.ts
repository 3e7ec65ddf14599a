import { expect, test } from 'vitest';
import { Secret } from '../../../src/config/secret.js';
import { findingsOf, type OutlookInput, viewsOf } from '../../../src/failover/findings.js';
import { remember } from '../../../src/failover/machine/decision.js';
import { choiceSettingsOf, noteFound, noteLost, optionsOf } from '../../../src/failover/machine/memory.js';
import { initialState } from '../../../src/failover/machine/state.js';
import type { Member } from '../../../src/pool/members.js';
import { answers, mute, sight, source } from '../pool/sights.js';
import { settings as defaults } from './machine/settings.js';

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

const initial = initialState(defaults).memory;

test('members in the order of the pool, then the source', () => {
  const views = viewsOf(input, { ...initial, obstacles: new Map([['b', 'it lacks the hint']]) });
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

test('a discovered member is marked', () => {
  const members = [member('a'), { ...member('b'), discovered: true as const }];
  expect(viewsOf({ ...input, members }, initial).map(({ role }) => role)).toEqual([
    'member',
    'discovered',
    'source',
  ]);
});

test('a member shows until when it was equal, except the one that is read: the others are held against it', () => {
  const span = { since: 1000, until: 5000, transactions: 7 };
  const equal = new Map([
    ['a', span],
    ['b', span],
  ]);
  const views = viewsOf(input, { ...initial, equal });
  expect(views.map((view) => view.equal)).toEqual([null, span, null, null]);
});

const settings = { ...defaults, cooldownMs: 1 };

test('what is remembered: who has been healthy, and who was lost', () => {
  const found = findingsOf(input);
  const before = remember(initialState(settings), { pool: input.members });
  expect(optionsOf(before.memory, found, 5).map(({ healthyForMs }) => healthyForMs)).toEqual([0, 0, 0]);
  const noted = noteLost(noteFound(noteFound(before, found, 10), found, 20), 'b', 30);
  const [a, b, c] = optionsOf(noted.memory, found, 100);
  expect([a?.healthyForMs, b?.healthyForMs, c?.healthyForMs]).toEqual([90, 0, 0]);
  expect([a?.lostForMs, b?.lostForMs, c?.lostForMs]).toEqual([null, 70, null]);
  const switched = remember(noted, { switchedAtMs: 40 });
  expect(choiceSettingsOf(switched.memory, 100)).toMatchObject({ cooldownMs: 1, sinceSwitchMs: 60 });
});

test('another server at an address has been healthy since it is there', () => {
  const seenAs = (uuid: string | null) =>
    findingsOf({ ...input, sights: [sight('a', { ...answers(), uuid }), source()] });
  const healthyForMs = (uuids: readonly (string | null)[]): number | undefined => {
    let state = remember(initialState(settings), { pool: input.members });
    for (const [index, uuid] of uuids.entries()) state = noteFound(state, seenAs(uuid), 10 * index);
    return optionsOf(state.memory, seenAs('u'), 100)[0]?.healthyForMs;
  };
  expect(healthyForMs(['u', 'u'])).toBe(100);
  expect(healthyForMs(['u', 'v'])).toBe(90);
  expect(healthyForMs(['u', null])).toBe(100);
});

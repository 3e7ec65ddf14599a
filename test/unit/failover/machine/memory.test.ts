import { expect, test } from 'vitest';
import type { Finding } from '../../../../src/failover/diagnosis.js';
import type { Found } from '../../../../src/failover/findings.js';
import {
  choiceSettingsOf,
  noteEqual,
  noteFound,
  noteLost,
  noteObstacle,
  optionsOf,
} from '../../../../src/failover/machine/memory.js';
import { initialState } from '../../../../src/failover/machine/state.js';
import { answers, sight } from '../../pool/sights.js';

const settings = {
  stalledAfterMs: 60_000,
  cooldownMs: 30_000,
  restartGraceMs: 0,
  failbackAfterMs: 600_000,
  shadow: null,
};
const begun = initialState(settings);
const found = (
  server: string,
  finding: Finding,
  evidence: Found['sight']['evidence'] = answers(),
): Found => ({
  ...{ sight: sight(server, evidence), finding, reasons: [] },
});

test('a member has been healthy since it was found so, without a break', () => {
  const healthyFor = (...founds: readonly Found[]): number | undefined => {
    const { memory } = founds.reduce((state, one, index) => noteFound(state, [one], index * 1000), begun);
    const pool = [{ name: 'a', priority: 0, avoided: false }];
    return optionsOf({ ...memory, pool }, [], founds.length * 1000)[0]?.healthyForMs;
  };
  const healthy = found('a', 'healthy');
  expect(healthyFor(healthy)).toBe(1000);
  expect(healthyFor(healthy, healthy, healthy)).toBe(3000);
  expect(healthyFor(healthy, found('a', 'stalled'), healthy)).toBe(1000);
  expect(healthyFor(healthy, found('a', 'stalled'))).toBe(0);
  // Without a look at it, nobody knows.
  expect(healthyFor(healthy, found('a', 'healthy', null))).toBe(0);
  expect(healthyFor()).toBe(0);
  expect(healthyFor(healthy, found('b', 'stalled'))).toBe(2000);
});

test('what a shadow has shown stays when another one shows something, until its server is rebuilt', () => {
  const sights = (changed: string | null) => [sight('a', answers(), { changed }), sight('b', answers())];
  const span = { since: 1, until: 2, transactions: 3 };
  const later = { since: 4, until: 5, transactions: 6 };
  const one = noteEqual(begun, { server: 'a', ...span }, sights(null));
  const both = noteEqual(one, { server: 'b', ...later }, sights(null));
  const without = noteEqual(both, null, sights(null));
  expect([...without.memory.equal]).toEqual([
    ['a', span],
    ['b', later],
  ]);
  const rebuilt = noteEqual(without, null, sights('its binary log was reset'));
  expect([...rebuilt.memory.equal]).toEqual([['b', later]]);
  expect(noteEqual(rebuilt, { server: 'b', ...span }, sights(null)).memory.equal.get('b')).toEqual(span);
});

test('an option has what is known of its member, and what is configured', () => {
  const pool = [
    { name: 'a', priority: 5, avoided: false },
    { name: 'b', priority: 0, avoided: true },
  ];
  const { memory } = noteLost(begun, 'b', 4000);
  expect(optionsOf({ ...memory, pool }, [found('c', 'dead'), found('a', 'stalled')], 10_000)).toEqual([
    {
      ...sight('a', answers()),
      priority: 5,
      avoided: false,
      finding: 'stalled',
      healthyForMs: 0,
      lostForMs: null,
    },
    { ...sight('b', null), priority: 0, avoided: true, finding: 'healthy', healthyForMs: 0, lostForMs: 6000 },
  ]);
});

test('each server keeps its own last obstacle and its last loss', () => {
  const obstacles = noteObstacle(noteObstacle(noteObstacle(begun, 'a', 'x'), 'b', 'y'), 'a', 'z');
  expect([...obstacles.memory.obstacles]).toEqual([
    ['a', 'z'],
    ['b', 'y'],
  ]);
  expect([...noteLost(noteLost(begun, 'a', 1), 'b', 2).memory.lostAtMs]).toEqual([
    ['a', 1],
    ['b', 2],
  ]);
});

test('the time since the last switch is none if there was none', () => {
  const { memory } = begun;
  const common = { cooldownMs: 30_000, failbackAfterMs: 600_000 };
  expect(choiceSettingsOf(memory, 5000)).toEqual({ ...common, sinceSwitchMs: null });
  expect(choiceSettingsOf({ ...memory, switchedAtMs: 2000 }, 5000)).toEqual({
    ...common,
    sinceSwitchMs: 3000,
  });
});

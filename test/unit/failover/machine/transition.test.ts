import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Action } from '../../../../src/failover/machine/action.js';
import type { Happening, Placed } from '../../../../src/failover/machine/event.js';
import { type AgentPhase, shown } from '../../../../src/failover/machine/shown-state.js';
import { initialState, type StreamState } from '../../../../src/failover/machine/state.js';
import { transition } from '../../../../src/failover/machine/transition.js';
import { WaymarkError } from '../../../../src/util/errors.js';
import { answers, mute, sight, source } from '../../pool/sights.js';
import { settings } from './settings.js';

const pool = ['a', 'b', 'c'].map((name) => ({ name, priority: 0, avoided: false }));
const sights = [...pool.map(({ name }) => sight(name, answers())), source()];
const stand = {
  coordinates: { file: 'mysql-bin.000001', position: 400 },
  hint: null,
  sequence: 0,
  partialChanges: 0,
};

const place = (server: string): Placed => ({
  ...{ server, serverId: 1, version: '8.4.0', coordinates: { file: 'mysql-bin.000001', position: 4 } },
  ...{ hint: null, gtid: null, confidence: null, matched: 0, isAnchored: true, took: null },
  logEnd: { file: 'mysql-bin.000001', position: 4 },
});

const configured: Happening = { type: 'configured', pool, settings };
const placed = (server: string): Happening => ({ type: 'placed', place: place(server) });
const ended = (code: 'stream-broken' | 'sink'): Happening => ({
  ...{ type: 'stream-ended', error: new WaymarkError(code, code), lastHeardAtMs: 0, stand },
});
const looked = (own: ReturnType<typeof sight>): Happening => ({
  ...{ type: 'looked', own, probe: 'refused', others: sights.filter(({ server }) => server !== own.server) },
});

/** Goes through what happens, a second after the other, the first at the time 1. */
function run(happenings: readonly Happening[], begin = initialState(settings)): [StreamState, Action[]] {
  let state = begin;
  const all: Action[] = [];
  for (const [index, happening] of happenings.entries()) {
    const next = transition(state, { ...happening, atMs: (index + 1) * 1000, wallMs: index + 1 });
    state = next.state;
    all.push(...next.actions);
  }
  return [state, all];
}

function phaseAfter(...happenings: Happening[]): AgentPhase {
  return shown(run(happenings)[0]).phase;
}

const begun: Happening[] = [configured, { type: 'led' }, placed('a'), { type: 'begun' }];
const lost: Happening[] = [...begun, ended('stream-broken')];
const dead: Happening[] = [...lost, looked(sight('a', mute('refused')))];
const chosen: Happening[] = [...dead, { type: 'surveyed', sights }];
const proved: Happening[] = [...chosen, { type: 'proved', server: 'b' }];

describe('the way of a stream', () => {
  test('start, loss, next place, level, stop', () => {
    expect(phaseAfter()).toEqual({ kind: 'starting' });
    expect(phaseAfter(...begun)).toEqual({ kind: 'streaming', server: 'a', since: 3 });
    expect(phaseAfter(...lost)).toEqual({ kind: 'searching', lost: 'a', finding: 'stream-broken', since: 5 });
    for (const events of [dead, chosen, proved]) {
      expect(phaseAfter(...events)).toEqual({ kind: 'searching', lost: 'a', finding: 'dead', since: 6 });
    }
    const [state, actions] = run([...proved, placed('b'), { type: 'begun' }]);
    expect(shown(state).phase).toEqual({ kind: 'streaming', server: 'b', since: 9 });
    expect(state.memory.switches.map(({ to, blackoutMs }) => [to, blackoutMs])).toEqual([
      ['a', null],
      ['b', 10_000],
    ]);
    expect(actions.map((action) => action.do)).toContain('count-blackout');
    const [stopped] = run([{ type: 'ended', error: new Error('SIGTERM') }], state);
    expect(shown(stopped)).toEqual({
      phase: { kind: 'stopped', reason: 'SIGTERM' },
      switches: state.memory.switches,
    });
  });

  test('the phases by their names', () => {
    const kinds = [begun, lost, dead, chosen].map((events) => run(events)[0].phase.kind);
    expect(kinds).toEqual(['reading', 'suspecting', 'choosing', 'proving']);
    const refusals = pool.map(({ name }): Happening => ({
      ...{ type: 'not-proved', server: name, error: new WaymarkError('server-unreachable', name) },
      late: false,
    }));
    // The lost server itself is a reserve, called when the others have failed.
    expect(run([...chosen, ...refusals])[0].phase.kind).toBe('waiting');
  });

  test('what comes after the stop changes nothing', () => {
    const [stopped] = run([...begun, ended('sink')]);
    expect(shown(stopped).phase).toEqual({ kind: 'stopped', reason: 'sink' });
    const [later, actions] = run([placed('b'), ...lost.slice(3), { type: 'surveyed', sights }], stopped);
    expect([later, actions]).toEqual([stopped, []]);
  });

  test('only the last twenty switches are kept', () => {
    const [state] = run(Array.from({ length: 50 }, () => placed('a')));
    expect(state.memory.switches.map(({ at }) => at)).toEqual(
      Array.from({ length: 20 }, (_, index) => 31 + index),
    );
  });
});

describe('between leaderships', () => {
  const failed: Happening = { type: 'halted', reason: 'x', retry: { since: 1, retryMs: 1000 } };
  const shownFailed = { kind: 'failed', reason: 'x', since: 1, retryMs: 1000 };

  test('what has failed has failed until it is read again', () => {
    expect(phaseAfter(...begun, failed)).toEqual(shownFailed);
    expect(phaseAfter(...begun, failed, { type: 'led' })).toEqual(shownFailed);
    expect(phaseAfter(...begun, failed, { type: 'led' }, { type: 'resumed', before: 'a' })).toEqual(
      shownFailed,
    );
    expect(phaseAfter(...begun, failed, { type: 'led' }, placed('a')).kind).toBe('streaming');
  });

  test('the switches of all leaderships are told, the last of them', () => {
    const [state] = run([...begun, failed, { type: 'led' }, placed('b')]);
    expect(state.memory.switches).toHaveLength(2);
  });

  test('a stream that was stopped for another agent stands by again', () => {
    const stopped: Happening = { type: 'ended', error: new Error('for another agent') };
    expect(phaseAfter(...begun, stopped, { type: 'stood-by', since: 7, leader: 'h' })).toEqual({
      ...{ kind: 'standby', since: 7, leader: 'h' },
    });
  });
});

test('no event changes the state it is given, and each leads to a state that can be shown', () => {
  const happening: fc.Arbitrary<Happening> = fc.constantFrom<Happening>(
    ...[...proved, placed('b'), ended('sink'), { type: 'woken' } as const, { type: 'rehearsed' } as const],
    ...[
      { type: 'ordered', order: 1, target: 'b' } as const,
      { type: 'stood-by', since: 1, leader: null } as const,
    ],
    ...[
      { type: 'tick', sights, lastHeardAtMs: 0, equal: null } as const,
      { type: 'resumed', before: 'a' } as const,
    ],
    { type: 'stream-left', lastHeardAtMs: 0, stand },
    { type: 'batch', records: 1, hints: 0, position: stand.coordinates },
    { type: 'behind', server: 'b' },
    { type: 'not-rehearsed', error: new Error('no'), behind: false },
  );
  fc.assert(
    fc.property(fc.array(happening), happening, (before, next) => {
      const [state] = run(before);
      const copy = structuredClone(state);
      const after = transition(state, { ...next, atMs: 1e6, wallMs: 1e6 });
      expect(structuredClone(state)).toEqual(copy);
      expect(JSON.parse(JSON.stringify(shown(after.state)))).toEqual(shown(after.state));
    }),
  );
});

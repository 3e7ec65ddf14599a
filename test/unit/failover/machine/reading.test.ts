import { describe, expect, test } from 'vitest';
import type { Action } from '../../../../src/failover/machine/action.js';
import type { Happening, Placed } from '../../../../src/failover/machine/event.js';
import { shown } from '../../../../src/failover/machine/shown-state.js';
import { initialState, type StreamState } from '../../../../src/failover/machine/state.js';
import { transition } from '../../../../src/failover/machine/transition.js';
import { WaymarkError } from '../../../../src/util/errors.js';
import { answers, mute, sight, source } from '../../pool/sights.js';
import { settings } from './settings.js';

const pool = ['a', 'b', 'c'].map((name) => ({ name, priority: 0, avoided: false }));
const sights = [...pool.map(({ name }) => sight(name, answers())), source()];
const at = (position: number) => ({ file: 'mysql-bin.000001', position });
const stand = { coordinates: at(400), hint: null, sequence: 0, partialChanges: 0 };

const place: Placed = {
  ...{ server: 'a', serverId: 1, version: '8.4.0', coordinates: at(4), hint: null, confidence: null },
  ...{ matched: 0, gtid: null, isAnchored: true, took: null, logEnd: at(900) },
};
const placed = (server: string, change: Partial<Placed> = {}): Happening => ({
  ...{ type: 'placed', place: { ...place, server, ...change } },
});
const batch = (records: number, hints: number, position = 500): Happening => ({
  ...{ type: 'batch', records, hints, position: at(position) },
});
const ended = (lastHeardAtMs: number | null): Happening => ({
  ...{ type: 'stream-ended', error: new WaymarkError('stream-broken', 'it broke'), lastHeardAtMs, stand },
});
const left = (lastHeardAtMs: number | null): Happening => ({ type: 'stream-left', lastHeardAtMs, stand });
const looked = (own: ReturnType<typeof sight>, others = sights): Happening => ({
  ...{ type: 'looked', own, probe: 'refused', others: others.filter(({ server }) => server !== own.server) },
});
const [dead, alive] = [looked(sight('a', mute('refused'))), looked(sight('a', answers()))];
const surveyed: Happening = { type: 'surveyed', sights };
const tick = (seen = sights): Happening => ({
  ...{ type: 'tick', sights: seen, lastHeardAtMs: 0, equal: null },
});
const order: Happening = { type: 'ordered', order: 7, target: 'b' };
const failure = (server: string): Happening => ({
  ...{ type: 'not-proved', server, late: false, error: new WaymarkError('server-unreachable', 'gone') },
});

/** What happens, and when on the monotonic clock; the wall clock is an hour ahead. */
type Told = readonly [atMs: number, happening: Happening];

/** Goes through it; gives the state at the end, and what the last of it led to. */
function run(...told: readonly Told[]): { readonly state: StreamState; readonly last: readonly Action[] } {
  let state = initialState(settings);
  let last: readonly Action[] = [];
  for (const [atMs, happening] of told) {
    const next = transition(state, { ...happening, atMs, wallMs: atMs + 3_600_000 });
    state = next.state;
    last = next.actions;
  }
  return { state, last };
}

const begun: Told[] = [
  [0, { type: 'configured', pool, settings }],
  [0, { type: 'led' }],
  [0, placed('a')],
  [0, { type: 'begun' }],
];
/** Lost at 10 s, heard last at 9 s, found dead at 10.5 s, proved on b half a second later. */
const lost: Told[] = [...begun, [10_000, ended(9000)], [10_500, dead], [10_500, surveyed]];
const proved: Told[] = [...lost, [11_000, { type: 'proved', server: 'b' }]];
/** Ordered from a to b, and on the way there. */
const onItsWay: Told[] = [
  ...begun,
  [5000, order],
  [6000, { type: 'rehearsed' }],
  [7000, left(6500)],
  [8000, { type: 'proved', server: 'b' }],
];

const kinds = (actions: readonly Action[]): string[] => actions.map((action) => action.do);
const lastSwitch = ({ memory }: StreamState) => memory.switches.at(-1);

describe('a place', () => {
  test('at a start is no switch, and is called what it is', () => {
    const { state, last } = run(...begun.slice(0, 3));
    expect(kinds(last)).not.toContain('count-switch');
    expect(last.at(-1)).toEqual({ do: 'read', save: 'start' });
    expect(lastSwitch(state)).toMatchObject({
      from: null,
      to: 'a',
      finding: 'start',
      timeline: null,
      blackoutMs: null,
    });
    expect(lastSwitch(run([0, placed('a', { confidence: 'exact' })]).state)).toMatchObject({
      finding: 'restart',
    });
  });

  test('behind a loss is a switch, with what took how long', () => {
    const { state, last } = run(...proved, [11_500, placed('b', { took: { locateMs: 200, verifyMs: 300 } })]);
    expect(last[0]).toEqual({ do: 'count-switch', change: lastSwitch(state) });
    expect(last.at(-1)).toEqual({ do: 'read', save: 'switch' });
    const timeline = { detectMs: 1500, chooseMs: 500, locateMs: 200, verifyMs: 300, firstRecordMs: null };
    expect(lastSwitch(state)).toMatchObject({ from: 'a', to: 'b', finding: 'dead', at: 3_611_500, timeline });
  });

  test('what was done for it in advance doesn’t make the choice shorter than nothing', () => {
    const took = { locateMs: 800, verifyMs: 900 };
    expect(lastSwitch(run(...proved, [11_500, placed('b', { took })]).state)?.timeline?.chooseMs).toBe(0);
    expect(lastSwitch(run(...proved, [11_500, placed('b')]).state)?.timeline).toMatchObject({
      ...{ chooseMs: 1000, locateMs: 0, verifyMs: 0 },
    });
  });

  test('belongs to the loss before it, also if it comes while nobody is tried or while all have failed', () => {
    const choosing = run(...begun, [10_000, ended(9000)], [10_500, dead], [11_000, placed('b')]);
    expect(lastSwitch(choosing.state)).toMatchObject({ from: 'a', finding: 'dead' });
    const failures: Told[] = pool.map(({ name }) => [11_000, failure(name)]);
    const waiting = run(...lost, ...failures);
    expect(waiting.state.phase).toMatchObject({ kind: 'waiting', why: 'pool' });
    expect(lastSwitch(run(...lost, ...failures, [12_000, placed('b')]).state)).toMatchObject({ from: 'a' });
    expect(run(...lost, ...failures, [12_000, { type: 'woken' }])).toEqual({
      state: waiting.state,
      last: [],
    });
  });

  test('on the same server again is no reason to stay there for a while', () => {
    expect(run(...begun, [5000, placed('a')]).state.memory.switchedAtMs).toBeNull();
    expect(run(...proved, [11_500, placed('b')]).state.memory.switchedAtMs).toBe(11_500);
  });
});

describe('the end of a switch', () => {
  const reading: Told[] = [...proved, [11_500, placed('b')], [11_600, { type: 'begun' }]];

  test('is the first record: how long it took from there, and from the last word before', () => {
    const { state, last } = run(...reading, [12_000, batch(1, 0)]);
    expect(lastSwitch(state)).toMatchObject({ to: 'b', blackoutMs: 3000, timeline: { firstRecordMs: 400 } });
    expect(state.memory.switches).toHaveLength(2);
    expect(last[0]).toEqual({ do: 'count-blackout', blackoutMs: 3000 });
    expect(kinds(last)).not.toContain('answer');
  });

  test('changes the last switch, and none before it', () => {
    const back = looked(sight('b', mute('refused')));
    const again: Told[] = [
      ...([
        ...reading,
        [12_000, batch(1, 0)],
        [50_000, ended(49_000)],
        [50_500, back],
        [50_500, surveyed],
      ] as Told[]),
      ...([
        [51_000, { type: 'proved', server: 'c' }],
        [51_500, placed('c')],
        [51_600, { type: 'begun' }],
      ] as Told[]),
    ];
    const { memory } = run(...again, [52_000, batch(1, 0)]).state;
    expect(memory.switches.map(({ to, blackoutMs }) => [to, blackoutMs])).toEqual([
      ['a', null],
      ['b', 3000],
      ['c', 3000],
    ]);
  });

  test('has come already if the log ends where reading begins', () => {
    const { state, last } = run(
      ...proved,
      [11_500, placed('b', { logEnd: at(4) })],
      [11_600, { type: 'begun' }],
    );
    expect(lastSwitch(state)).toMatchObject({ blackoutMs: 2600, timeline: { firstRecordMs: 0 } });
    expect(kinds(last)).toContain('count-blackout');
  });

  test('comes once, and not before there is anything', () => {
    expect(kinds(run(...reading, [12_000, batch(0, 0)]).last)).toEqual([]);
    expect(kinds(run(...reading, [12_000, batch(1, 0)], [13_000, batch(1, 0)]).last)).toEqual([]);
    expect(kinds(run(...begun, [1000, batch(1, 0)]).last)).toEqual([]);
  });

  test('is a batch without progress if nobody knows where the log ends', () => {
    const unknown: Told[] = [...proved, [11_500, placed('b', { logEnd: null })], [11_600, { type: 'begun' }]];
    expect(kinds(run(...unknown, [12_000, batch(0, 0)]).last)).toEqual([]);
    expect(kinds(run(...unknown, [12_000, batch(0, 0)], [12_500, batch(0, 0, 600)]).last)).toEqual([]);
    const idle = run(...unknown, [12_000, batch(0, 0)], [12_500, batch(0, 0)]);
    expect(kinds(idle.last)).toContain('count-blackout');
  });

  test('answers the order for it, and ends the move', () => {
    const there: Told[] = [...onItsWay, [8500, placed('b')], [8600, { type: 'begun' }]];
    expect(run(...there).state.memory.move).toMatchObject({ stage: 'left' });
    const { state, last } = run(...there, [9000, batch(1, 0)]);
    expect(state.memory.move).toBeNull();
    expect(last.find((action) => action.do === 'answer')).toMatchObject({ order: 7 });
    // Heard last at 6.5 s.
    expect(lastSwitch(state)).toMatchObject({
      finding: 'planned',
      blackoutMs: 2500,
      timeline: { detectMs: 500 },
    });
  });
});

describe('what comes', () => {
  const heard = ({ state: { phase } }: ReturnType<typeof run>) => phase.kind === 'reading' && phase.heard;

  test('makes the server one that was heard of', () => {
    expect(heard(run(...begun))).toBe(false);
    expect(heard(run(...begun, [1000, batch(0, 0)]))).toBe(true);
    const elsewhere: Told[] = [...proved, [11_500, placed('b')], [11_600, { type: 'begun' }]];
    expect(heard(run(...elsewhere))).toBe(false);
    expect(heard(run(...elsewhere, [12_000, batch(0, 0)]))).toBe(true);
    expect(heard(run(...elsewhere, [12_000, batch(1, 0)]))).toBe(true);
  });

  test('ends a row of broken streams if it is a record or a hint, and not if it is nothing', () => {
    const again: Told[] = [
      ...([...begun, [10_000, ended(9000)], [10_500, alive]] as Told[]),
      ...([
        [11_000, { type: 'proved', server: 'a' }],
        [11_500, placed('a')],
        [11_600, { type: 'begun' }],
      ] as Told[]),
    ];
    const inARow = (...told: Told[]): number => run(...again, ...told).state.memory.brokenInARow;
    expect(inARow()).toBe(1);
    expect([batch(0, 0), batch(1, 0), batch(0, 1)].map((one) => inARow([12_000, one]))).toEqual([1, 0, 0]);
    expect(inARow([12_000, batch(0, 0)], [13_000, ended(12_500)], [13_500, alive])).toBe(2);
  });
});

describe('a loss', () => {
  const seekOf = ({ state: { phase } }: ReturnType<typeof run>) => ('seek' in phase ? phase.seek : null);

  test('counts from the last word of the server, or from its end if there was none', () => {
    expect(seekOf(run(...lost))?.loss).toEqual({
      ...{ server: 'a', cause: 'dead', lastHeardAtMs: 9000, foundAtMs: 10_500, since: 3_610_500 },
    });
    const silent = run(...begun, [10_000, ended(null)], [10_500, dead]);
    expect(seekOf(silent)?.loss?.lastHeardAtMs).toBe(10_000);
    expect(
      seekOf(run(...begun, [5000, order], [6000, { type: 'rehearsed' }], [7000, left(null)]))?.loss,
    ).toEqual({
      ...{ server: 'a', cause: 'planned', lastHeardAtMs: 7000, foundAtMs: 7000, since: 3_607_000 },
    });
  });

  test('leads to all others as its cause says, or as if the server were unreachable after one was tried alone', () => {
    expect(seekOf(run(...lost))?.cause).toBe('dead');
    expect(seekOf(run(...begun, [10_000, ended(9000)], [10_500, alive]))?.cause).toBe('unreachable');
    expect(
      seekOf(run(...begun, [5000, order], [6000, { type: 'rehearsed' }], [7000, left(6500)]))?.cause,
    ).toBe('unreachable');
    const rebuilt = sights.map((one) =>
      one.server === 'a' ? { ...one, changed: 'its log began anew' } : one,
    );
    const leaving = run(...begun, [5000, tick(rebuilt)], [6000, left(5500)]);
    expect(seekOf(leaving)?.cause).toBe('rebuilt');
    // It isn’t gone back to at once; a server that was left on an order may be.
    expect([...leaving.state.memory.lostAtMs.keys()]).toEqual(['a']);
    const ahead = sight('b', answers({ executed: 'mysql-bin.000002:200' }));
    const stalled = [sight('a', answers(), { standsForMs: 60_000 }), ahead, source()];
    const away = run(...begun, [5000, tick(stalled)], [6000, { type: 'rehearsed' }], [7000, left(6500)]);
    expect([...away.state.memory.lostAtMs.keys()]).toEqual(['a']);
    const planned = run(...begun, [5000, order], [6000, { type: 'rehearsed' }], [7000, left(6500)]);
    expect([...planned.state.memory.lostAtMs.keys()]).toEqual([]);
  });

  test('of the target of an order, before that has sent anything, is the answer to the order', () => {
    const gone = run(...onItsWay, [8500, placed('b')], [8600, { type: 'begun' }], [9000, ended(8600)]);
    expect(gone.last.find((action) => action.do === 'answer')).toMatchObject({
      ...{ order: 7, outcome: { message: expect.stringContaining('before it sent anything') as string } },
    });
  });

  test('is what it is only while the stream is read', () => {
    const { state } = run(...lost);
    expect(run(...lost, [11_000, left(9000)]).state).toEqual(state);
    expect(run(...lost, [11_000, batch(1, 0)]).state).toEqual(state);
  });
});

describe('while no server can be reached', () => {
  const unseen = pool.map(({ name }) => sight(name, mute('no-answer')));
  const nobody = looked(sight('a', mute('no-answer')), unseen);
  const isolated: Told[] = [...begun, [10_000, ended(9000)], [10_500, nobody]];

  test('that is what is shown, since it was found', () => {
    expect(shown(run(...isolated).state).phase).toEqual({
      ...{ kind: 'searching', lost: 'a', finding: 'isolated', since: 3_610_500 },
    });
    const again = run(...isolated, [11_000, { type: 'woken' }], [11_500, nobody]);
    expect(shown(again.state).phase).toMatchObject({ finding: 'isolated', since: 3_610_500 });
  });

  test('a server that then refuses is dead; one that is silent is looked at once more', () => {
    const later = (own: Happening) =>
      run(...isolated, [11_000, { type: 'woken' }], [11_500, own]).state.phase;
    expect(later(dead)).toMatchObject({ kind: 'choosing', seek: { cause: 'dead' } });
    const silent = looked(sight('a', mute('no-answer')));
    expect(later(silent)).toMatchObject({ kind: 'waiting', why: 'network' });
    const twice: Told[] = [
      ...isolated,
      [11_000, { type: 'woken' }],
      [11_500, silent],
      [12_000, { type: 'woken' }],
    ];
    expect(run(...twice, [12_500, silent]).state.phase).toMatchObject({ seek: { cause: 'unreachable' } });
  });
});

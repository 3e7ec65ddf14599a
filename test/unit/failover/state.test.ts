import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type AgentEvent,
  type AgentState,
  initialState,
  type Switch,
  transition,
} from '../../../src/failover/state.js';

const change = (to: string, at = 1): Switch => ({
  from: null,
  to,
  finding: 'start',
  confidence: null,
  hint: null,
  coordinates: { file: 'mysql-bin.000001', position: 4 },
  skipped: 0,
  blackoutMs: null,
  timeline: null,
  at,
});

const run = (events: readonly AgentEvent[]): AgentState => events.reduce(transition, initialState);

describe('the way of an agent', () => {
  test('start, loss, next place, level, stop', () => {
    const placed: AgentEvent = { type: 'placed', change: change('a', 10) };
    expect(run([placed]).phase).toEqual({ kind: 'streaming', server: 'a', since: 10 });

    const lost: AgentEvent = { type: 'lost', server: 'a', finding: 'dead', at: 20 };
    expect(run([placed, lost])).toEqual({
      phase: { kind: 'searching', lost: 'a', finding: 'dead', since: 20 },
      switches: [change('a', 10)],
    });

    const next: AgentEvent = { type: 'placed', change: change('b', 30) };
    const level: AgentEvent = { type: 'level', blackoutMs: 123, firstRecordMs: 23 };
    const state = run([placed, lost, next, level]);
    expect(state.phase).toEqual({ kind: 'streaming', server: 'b', since: 30 });
    expect(state.switches.map(({ to, blackoutMs }) => [to, blackoutMs])).toEqual([
      ['a', null],
      ['b', 123],
    ]);
    expect(transition(state, { type: 'stopped', reason: 'SIGTERM' })).toEqual({
      ...state,
      phase: { kind: 'stopped', reason: 'SIGTERM' },
    });
  });

  test('level before any place changes nothing', () => {
    expect(transition(initialState, { type: 'level', blackoutMs: 1, firstRecordMs: 1 })).toBe(initialState);
  });

  test('what comes after the stop changes nothing', () => {
    const stopped = run([
      { type: 'placed', change: change('a', 10) },
      { type: 'stopped', reason: 'diverged' },
    ]);
    expect(transition(stopped, { type: 'lost', server: 'a', finding: 'dead', at: 20 })).toBe(stopped);
    expect(transition(stopped, { type: 'level', blackoutMs: 1, firstRecordMs: 1 })).toBe(stopped);
  });

  test('only the last twenty switches are kept', () => {
    const state = run(
      Array.from({ length: 50 }, (_, at): AgentEvent => ({ type: 'placed', change: change('a', at) })),
    );
    expect(state.switches.map(({ at }) => at)).toEqual(Array.from({ length: 20 }, (_, index) => 30 + index));
  });
});

test('no event changes the state it is given', () => {
  const event: fc.Arbitrary<AgentEvent> = fc.oneof(
    fc.nat(99).map((at): AgentEvent => ({ type: 'placed', change: change('a', at) })),
    fc.nat(99).map((at): AgentEvent => ({ type: 'lost', server: 'a', finding: 'dead', at })),
    fc.nat(99).map((blackoutMs): AgentEvent => ({ type: 'level', blackoutMs, firstRecordMs: 1 })),
    fc.constant<AgentEvent>({ type: 'stopped', reason: 'x' }),
  );
  fc.assert(
    fc.property(fc.array(event), event, (before, next) => {
      const state = run(before);
      const copy = structuredClone(state);
      transition(state, next);
      expect(state).toEqual(copy);
    }),
  );
});

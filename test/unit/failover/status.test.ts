import { describe, expect, test } from 'vitest';
import { initialState, type AgentState } from '../../../src/failover/state.js';
import { statusOf } from '../../../src/failover/status.js';
import { hintFromToken } from '../../../src/hints/hint.js';
import { TrailKeeper } from '../../../src/matching/trail-keeper.js';
import type { Progress } from '../../../src/tail/progress.js';

const coordinates = { file: 'mysql-bin.000018', position: 4711 };

function progress(lastHeardAtMs: number | null): Progress {
  return {
    coordinates,
    keeper: new TrailKeeper(10),
    sourceServerId: null,
    partial: null,
    records: 7,
    transactions: 3,
    passedOver: 2,
    bornHere: 1,
    bytes: 0,
    lastSecond: null,
    lastHeardAtMs,
    gtidPosition: new Map(),
  };
}

const streaming: AgentState = { phase: { kind: 'streaming', server: 'db2:3306', since: 1 }, switches: [] };

describe('health', () => {
  const health = (state: AgentState, lastHeardAtMs: number | null, nowMs: number): string | null => {
    const status = statusOf('s', state, progress(lastHeardAtMs), null, nowMs);
    expect(status.healthy).toBe(status.unhealthyBecause === null);
    return status.unhealthyBecause;
  };

  test('streaming, and the server was heard from', () => {
    expect(health(streaming, null, 5)).toBeNull();
    expect(health(streaming, 100_000, 100_500)).toBeNull();
    expect(health(streaming, 100_000, 110_000)).toBeNull();
  });

  test('streaming, and nothing has come for more than ten seconds', () => {
    expect(health(streaming, 100_000, 112_400)).toContain('db2:3306 for 12 s');
  });

  test('in every other phase it is not healthy, and says why', () => {
    expect(health(initialState, 100, 100)).toContain('not begun');
    const phase = { kind: 'searching', lost: 'db2:3306', finding: 'dead', since: 1 } as const;
    expect(health({ phase, switches: [] }, 100, 100)).toMatch(/db2:3306 is lost \(dead\)/);
    const stopped = { kind: 'stopped', reason: 'diverged' } as const;
    expect(health({ phase: stopped, switches: [] }, 100, 100)).toContain('diverged');
  });
});

test('the view', () => {
  const state = progress(1000);
  state.keeper.hint(hintFromToken('asc:6B01F8DB:0000000000000006:317ACA46'), coordinates);
  state.keeper.transaction({ digest: 1n, second: 1, origin: '' });
  const view = statusOf('shop-audit', streaming, state, Date.UTC(2026, 10, 21, 20, 14, 53), 1250.4);
  expect(view).toEqual({
    stream: 'shop-audit',
    healthy: true,
    unhealthyBecause: null,
    phase: streaming.phase,
    coordinates: 'mysql-bin.000018:4711',
    hint: 'asc:6B01F8DB:0000000000000006:317ACA46',
    sequence: 1,
    canSwitch: true,
    records: 7,
    transactions: 3,
    passedOver: 2,
    bornHere: 1,
    silentMs: 250,
    checkpointSavedAt: '2026-11-21T20:14:53.000Z',
    switches: [],
  });
  expect(JSON.parse(JSON.stringify(view))).toEqual(view);
});

test('before the first hint no other server could be matched', () => {
  const view = statusOf('s', streaming, progress(null), null, 0);
  expect(view).toMatchObject({ canSwitch: false, hint: null, silentMs: null, checkpointSavedAt: null });
});

import { describe, expect, test } from 'vitest';
import type { MemberView } from '../../../src/failover/member-view.js';
import type { AgentState } from '../../../src/failover/machine/shown-state.js';
import { type AgentStatus, statusOf, type StatusSources } from '../../../src/failover/status.js';
import { hintFromToken } from '../../../src/hints/hint.js';
import { newProgress, type Progress } from '../../../src/tail/progress.js';
import { sampleMember, sampleSwitch } from '../http/status-samples.js';

const coordinates = { file: 'mysql-bin.000018', position: 4711 };

function progress(lastHeardAtMs: number | null): Progress {
  const counts = { records: 7, transactions: 3, passedOver: 2, errant: 1 };
  return { ...newProgress(10), coordinates, lastHeardAtMs, ...counts };
}

const begun: AgentState = { phase: { kind: 'starting' }, switches: [] };
const streaming: AgentState = { phase: { kind: 'streaming', server: 'db2:3306', since: 1 }, switches: [] };
const wallMs = Date.UTC(2026, 10, 21, 20, 15);

function sources(change: Partial<StatusSources> = {}): StatusSources {
  return {
    stream: 'shop-audit',
    token: 0,
    state: streaming,
    progress: progress(100_000),
    shadow: null,
    members: [],
    logs: { of: () => [] },
    checkpoint: { savedAt: null, failures: 0, droppedEntries: 0, failing: null },
    sink: { backlog: 0, busySinceMs: null, trouble: null },
    injectors: null,
    now: { monotonicMs: 100_250.4, wallMs },
    ...change,
  };
}

/** A member as it was seen last. */
function member(change: Partial<MemberView>, evidence: Partial<MemberView['evidence']> = {}): MemberView {
  const seen = sampleMember.evidence && { ...sampleMember.evidence, ...evidence };
  return { ...sampleMember, server: 'db2:3306', evidence: seen, ...change };
}

test('who injects hints: the server is named if it is watched', () => {
  const lease = { holder: 'ops1/7/0a0b0c0d', since: 1, waiting: [] };
  const hinted = { ...progress(null), sourceServerId: 2 };
  const injectorOf = (change: Partial<StatusSources>) => statusOf(sources(change)).injector;
  expect(injectorOf({})).toEqual({ lease: null, server: null, serverId: null });
  expect(injectorOf({ injectors: lease, progress: hinted })).toEqual({ lease, server: null, serverId: 2 });
  const members = [member({}, { serverId: 3 }), member({ server: 'db1:3306' }, { serverId: 2 })];
  expect(injectorOf({ members, progress: hinted })).toEqual({ lease: null, server: 'db1:3306', serverId: 2 });
  expect(injectorOf({ members: [{ ...members[0]!, evidence: null }] })).toMatchObject({ server: null });
});

describe('health', () => {
  const health = (change: Partial<StatusSources>): string | null => {
    const status = statusOf(sources(change));
    expect(status.healthy).toBe(status.unhealthyBecause === null);
    expect(status.ready).toBe(status.notReadyBecause === null);
    return status.unhealthyBecause;
  };
  const at = (monotonicMs: number): Partial<StatusSources> => ({ now: { monotonicMs, wallMs } });

  test('streaming, and the server was heard from', () => {
    expect(health({ progress: progress(null) })).toBeNull();
    expect(health(at(100_500))).toBeNull();
    expect(health(at(110_000))).toBeNull();
  });

  test('streaming, and nothing has come for more than ten seconds', () => {
    expect(health(at(112_400))).toContain('db2:3306 for 12 s');
    expect(statusOf(sources(at(112_400))).ready).toBe(true);
  });

  test('a sink that does not accept is to blame for the silence', () => {
    const sink = { backlog: 40, busySinceMs: 100_100, trouble: null };
    expect(health({ ...at(110_000), sink })).toBeNull();
    expect(health({ ...at(112_400), sink })).toBe('the sink has not accepted 40 records for 12 s');
  });

  test('a checkpoint that cannot be saved for half a minute', () => {
    const checkpoint = {
      savedAt: wallMs - 60_000,
      failures: 4,
      droppedEntries: 0,
      failing: { sinceMs: 80_000, reason: 'ZooKeeper is away' },
    };
    expect(health({ checkpoint })).toBeNull();
    const later = { checkpoint, ...at(111_000), progress: progress(110_900) };
    expect(health(later)).toBe('the checkpoint could not be saved for 31 s: ZooKeeper is away');
  });

  test('a server that lives and gets nothing', () => {
    const stalled = member({ finding: 'stalled', reasons: ['its applier does not run', 'ahead of it: db1'] });
    expect(health({ members: [stalled] })).toBe(
      'db2:3306 is stalled: its applier does not run; ahead of it: db1',
    );
    expect(health({ members: [{ ...stalled, server: 'db1:3306' }] })).toBeNull();
  });

  test('in every other phase it is neither healthy nor ready, and says why', () => {
    const phases: [AgentState, RegExp][] = [
      [begun, /not begun/],
      [
        { phase: { kind: 'searching', lost: 'db2:3306', finding: 'dead', since: 1 }, switches: [] },
        /the stream from db2:3306 has ended \(dead\)/,
      ],
      [{ phase: { kind: 'stopped', reason: 'diverged' }, switches: [] }, /diverged/],
    ];
    for (const [state, reason] of phases) {
      expect(health({ state })).toMatch(reason);
      expect(statusOf(sources({ state })).notReadyBecause).toMatch(reason);
    }
  });
});

describe('lag', () => {
  const lag = (members: readonly MemberView[], change: Partial<Progress> = {}): AgentStatus['lag'] =>
    statusOf(
      sources({
        members,
        progress: { ...progress(100_000), lastSecond: wallMs / 1000 - 7, ...change },
        logs: {
          of: () => [
            { file: 'mysql-bin.000018', sizeBytes: 5000 },
            { file: 'mysql-bin.000019', sizeBytes: 100 },
          ],
        },
      }),
    ).lag;

  test('level with the server: as far behind as the server is', () => {
    expect(lag([member({})])).toEqual({ bytes: 0, seconds: 3 });
    expect(lag([member({}, { replication: null })])).toEqual({ bytes: 0, seconds: 0 });
    const stopped = sampleMember.evidence?.replication && {
      ...sampleMember.evidence.replication,
      lagSeconds: null,
    };
    expect(lag([member({}, { replication: stopped ?? null })])).toEqual({ bytes: 0, seconds: null });
  });

  test('behind it: as old as the last transaction', () => {
    expect(lag([member({}, { coordinates: 'mysql-bin.000018:4811' })])).toEqual({ bytes: 100, seconds: 7 });
    expect(lag([member({}, { coordinates: 'mysql-bin.000019:54' })])).toEqual({ bytes: 343, seconds: 7 });
  });

  test('never below nothing, whatever the clocks say', () => {
    const end = member({}, { coordinates: 'mysql-bin.000018:5000' });
    expect(lag([end], { lastSecond: wallMs / 1000 + 30 }).seconds).toBe(0);
    expect(lag([member({}, { coordinates: 'mysql-bin.000018:4' })]).bytes).toBe(0);
  });

  test('where nothing is known', () => {
    expect(lag([], { lastSecond: null })).toEqual({ bytes: null, seconds: null });
    expect(lag([member({ evidence: null })])).toEqual({ bytes: null, seconds: 7 });
    expect(lag([member({}, { coordinates: 'mysql-bin.000021:4' })])).toEqual({ bytes: null, seconds: 7 });
    expect(lag([member({})], { coordinates: { file: '', position: 0 } }).bytes).toBeNull();
  });
});

test('the view', () => {
  const state = { ...progress(100_000), lastSecond: 1 };
  state.keeper.hint(
    hintFromToken(`asc:${(wallMs / 1000 - 4).toString(16).toUpperCase()}:0000000000000006:317ACA46`),
    coordinates,
  );
  state.keeper.transaction({ digest: 1n, second: 1, origin: '' });
  const members = [member({})];
  const view = statusOf(
    sources({
      state: { ...streaming, switches: [sampleSwitch] },
      progress: state,
      members,
      checkpoint: { savedAt: wallMs - 7000, failures: 2, droppedEntries: 0, failing: null },
      sink: { backlog: 3, busySinceMs: 100_200, trouble: null },
    }),
  );
  expect(view).toEqual({
    stream: 'shop-audit',
    token: 0,
    ...{ healthy: true, unhealthyBecause: null, ready: true, notReadyBecause: null },
    phase: streaming.phase,
    server: 'db2:3306',
    finding: 'healthy',
    coordinates: 'mysql-bin.000018:4711',
    hint: state.keeper.lastHint?.token,
    hintAgeSeconds: 4,
    sequence: 1,
    anchors: 'hint',
    canSwitch: true,
    confidence: 'exact',
    lag: { bytes: 0, seconds: 3 },
    records: 7,
    transactions: 3,
    bytes: 0,
    passedOver: 2,
    errant: 1,
    trail: { hints: 1, transactions: 1 },
    shadow: null,
    silentMs: 250,
    checkpoint: {
      savedAt: '2026-11-21T20:14:53.000Z',
      ageSeconds: 7,
      failures: 2,
      droppedEntries: 0,
      failing: null,
    },
    sink: { backlog: 3, busyMs: 50, trouble: null },
    injector: { lease: null, server: null, serverId: null },
    members,
    switches: [sampleSwitch],
  });
  expect(JSON.parse(JSON.stringify(view))).toEqual(view);
});

test('before the first hint no other server could be matched', () => {
  const view = statusOf(sources({ progress: progress(null), state: begun }));
  expect(view).toMatchObject({
    ...{ canSwitch: false, hint: null, hintAgeSeconds: null, silentMs: null, confidence: null },
    ...{ server: null, finding: null, checkpoint: { savedAt: null, ageSeconds: null } },
  });
});

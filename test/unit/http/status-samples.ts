import type { MemberView } from '../../../src/failover/member-view.js';
import type { Switch } from '../../../src/failover/switch.js';
import type { AgentStatus } from '../../../src/failover/status.js';

/** A switch after a failure. */
export const sampleSwitch: Switch = {
  from: '127.0.0.1:3401',
  to: '127.0.0.1:3402',
  finding: 'dead',
  confidence: 'exact',
  hint: 'asc:6B01F8DB:0000000000000006:317ACA46',
  gtid: null,
  coordinates: { file: 'mysql-bin.000018', position: 4 },
  skipped: 12,
  blackoutMs: 291,
  timeline: { detectMs: 20, chooseMs: 30, locateMs: 40, verifyMs: 180, firstRecordMs: 21 },
  at: Date.UTC(2026, 10, 21, 20, 14, 53),
};

/** A member that is read. */
export const sampleMember: MemberView = {
  server: '127.0.0.1:3402',
  role: 'member',
  priority: 10,
  avoided: false,
  reading: true,
  finding: 'healthy',
  reasons: [],
  equal: null,
  inTheWay: null,
  evidence: {
    outcome: 'answers',
    reachable: true,
    error: null,
    connectMs: 2,
    serverId: 2,
    uuid: 'u',
    readOnly: true,
    replication: {
      source: '127.0.0.1:3400',
      sourceServerId: 1,
      receiverRunning: true,
      applierRunning: true,
      lagSeconds: 3,
      delaySeconds: 0,
      lastError: '',
      executed: 'mysql-bin.000001:4711',
    },
    cluster: null,
    coordinates: 'mysql-bin.000018:4711',
    replicas: null,
    at: Date.UTC(2026, 10, 21, 20, 14, 53),
  },
};

/** A stream that is read from a server. */
export const sampleStatus: AgentStatus = {
  stream: 'shop-audit',
  healthy: true,
  unhealthyBecause: null,
  ready: true,
  notReadyBecause: null,
  phase: { kind: 'streaming', server: '127.0.0.1:3402', since: Date.UTC(2026, 10, 21, 20, 14, 53) },
  token: 0,
  server: '127.0.0.1:3402',
  finding: 'healthy',
  coordinates: 'mysql-bin.000018:4711',
  hint: 'asc:6B01F8DB:0000000000000006:317ACA46',
  hintAgeSeconds: 2,
  sequence: 3,
  anchors: 'hint',
  canSwitch: true,
  confidence: 'exact',
  lag: { seconds: 3, bytes: 0 },
  records: 10,
  transactions: 5,
  bytes: 12_345,
  passedOver: 12,
  errant: 1,
  trail: { hints: 2, transactions: 1024 },
  shadow: { server: '127.0.0.1:3403', ahead: 2, behind: 0, met: 900, inDoubt: false, bufferedBytes: 2048 },
  silentMs: 120,
  checkpoint: {
    savedAt: '2026-11-21T20:14:53.000Z',
    ageSeconds: 1,
    failures: 0,
    droppedEntries: 0,
    failing: null,
  },
  sink: { backlog: 0, busyMs: null, trouble: null },
  injector: {
    lease: { holder: 'ops1/7/0a0b0c0d', since: Date.UTC(2026, 10, 21, 20, 0), waiting: ['ops2/8/0a0b0c0e'] },
    ...{ server: '127.0.0.1:3400', serverId: 1 },
  },
  members: [
    sampleMember,
    {
      ...sampleMember,
      server: '127.0.0.1:3401',
      priority: 0,
      reading: false,
      finding: 'dead',
      reasons: ['its port refuses connections'],
      equal: {
        since: Date.UTC(2026, 10, 21, 20, 0),
        until: Date.UTC(2026, 10, 21, 20, 14, 53),
        transactions: 1234,
      },
      inTheWay: 'it was lost 3 s ago (failover.cooldown is 30 s)',
      evidence: null,
    },
  ],
  switches: [sampleSwitch],
};

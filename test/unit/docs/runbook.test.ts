import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findings } from '../../docs/findings.js';
import { Secret } from '../../../src/config/secret.js';
import { rejectionsOf } from '../../../src/resume/candidate.js';
import { choose, type ChoiceSettings, type Option } from '../../../src/failover/choice.js';
import { Metrics } from '../../../src/http/metrics.js';
import type { Inspection } from '../../../src/mysql/inspect.js';
import type { ReplicationChannel, ServerFacts } from '../../../src/mysql/server-facts.js';
import { parseServerVersion } from '../../../src/mysql/version.js';
import { type ErrorCode, exitCodes } from '../../../src/util/errors.js';
import { logEvents } from '../../docs/log-events.js';
import { codesIn, tableRows } from '../../docs/markdown.js';
import { answers, mute, sight } from '../pool/sights.js';
import { sampleStatus } from '../http/status-samples.js';

/** What the runbook and the page about HTTP list is held against what the code has. */

const runbook = readFileSync('docs/runbook.md', 'utf8');
const aboutHttp = readFileSync('docs/http-and-metrics.md', 'utf8');

/** What the tables with such a heading list in their first column. */
function listed(page: string, heading: string): string[] {
  const cells = tableRows(page, heading).map(([first]) => first);
  expect(cells, `a table with the heading ${heading}`).not.toEqual([]);
  return cells.flatMap(codesIn).toSorted();
}

test('every error code says what to do', () => {
  const codes: Record<ErrorCode, true> = {
    usage: true,
    config: true,
    conditions: true,
    'server-unreachable': true,
    'access-denied': true,
    'missing-grant': true,
    'unsuitable-server': true,
    protocol: true,
    checksum: true,
    'stream-broken': true,
    'stream-silent': true,
    'unsupported-event': true,
    coordinates: true,
    'not-found': true,
    behind: true,
    purged: true,
    'server-behind': true,
    'out-of-order': true,
    diverged: true,
    'no-trail': true,
    'no-candidate': true,
    'switch-refused': true,
    'agent-unreachable': true,
    'token-refused': true,
    'checkpoint-damaged': true,
    'checkpoint-foreign': true,
    'checkpoint-conflict': true,
    'checkpoint-store': true,
    'election-store': true,
    'missing-table': true,
    'not-leader': true,
    sink: true,
    spool: true,
    refused: true,
    replication: true,
    'not-put-back': true,
    interrupted: true,
  };
  expect(listed(runbook, 'code')).toEqual(Object.keys(codes).toSorted());
});

test('every exit code says what it means', () => {
  const rows = tableRows(runbook, 'exit code');
  expect(rows.map(([code]) => Number(code))).toEqual(Object.values(exitCodes).toSorted());
  for (const [, means, what] of rows) expect([means, what]).not.toContain('');
});

test('every log event says what it means, and none that is not there', () => {
  expect(listed(runbook, 'event')).toEqual([...logEvents()].toSorted());
});

describe('metrics', () => {
  test('every one is explained, and none that is not there', async () => {
    const text = await new Metrics().text([sampleStatus]);
    const names = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name ?? '');
    expect(listed(aboutHttp, 'metric')).toEqual(names.toSorted());
  });
});

test('every finding is explained', () => {
  expect(listed(runbook, 'finding')).toEqual(findings.toSorted());
});

describe('reasons for not taking a server', () => {
  const patterns = listed(runbook, 'reason').map((text) => {
    const parts = text.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${parts.join('.+')}$`);
  });
  const isExplained = (reason: string): boolean => patterns.some((pattern) => pattern.test(reason));

  /** Every reason of a choice among these servers, for every cause. */
  function reasonsOf(option: Partial<Option>, settings: Partial<ChoiceSettings> = {}): string[] {
    const basis = {
      priority: 0,
      avoided: false,
      finding: 'healthy',
      healthyForMs: 900_000,
      lostForMs: null,
    } as const;
    const options: Option[] = [
      { ...sight('a', answers()), ...basis },
      { ...sight('b', answers()), ...basis, priority: 1, ...option },
    ];
    const all = { cooldownMs: 30_000, failbackAfterMs: 600_000, sinceSwitchMs: null, ...settings };
    const causes = [...findings, 'planned', 'failback'] as const;
    return causes.flatMap((cause) => choose(cause, 'a', options, all).rejections.map(({ reason }) => reason));
  }

  test('of the choice', () => {
    const reasons = [
      ...reasonsOf({}),
      ...reasonsOf({}, { sinceSwitchMs: 1000 }),
      ...reasonsOf({}, { failbackAfterMs: null }),
      ...reasonsOf({ lostForMs: 1000 }),
      ...reasonsOf({ avoided: true }),
      ...reasonsOf({ evidence: null }),
      ...reasonsOf({ finding: 'stalled' }),
      ...reasonsOf({ evidence: answers({ delaySeconds: 60 }) }),
      ...reasonsOf({ priority: 0 }),
      ...reasonsOf({ healthyForMs: 1000 }),
    ];
    expect(new Set(reasons).size).toBeGreaterThan(12);
    expect(reasons.filter((reason) => !isExplained(reason))).toEqual([]);
    // What the connection itself says comes as it is.
    expect(reasonsOf({ evidence: mute('refused') })).toContain('refused');
  });

  test('of its settings', () => {
    const facts: ServerFacts = {
      version: parseServerVersion('8.0.36'),
      ...{ serverId: 2, uuid: 'u', binaryLogging: true, binlogFormat: 'ROW', rowImage: 'FULL' },
      ...{ rowMetadata: 'FULL', rowValueOptions: '', logsReplicatedChanges: true, readOnly: true },
      ...{ gtidSet: '', gtidState: '', gtids: 'none', keepsCommitOrder: true, cluster: null },
    };
    const channel: ReplicationChannel = {
      ...{ name: '', sourceHost: 'db1', sourcePort: 3306, sourceServerId: 1 },
      executed: { file: 'mysql-bin.000001', position: 4 },
      received: { file: 'mysql-bin.000001', position: 4 },
      domainsLevel: true,
      ...{
        receiverState: 'Yes',
        byGtid: false,
        receiverRunning: true,
        applierRunning: true,
        lagSeconds: 0,
        delaySeconds: 0,
        lastError: '',
        applierErrorNumber: 0,
      },
      filters: ['Replicate_Do_DB=shop'],
    };
    const member = {
      name: 'db2:3306',
      instance: {
        address: { host: 'db2', port: 3306 },
        account: { user: 'u', password: new Secret('p') },
      },
      ...{ priority: 0, avoided: false },
    };
    const changes: Partial<ServerFacts>[] = [
      { binaryLogging: false },
      { binlogFormat: 'MIXED' },
      { rowImage: 'MINIMAL' },
      { rowValueOptions: 'PARTIAL_JSON' },
      { logsReplicatedChanges: false },
      { serverId: 0 },
      { version: parseServerVersion('5.5.62') },
    ];
    for (const change of changes) {
      const inspection: Inspection = {
        facts: { ...facts, ...change },
        channels: [channel],
        logEnd: null,
      };
      const reasons = rejectionsOf(member, inspection, []);
      expect(reasons).toHaveLength(2);
      expect(reasons.filter((reason) => !isExplained(reason))).toEqual([]);
    }
    const channels = [
      { ...channel, filters: [] },
      { ...channel, name: 'second', filters: [] },
    ];
    const reasons = rejectionsOf(member, { facts, channels, logEnd: null }, []);
    expect(reasons).toHaveLength(1);
    expect(reasons.filter((reason) => !isExplained(reason))).toEqual([]);
  });
});

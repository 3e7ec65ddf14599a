import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/config/secret.js';
import { rejectionsOf } from '../../src/failover/candidate.js';
import { choose, type ChoiceSettings, type Option } from '../../src/failover/choice.js';
import type { Finding } from '../../src/failover/finding.js';
import { Metrics } from '../../src/http/metrics.js';
import type { Inspection } from '../../src/mysql/inspect.js';
import type { ReplicationChannel, ServerFacts } from '../../src/mysql/server.js';
import { parseServerVersion } from '../../src/mysql/version.js';
import type { ErrorCode } from '../../src/util/errors.js';
import { answers, mute, sight } from './failover/sights.js';
import { sampleStatus } from './http/status-samples.js';

/** What the README promises to list is held against what the code has. */

const readme = readFileSync('README.md', 'utf8');

/** The first cells of the table with such a heading. */
function firstCells(heading: RegExp): string[] {
  const lines = readme.split('\n');
  const begin = lines.findIndex((line) => heading.test(line));
  expect(begin, `a table with the heading ${heading}`).toBeGreaterThan(-1);
  const rest = lines.slice(begin + 2);
  const end = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(0, end).map((line) => line.split(' | ')[0]?.replace(/^\| /, '').trim() ?? '');
}

/** What stands in backticks, in order. */
function codesIn(cells: readonly string[]): string[] {
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? ''));
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
    'hint-not-found': true,
    'hint-behind': true,
    'hint-purged': true,
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
    'no-zookeeper-client': true,
    'not-leader': true,
    sink: true,
    spool: true,
    refused: true,
    replication: true,
    'not-put-back': true,
    interrupted: true,
  };
  expect(
    codesIn(firstCells(/^\| code +\| what to do/))
      .filter((code) => code in codes)
      .toSorted(),
  ).toEqual(Object.keys(codes).toSorted());
});

describe('metrics', () => {
  test('every one is explained, and none that is not there', async () => {
    const text = await new Metrics().text([sampleStatus]);
    const names = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name ?? '');
    expect(codesIn(firstCells(/^\| metric /)).toSorted()).toEqual(names.toSorted());
  });
});

const findings: Record<Finding, true> = {
  healthy: true,
  'stream-broken': true,
  dead: true,
  unreachable: true,
  stalled: true,
  rebuilt: true,
  'source-down': true,
  isolated: true,
};

test('every finding is explained', () => {
  expect(codesIn(firstCells(/^\| finding /)).toSorted()).toEqual(Object.keys(findings).toSorted());
});

describe('reasons for not taking a server', () => {
  const patterns = codesIn(firstCells(/^\| reason /)).map((text) => {
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
    const causes = [...(Object.keys(findings) as Finding[]), 'planned', 'failback'] as const;
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
      ...{ gtidSet: '', keepsCommitOrder: true },
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
  });
});

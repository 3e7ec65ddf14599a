import { describe, expect, test } from 'vitest';
import { preflightErrors, preflightRefusal } from '../../../src/preflight/preflight-finding.js';
import { poolFindings } from '../../../src/preflight/pool-findings.js';
import type { ReplicationChannel, ServerFacts } from '../../../src/mysql/server-facts.js';
import type { ServerState } from '../../../src/mysql/server-state.js';
import { describeVersion, settingsFindings } from '../../../src/preflight/settings-findings.js';
import { member, node } from '../mysql/cluster-samples.js';
import { parseServerVersion } from '../../../src/mysql/version.js';

const facts: ServerFacts = {
  version: parseServerVersion('10.11.19-MariaDB-log'),
  serverId: 2,
  uuid: 'u2',
  binaryLogging: true,
  binlogFormat: 'ROW',
  rowImage: 'FULL',
  rowMetadata: 'FULL',
  rowValueOptions: '',
  logsReplicatedChanges: true,
  readOnly: true,
  gtidSet: '0-1-5',
  gtidState: '0-1-5',
  gtids: 'shared',
  keepsCommitOrder: true,
  cluster: null,
};

const channel: ReplicationChannel = {
  name: '',
  sourceHost: 'db1',
  sourcePort: 3306,
  sourceServerId: 1,
  executed: { file: 'mysql-bin.000001', position: 4 },
  received: { file: 'mysql-bin.000001', position: 4 },
  domainsLevel: true,
  receiverRunning: true,
  receiverState: 'Yes',
  byGtid: false,
  applierRunning: true,
  lagSeconds: 0,
  delaySeconds: 0,
  lastError: '',
  applierErrorNumber: 0,
  filters: [],
};

const fine: ServerState = {
  server: 'db2:3306',
  facts,
  channels: [channel],
  binlogFilters: [],
  clockOffsetMs: 0,
};

function codes(change: Partial<ServerState>, factsChange: Partial<ServerFacts> = {}): string[] {
  const state = { ...fine, ...change, facts: { ...facts, ...factsChange } };
  return settingsFindings(state).map(({ severity, code }) => `${severity} ${code}`);
}

describe('settingsFindings', () => {
  test('nothing about a server as it should be', () => {
    expect(codes({})).toEqual([]);
    expect(codes({ channels: [] })).toEqual([]);
  });

  test('the binary log', () => {
    expect(codes({}, { binaryLogging: false, binlogFormat: 'MIXED' })).toEqual(['error binary-log-off']);
    expect(codes({}, { binlogFormat: 'MIXED' })).toEqual(['error binlog-format']);
    expect(codes({}, { rowImage: 'MINIMAL' })).toEqual(['error binlog-row-image']);
    expect(codes({}, { rowValueOptions: 'PARTIAL_JSON' })).toEqual(['error partial-json']);
    expect(codes({}, { rowMetadata: 'MINIMAL' })).toEqual(['warning binlog-row-metadata']);
  });

  test('all of it at once, errors first', () => {
    expect(
      codes(
        { channels: [{ ...channel, applierRunning: false }] },
        { rowMetadata: '', rowImage: 'NOBLOB', binlogFormat: 'STATEMENT', serverId: 0 },
      ),
    ).toEqual([
      'error binlog-format',
      'error binlog-row-image',
      'error server-id',
      'warning binlog-row-metadata',
      'warning replication-stopped',
    ]);
  });

  test('a replica must log what it replicates, a source need not', () => {
    expect(codes({}, { logsReplicatedChanges: false })).toEqual(['error no-log-updates']);
    expect(codes({ channels: [] }, { logsReplicatedChanges: false })).toEqual([]);
    // Whether it is a replica isn't known: the missing grant is the finding.
    expect(codes({ channels: null }, { logsReplicatedChanges: false })).toEqual([]);
  });

  test('replication', () => {
    expect(codes({ channels: [{ ...channel, receiverRunning: false, lastError: 'no route' }] })).toEqual([
      'warning replication-stopped',
    ]);
    expect(codes({ channels: [{ ...channel, delaySeconds: 3600, lagSeconds: 3600 }] })).toEqual([
      'warning replication-delayed',
    ]);
    expect(codes({ channels: [{ ...channel, lagSeconds: 61 }] })).toEqual(['warning replication-lag']);
    expect(codes({ channels: [{ ...channel, filters: ['Replicate_Do_DB=shop'] }] })).toEqual([
      'warning replication-filters',
    ]);
    expect(codes({ binlogFilters: [{ name: 'Binlog_Ignore_DB', value: 'tmp' }] })).toEqual([
      'warning replication-filters',
    ]);
    expect(codes({}, { keepsCommitOrder: false })).toEqual(['warning commit-order']);
  });

  test('several channels, whatever their state', () => {
    const other = { ...channel, name: 'b', sourceHost: 'db9', receiverRunning: false };
    expect(codes({ channels: [channel, other] })).toEqual([
      'error multi-source',
      'warning replication-stopped',
    ]);
    const [found] = settingsFindings({ ...fine, channels: [channel, other] });
    expect(found?.message).toContain('(connections: db1:3306 as the default, db9:3306 as b)');
    expect(found?.fix).toContain("RESET SLAVE 'NAME' ALL");
    const mysql = { ...facts, version: parseServerVersion('9.7.0') };
    const [same] = settingsFindings({
      ...fine,
      facts: mysql,
      channels: [channel, { ...channel, name: 'b' }],
    });
    expect(same?.message).toContain('(channels: db1:3306 as the default, db1:3306 as b)');
    expect(same?.fix).toContain("RESET REPLICA ALL FOR CHANNEL 'NAME'");
  });

  test('clusters: no replication channel is needed', () => {
    expect(codes({ channels: [] }, { cluster: node })).toEqual([]);
    expect(codes({ channels: [] }, { cluster: node, logsReplicatedChanges: false })).toEqual([
      'error no-log-updates',
    ]);
    expect(codes({ channels: [] }, { cluster: { ...node, sameGtids: false } })).toEqual([
      'warning wsrep-gtid-mode',
    ]);
    expect(codes({ channels: [] }, { cluster: { ...node, component: 'non-Primary' } })).toEqual([
      'error not-in-primary-component',
    ]);
    expect(
      codes({ channels: [] }, { cluster: { ...member, state: 'ONLINE' }, keepsCommitOrder: false }),
    ).toEqual([]);
    expect(codes({ channels: [] }, { cluster: { ...member, state: 'ERROR' } })).toEqual([
      'error group-member-error',
    ]);
  });

  test('clocks and versions', () => {
    expect(codes({ clockOffsetMs: -12_000 })).toEqual(['warning clock']);
    expect(codes({}, { version: parseServerVersion('5.5.62') })).toEqual(['error old-version']);
    expect(codes({}, { version: parseServerVersion('5.7.44-log') })).toEqual(['warning old-version']);
    expect(codes({}, { version: parseServerVersion('10.4.1-MariaDB') })).toEqual(['warning old-version']);
    expect(codes({}, { version: parseServerVersion('8.0.36') })).toEqual([]);
    expect(describeVersion(facts.version)).toBe('MariaDB 10.11.19');
  });

  test('messages name the server and the value, fixes the statement', () => {
    const [found] = settingsFindings({ ...fine, facts: { ...facts, binlogFormat: 'MIXED' } });
    expect(found?.message).toBe('db2:3306 logs statements instead of rows (binlog_format is MIXED)');
    expect(found?.fix).toContain("SET GLOBAL binlog_format = 'ROW'");
  });
});

describe('poolFindings', () => {
  const report = (server: string, change: Partial<ServerFacts>, rest: Partial<ServerState> = {}) => ({
    server,
    findings: [],
    state: { ...fine, ...rest, server, facts: { ...facts, ...change } },
  });

  test('nothing about servers that differ in what they should', () => {
    expect(poolFindings([report('a:1', {}), report('b:1', { serverId: 3, uuid: 'u3' })], 77)).toEqual([]);
    expect(poolFindings([{ server: 'a:1', findings: [], state: null }, report('b:1', {})])).toEqual([]);
  });

  test('ids used twice', () => {
    const found = poolFindings([
      report('a:1', {}),
      report('b:1', { uuid: 'other' }),
      report('c:1', { serverId: 9 }),
    ]);
    expect(found.map(({ server, code }) => `${server ?? ''} ${code}`)).toEqual([
      'b:1 duplicate-server-id',
      'c:1 duplicate-server',
    ]);
    expect(poolFindings([report('a:1', {})], 2).map(({ code }) => code)).toEqual(['duplicate-server-id']);
  });

  test('filters that differ are an error, the same ones are not', () => {
    const filtered = { channels: [{ ...channel, filters: ['Replicate_Do_DB=shop'] }] };
    const other = { serverId: 3, uuid: 'u3' };
    const [found] = poolFindings([report('a:1', {}), report('b:1', other, filtered)]);
    expect(found).toMatchObject({ severity: 'error', code: 'replication-filters', server: 'b:1' });
    expect(poolFindings([report('a:1', {}, filtered), report('b:1', other, filtered)])).toEqual([]);
  });
});

describe('preflightRefusal', () => {
  const format = settingsFindings({ ...fine, facts: { ...facts, binlogFormat: 'MIXED' } });
  const both = settingsFindings({ ...fine, facts: { ...facts, binlogFormat: 'MIXED', rowImage: 'MINIMAL' } });
  const warned = settingsFindings({ ...fine, facts: { ...facts, rowMetadata: 'MINIMAL' } });

  test('only errors refuse', () => {
    expect(preflightErrors(warned)).toEqual([]);
    expect(preflightRefusal(warned)).toBeNull();
    expect(preflightErrors([...warned, ...format])).toEqual(format);
  });

  test('says all that is wrong, and what to do', () => {
    expect(preflightRefusal(format)).toMatchObject({
      code: 'unsuitable-server',
      details: { server: 'db2:3306' },
    });
    const message = preflightRefusal(both)?.message ?? '';
    expect(message).toContain('2 problems');
    expect(message).toContain('binlog_format is MIXED');
    expect(message).toContain('binlog_row_image is MINIMAL');
    const denied = { ...format[0]!, code: 'missing-grant' as const };
    expect(preflightRefusal([denied])?.code).toBe('missing-grant');
  });
});

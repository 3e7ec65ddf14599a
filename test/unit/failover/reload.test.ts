import { expect, test } from 'vitest';
import { parseConfig } from '../../../src/config/load.js';
import type { Config } from '../../../src/config/schema.js';
import { type ReloadReport, reloadReport } from '../../../src/failover/reload.js';

const nothing: ReloadReport = { added: [], removed: [], changed: [], notApplied: [] };

/** A configuration whose lines may be replaced, by key. */
function config(change: Record<string, string> = {}): Config {
  const lines = {
    stream: 's',
    servers: '[db1, {address: db2, priority: 5}]',
    user: 'u',
    password: 'p',
    checkpoint: '{store: file, path: ./state}',
    http: '{listen: "127.0.0.1:9464", token: "12345678"}',
    ...change,
  };
  const text = Object.entries(lines).map(([key, value]) => `${key}: ${value}\n`);
  return parseConfig(text.join(''), 'test', {});
}

test.each<[string, Record<string, string>, Partial<ReloadReport>]>([
  ['nothing', {}, {}],
  ['members, one in, one out', { servers: '[db3, db1]' }, { added: ['db3:3306'], removed: ['db2:3306'] }],
  ['the order of members alone', { servers: '[{address: db2, priority: 5}, db1]' }, {}],
  ['a priority', { servers: '[db1, db2]' }, { changed: ['servers.priority'] }],
  ['the source', { source: 'db0' }, { changed: ['source'] }],
  [
    'settings of failover',
    { failover: '{cooldown: 1s, onDivergence: continue, failbackAfter: 10m, avoid: [db2]}' },
    {
      changed: ['failover.onDivergence', 'failover.cooldown', 'failover.failbackAfter', 'failover.avoid'],
    },
  ],
  [
    'what a restart is needed for',
    { stream: 't', sink: '{type: file, path: a.ndjson}', serverId: '7' },
    { notApplied: ['stream', 'sink', 'serverId'] },
  ],
  ['a password, which never shows', { password: 'q' }, { notApplied: ['password'] }],
  ['a token', { http: '{listen: "127.0.0.1:9464", token: "87654321"}' }, { notApplied: ['http'] }],
])('%s', (_name, change, expected) => {
  const report = reloadReport(config(), config(change));
  const sorted = (names: readonly string[]): string[] => names.toSorted();
  expect({ ...report, notApplied: sorted(report.notApplied), changed: sorted(report.changed) }).toEqual({
    ...nothing,
    ...expected,
    notApplied: sorted(expected.notApplied ?? []),
    changed: sorted(expected.changed ?? []),
  });
});

import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../../src/config/address.js';
import { chooseSource, type SourceChoice } from '../../../src/injection/source-choice.js';
import { parseServerVersion } from '../../../src/mysql/version.js';
import type { LivingServer, SurveyedServer } from '../../../src/topology/surveyed-server.js';
import { buildTopology } from '../../../src/topology/tree.js';
import { alive, channel, dead, nodeFacts } from '../topology/surveyed-servers.js';

/** The choice among servers that are all in the config file. */
function choose(looks: readonly SurveyedServer[], present: string | null = null): SourceChoice {
  const starts = looks.map(({ address }) => address);
  return chooseSource(buildTopology(looks, starts), present);
}

/** The same in a few words. */
function words(choice: SourceChoice): string {
  switch (choice.kind) {
    case 'source':
      return choice.server;
    case 'several':
      return `several: ${choice.servers.join(', ')}`;
    case 'none':
      return `none: ${choice.others.map(({ server, why }) => `${server} ${why}`).join(', ')}`;
  }
}

/** What differs from an ordinary server. */
function facts(change: Partial<LivingServer['facts']>): { facts: LivingServer['facts'] } {
  return { facts: { ...alive('any:1').facts, ...change } };
}

const readOnly = facts({ readOnly: true });
const stopped = { receiverRunning: false, receiverState: 'No', applierRunning: false };

describe('one source', () => {
  test('it is the writable server that replicates from no other, also outside the config file', () => {
    const looks = [alive('r1:1', { sources: ['s:1'] }), alive('r2:1', { sources: ['s:1'] }), alive('s:1')];
    const starts = ['r1:1', 'r2:1'].map(parseAddress);
    expect(chooseSource(buildTopology(looks, starts), null)).toEqual({
      kind: 'source',
      server: 's:1',
      address: { host: 's', port: 1 },
    });
  });

  test('a planned promotion: first nobody is a source, then the new one', () => {
    const below = alive('r:1', { sources: ['n:1'] });
    const [old, next] = [alive('o:1', readOnly), alive('n:1', readOnly)];
    expect(words(choose([old, next, below], 'o:1'))).toBe(
      'none: o:1 is read-only, n:1 is read-only, r:1 is a replica of n:1',
    );
    expect(words(choose([old, alive('n:1'), below], 'o:1'))).toBe('n:1');
  });

  test('its replicas stay replicas while it is dead, however writable they are', () => {
    const connecting = channel('s:1', { receiverRunning: false, receiverState: 'Connecting' });
    const looks = [
      dead('s:1'),
      alive('r1:1', { channels: [connecting] }),
      alive('r2:1', { sources: ['s:1'] }),
    ];
    expect(words(choose(looks, 's:1'))).toBe(
      'none: s:1 connect ECONNREFUSED, r1:1 is a replica of s:1, r2:1 is a replica of s:1',
    );
  });

  test('a server whose channel is stopped is a replica, whether its source lives or not, until it forgets it', () => {
    const below = alive('n:1', { channels: [channel('s:1', stopped)] });
    expect(words(choose([alive('s:1'), below]))).toBe('s:1');
    expect(words(choose([dead('s:1'), below], 's:1'))).toBe(
      'none: s:1 connect ECONNREFUSED, n:1 is a replica of s:1',
    );
    expect(words(choose([dead('s:1'), alive('n:1')], 's:1'))).toBe('n:1');
  });

  test('the former source that comes back as a replica is none', () => {
    expect(words(choose([alive('o:1', { sources: ['n:1'] }), alive('n:1')], 'o:1'))).toBe('n:1');
  });

  test('it keeps the name that it is known by', () => {
    const looks = [alive('10.0.0.1:1', { identity: 'one' }), alive('db1:1', { identity: 'one' })];
    expect(choose(looks, 'db1:1')).toEqual({
      kind: 'source',
      server: 'db1:1',
      address: { host: '10.0.0.1', port: 1 },
    });
  });
});

describe('no source', () => {
  const version = { ...parseServerVersion('10.11.19-MariaDB-log'), binlogServer: true as const };
  test.each<[string, Partial<LivingServer>]>([
    ['is read-only', readOnly],
    ['writes no binary log (log_bin is OFF)', facts({ binaryLogging: false })],
    ['is a binlog server', facts({ version })],
    ['does not let the account see whether it is a replica', { channels: null }],
    ['takes no part in its cluster now', nodeFacts('a', { ready: false })],
  ])('%s', (why, change) => {
    expect(words(choose([alive('s:1', change)]))).toBe(`none: s:1 ${why}`);
  });

  test('a ring has none', () => {
    const ring = [alive('a:1', { sources: ['b:1'] }), alive('b:1', { sources: ['a:1'] })];
    expect(words(choose(ring))).toBe('none: a:1 is a replica of b:1, b:1 is a replica of a:1');
  });

  test('whether a server answers is told', () => {
    expect(choose([dead('s:1'), alive('r:1', readOnly)])).toEqual({
      kind: 'none',
      others: [
        { server: 's:1', answers: false, why: 'connect ECONNREFUSED' },
        { server: 'r:1', answers: true, why: 'is read-only' },
      ],
    });
  });
});

describe('several sources', () => {
  test('two writable servers without a source are named, also when one of them was the source', () => {
    const looks = [alive('o:1'), alive('n:1'), alive('r:1', { sources: ['n:1'] })];
    expect(words(choose(looks))).toBe('several: o:1, n:1');
    expect(words(choose(looks, 'o:1'))).toBe('several: o:1, n:1');
  });

  test('members of one cluster are one source: the present one, else the first that takes part', () => {
    const node = (address: string, joined = true): LivingServer =>
      alive(address, nodeFacts('a', { ready: joined }));
    const cluster = [node('a:1'), node('b:1'), node('c:1')];
    expect(words(choose(cluster))).toBe('a:1');
    expect(words(choose(cluster, 'b:1'))).toBe('b:1');
    expect(words(choose([node('a:1'), node('b:1', false), node('c:1')], 'b:1'))).toBe('a:1');
    expect(words(choose([...cluster, alive('d:1', nodeFacts('z'))]))).toBe('several: a:1, b:1, c:1, d:1');
  });
});

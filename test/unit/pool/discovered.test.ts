import { describe, expect, test } from 'vitest';
import { formatAddress, parseAddress } from '../../../src/config/address.js';
import { incomingAddresses } from '../../../src/mysql/cluster.js';
import { presenceOf, reportsOf, settle, unfitness } from '../../../src/pool/discovered.js';
import type { LivingServer } from '../../../src/topology/surveyed-server.js';
import { alive, channel, dead, nodeFacts } from '../topology/surveyed-servers.js';

/** A server with an id of its own. */
function server(address: string, serverId: number, change: Parameters<typeof alive>[1] = {}): LivingServer {
  const look = alive(address, change);
  return { ...look, facts: { ...look.facts, serverId } };
}

const source = server('s:1', 1, { replicas: ['r1:1', 'r2:1'] });
const member = server('r1:1', 2, { sources: ['s:1'] });
const cluster = (id: string, ...peers: string[]): Partial<LivingServer> => nodeFacts(id, { peers });

describe('what servers report', () => {
  test('replicas and cluster members, each once, with who said it first', () => {
    const node = server('n:1', 3, { ...cluster('a', 'n:1', 'o:1'), replicas: ['r2:1'] });
    expect(reportsOf([source, node]).map(({ address, by }) => `${formatAddress(address)} by ${by}`)).toEqual([
      'r1:1 by s:1',
      'r2:1 by s:1',
      'n:1 by n:1',
      'o:1 by n:1',
    ]);
  });

  test("what a server on another machine calls its own machine is that machine; replicas that don't say are left out", () => {
    const far = server('far:1', 1, {
      listed: [
        { serverId: 2, address: parseAddress('127.0.0.1:7') },
        { serverId: 3, address: null },
        { serverId: 4, address: { host: '/run/mysqld.sock', port: 0 } },
      ],
    });
    expect(reportsOf([far]).map(({ address }) => formatAddress(address))).toEqual(['far:7']);
  });

  test('the addresses of Galera nodes, as far as they tell them', () => {
    const text = '10.0.0.1:3307, AUTO,,:3306,10.0.0.2,[::1]:3306,unix:/x';
    expect(incomingAddresses(text).map(formatAddress)).toEqual([
      '10.0.0.1:3307',
      '10.0.0.2:3306',
      '[::1]:3306',
    ]);
  });
});

describe('who may join', () => {
  const known = [source, member];
  const identities = new Set(known.map(({ identity }) => identity));
  const why = (look: Parameters<typeof unfitness>[0]) => unfitness(look, known, identities);
  const newcomer = (change: Parameters<typeof alive>[1]): LivingServer => server('r2:1', 3, change);
  const foreign = { kind: 'unfit', reason: 'it replicates from no server of the pool' };

  test('a replica of the source, of a member, or of one that it has not reached yet', () => {
    expect(why(newcomer({ sources: ['s:1'] }))).toBeNull();
    expect(why(newcomer({ channels: [channel('elsewhere:1', { sourceServerId: 2 })] }))).toBeNull();
    expect(why(newcomer({ channels: [channel('s:1', { sourceServerId: 0 })] }))).toBeNull();
  });

  test('not one that replicates from elsewhere, from nobody, or does not say', () => {
    expect(why(newcomer({ channels: [channel('s:1', { sourceServerId: 99 })] }))).toEqual(foreign);
    expect(why(newcomer({}))).toEqual(foreign);
    expect(why(newcomer({ channels: null }))).toMatchObject({ kind: 'unfit' });
  });

  test('not one that is known at another address, nor one that does not answer', () => {
    expect(why(newcomer({ sources: ['s:1'], identity: member.identity }))).toEqual({ kind: 'known' });
    expect(why(dead('r2:1'))).toEqual({ kind: 'unfit', reason: 'connect ECONNREFUSED' });
  });

  test('a member of the same cluster, and not one of another', () => {
    const node = server('n:1', 5, cluster('a'));
    const asks = (id: string) => unfitness(server('o:1', 6, cluster(id)), [node], new Set([node.identity]));
    expect(asks('a')).toBeNull();
    expect(asks('b')).toEqual(foreign);
  });
});

describe('who leaves', () => {
  const dropAfterMs = 1000;
  const found = { address: parseAddress('r2:1'), seenAtMs: 5000 };
  const at = (nowMs: number, looks: Parameters<typeof presenceOf>[0]) =>
    settle([found], presenceOf(looks), { nowMs, dropAfterMs });
  const silent = server('s:1', 1);

  test('one that is reported stays, and one that answers, however long ago it was reported', () => {
    const seen = { kept: [{ ...found, seenAtMs: 9000 }], dropped: [] };
    expect(at(9000, [source, dead('r2:1')])).toEqual(seen);
    expect(at(9000, [silent, alive('r2:1')])).toEqual(seen);
  });

  test('one that is gone leaves after a time', () => {
    expect(at(5999, [silent, dead('r2:1')])).toEqual({ kept: [found], dropped: [] });
    expect(at(6000, [silent, dead('r2:1')])).toEqual({ kept: [], dropped: [found] });
  });

  test('nobody leaves while no server answers', () => {
    expect(at(9000, [dead('s:1'), dead('r2:1')])).toEqual({
      kept: [{ ...found, seenAtMs: 9000 }],
      dropped: [],
    });
  });
});

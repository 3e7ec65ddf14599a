import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import type { Inspection } from '../../../src/mysql/inspect.js';
import type { ReplicationChannel, ServerFacts } from '../../../src/mysql/server-facts.js';
import { parseServerVersion } from '../../../src/mysql/version.js';
import {
  judgeOwn,
  type OwnJudgement,
  OwnTransactions,
  type Shown,
  witnessesOf,
} from '../../../src/pool/own-transactions.js';
import { Breadcrumbs } from '../../../src/pool/breadcrumbs.js';
import { PoolWatch } from '../../../src/pool/pool-watch.js';
import { inspectionOf, instance } from '../matching/servers.js';

const [template] = inspectionOf({}).channels as [ReplicationChannel];

/** A server by its number, and the numbers of those that it replicates from. */
function server(
  serverId: number,
  sources: readonly number[],
  gtidState: string,
  change: { readonly facts?: Partial<ServerFacts>; readonly channel?: Partial<ReplicationChannel> } = {},
): Shown {
  const { facts } = inspectionOf({ facts: { serverId, gtidState, ...change.facts } });
  const channels = sources.map((source) => ({
    ...template,
    ...{ sourceHost: `db${source}`, sourceServerId: source, ...change.channel },
  }));
  return { server: `db${serverId}:3306`, inspection: { facts, channels, logEnd: null } };
}

const uuid = '2c256447-3f0d-431b-9a25-bddf1f1f6ef6';
const mysql = { version: parseServerVersion('8.4.3') };
const bare: Inspection = server(2, [1], '0-1-120,0-2-105').inspection;
const own = '0-2-105';

function told(
  why: string,
  expected: OwnJudgement,
  others: readonly Shown[],
  replica: Inspection = bare,
  gtid = own,
) {
  return { why, expected, others, replica, gtid };
}

describe('what a replica has written itself', () => {
  test.each([
    told('its source has it', 'history', [server(1, [], '0-1-120,0-2-105')]),
    told('its source has more of it', 'history', [server(1, [], '0-1-120,0-2-107')]),
    told('its source has less of it', 'errant', [server(1, [], '0-1-120,0-2-104')]),
    told('its source has nothing of it, but more of the domain', 'errant', [server(1, [], '0-1-120')]),
    told('another domain of its source goes further', 'errant', [server(1, [], '0-1-120,1-2-300')]),
    told('another replica has it, and its source lacks it', 'errant', [
      server(1, [], '0-1-120'),
      server(3, [1], '0-2-105'),
    ]),
    told('nobody answers', 'unknown', []),
    told('another replica of its source has it', 'history', [server(3, [1], '0-1-90,0-2-105')]),
    told('another replica of its source lacks it: it may lag', 'unknown', [server(3, [1], '0-1-120')]),
    told('its own replica has it', 'unknown', [server(3, [2], '0-1-120,0-2-105')]),
    told('its source gives other GTIDs', 'unknown', [server(1, [], '0-2-300', { facts: { gtids: 'own' } })]),
    told(
      'its source is a replica that lags',
      'history',
      [server(3, [1], '0-1-90'), server(1, [], '0-2-105')],
      server(2, [3], '').inspection,
    ),
    told(
      'its source is a replica, and whose isn’t known',
      'unknown',
      [server(3, [1], '0-1-90')],
      server(2, [3], '').inspection,
    ),
    told(
      'nobody upstream has it',
      'errant',
      [server(3, [1], '0-1-90'), server(1, [], '0-1-120')],
      server(2, [3], '').inspection,
    ),
    told('its source replicates from it', 'history', [server(1, [2], '0-1-120')]),
    told('its source once replicated from it', 'errant', [
      server(1, [2], '0-1-120', { channel: { receiverState: 'No' } }),
    ]),
    told(
      'one of two sources has it',
      'history',
      [server(1, [], '0-1-120'), server(4, [], '0-2-105')],
      server(2, [1, 4], '').inspection,
    ),
    told(
      'one of two sources can’t be asked',
      'unknown',
      [server(1, [], '0-1-120')],
      server(2, [1, 4], '').inspection,
    ),
    told(
      'MySQL: it is in the set',
      'history',
      [server(1, [], `${uuid}:1-4:6-9`, { facts: mysql })],
      bare,
      `${uuid}:7`,
    ),
    told(
      'MySQL: it is in a gap',
      'errant',
      [server(1, [], `${uuid}:1-4:6-9`, { facts: mysql })],
      bare,
      `${uuid}:5`,
    ),
    told(
      'a receiver that has never connected: by address',
      'history',
      [server(1, [], own)],
      server(2, [1], '', { channel: { sourceServerId: 0 } }).inspection,
    ),
  ])('$why: $expected', ({ expected, others, replica, gtid }) => {
    expect(judgeOwn(gtid, witnessesOf(replica, others))).toBe(expected);
  });
});

test('what a server writes that is no replica is history, and nobody is asked', async () => {
  const logger = pino({ level: 'silent' });
  const transactions = new OwnTransactions({
    ...{ member: { name: 'db1:3306', instance, priority: 0, avoided: false }, logger },
    inspection: inspectionOf({ channels: 0 }),
    watch: new PoolWatch({ logger, breadcrumbs: new Breadcrumbs(), lastHint: () => null }),
    signal: AbortSignal.abort(new Error('asked')),
  });
  const start = { file: 'bin.000001', position: 4 };
  expect(await transactions.judge({ gtid: own, start })).toEqual({ kind: 'history' });
});

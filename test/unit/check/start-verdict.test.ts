import { describe, expect, test } from 'vitest';
import { errorFinding, marked, markedInPool, passes } from '../../../src/check/start-verdict.js';
import { startRefusal } from '../../../src/check/conditions.js';
import type { CheckFinding, RawFinding } from '../../../src/check/check-finding.js';
import { WaymarkError } from '../../../src/util/errors.js';
import { TimeOver } from '../../../src/util/limits.js';
import { ZooKeeperDisconnected, ZooKeeperError } from '../../../src/zookeeper/zookeeper-error.js';
import { zookeeperCode } from '../../../src/zookeeper/zookeeper-calls.js';

const store = (cause: unknown): WaymarkError => new WaymarkError('checkpoint-store', 'away', { cause });

describe('what passes by itself', () => {
  test.each<[string, unknown]>([
    ['no answer in time', new TimeOver('no answer within 1 ms')],
    ['no connection to ZooKeeper', new ZooKeeperDisconnected('connection refused')],
    ['an answer that was lost', new ZooKeeperError(zookeeperCode.connectionLoss)],
    ['a server that is away', new WaymarkError('server-unreachable', 'away')],
    ['a connection that broke', new WaymarkError('stream-broken', 'broke')],
    ['a store whose server is away', store(new WaymarkError('server-unreachable', 'away'))],
    [
      'an election without a connection',
      new WaymarkError('election-store', '', { cause: new ZooKeeperDisconnected() }),
    ],
  ])('%s', (_what, error) => {
    expect(passes(error)).toBe(true);
  });
});

describe('what is there until somebody mends it', () => {
  test.each<[string, unknown]>([
    ['an ACL', store(new ZooKeeperError(zookeeperCode.noAuth))],
    ['a password', store(new WaymarkError('access-denied', 'no'))],
    ["a folder that can't be written", store(Object.assign(new Error('EACCES'), { code: 'EACCES' }))],
    ['a record that is damaged', new WaymarkError('checkpoint-damaged', 'no')],
    ['nothing that was thrown', null],
  ])('%s', (_what, error) => {
    expect(passes(error)).toBe(false);
  });
});

const one = 'db1:3306';
const two = 'db2:3306';
const finding = (server: string, code: RawFinding['code'], severity: RawFinding['severity'] = 'error') => ({
  ...{ server, code, severity, message: `${server} has it`, fix: 'Mend it' },
});
const runs = (findings: readonly CheckFinding[]): string[] => findings.map(({ run }) => run);

describe('servers of a pool', () => {
  const found = [
    finding(one, 'binlog-format'),
    finding(two, 'server-unreachable'),
    finding(two, 'clock', 'warning'),
  ];

  test('a stream that has not begun wants all of them as they should be', () => {
    expect(runs(markedInPool(found, [one, two], false))).toEqual(['refuses', 'waits', 'goes-on']);
  });

  test('the state of a member of a cluster passes', () => {
    const states = [finding(one, 'not-in-primary-component'), finding(two, 'group-member-recovering')];
    expect(runs(markedInPool(states, [one, two], false))).toEqual(['waits', 'waits']);
  });

  test('one that has begun goes on with whichever can do, or may be there later', () => {
    expect(runs(markedInPool(found, [one, two], true))).toEqual(['goes-on', 'waits', 'goes-on']);
    expect(runs(markedInPool(found, [one], true))).toEqual(['refuses', 'waits', 'goes-on']);
  });
});

describe('the error of a refusal', () => {
  test('there is none where all is waited for', () => {
    expect(startRefusal(markedInPool([finding(one, 'server-unreachable')], [one], false))).toBeNull();
  });

  test('has the code of what is wrong, and its facts', () => {
    const cause = new WaymarkError('checkpoint-damaged', 'It is damaged.', { details: { stream: 'shop' } });
    const refusal = startRefusal([errorFinding(cause, cause.code, cause.message, 'Put back a copy')]);
    expect(refusal).toMatchObject({ code: 'checkpoint-damaged', details: { stream: 'shop' } });
    expect(refusal?.message).toBe('It is damaged. Put back a copy');
  });

  test('lists all, under a code of its own where they differ', () => {
    const several = [marked(finding(one, 'binlog-format')), marked(finding(two, 'server-id'))];
    expect(startRefusal(several)).toMatchObject({
      code: 'unsuitable-server',
      message: `2 problems:\n  - ${one} has it. Mend it\n  - ${two} has it. Mend it`,
    });
    expect(startRefusal([...several, marked(finding(two, 'missing-grant'))])?.code).toBe('conditions');
  });
});
